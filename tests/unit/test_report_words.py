"""What a report is called, what a change means, and which months a trend has."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.reporting import report

from testio_mcp.domain.figures import RATES, Scope
from testio_mcp.domain.periods import parse_period, previous
from testio_mcp.domain.reports import Direction, ReportQuestion, Section, usual_period
from testio_mcp.reports.comparison import COMPARED, compared, direction
from testio_mcp.reports.trend import trend
from testio_mcp.services.report_words import file_name, notes_on, title

utc = ZoneInfo("UTC")
NOW = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
SHOP = {1: "Nordwind Shop"}


def question(period="2026-Q3", **scope):
    found = parse_period(period, now=NOW, zone=utc)
    return ReportQuestion(Scope(period=found if found.start else None, **scope))


@pytest.mark.parametrize(
    ("asked", "products", "customer", "is_all", "called"),
    [
        (question(), SHOP, None, False, "Quality report: Nordwind Shop, 2026-Q3"),
        (question(), SHOP, "ACME", True, "Quality report of ACME: all products, 2026-Q3"),
        (question(product_ids=(1,)), SHOP, None, True, "Quality report: Nordwind Shop, 2026-Q3"),
        (question(), {1: "A", 2: "B"}, None, False, "Quality report: A, B, 2026-Q3"),
        (
            question(),
            dict.fromkeys(range(4), "A"),
            None,
            False,
            "Quality report: 4 products, 2026-Q3",
        ),
        (
            question("all", test_ids=(7,)),
            SHOP,
            None,
            False,
            "Quality report: Nordwind Shop, test 7, all time",
        ),
        (
            question("all", test_ids=(7, 8)),
            SHOP,
            None,
            True,
            "Quality report: Nordwind Shop, 2 tests, all time",
        ),
    ],
)
def test_a_title_says_what_it_is_about(asked, products, customer, is_all, called):
    assert title(asked, products, customer, is_all=is_all) == called


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Nordwind Shop, 2026-Q3", "quality-report-nordwind-shop-2026-Q3"),
        ("../../etc/passwd, CON", "quality-report-etc-passwd-con"),
        ("M\u00fcller \U0001f41b \u5546\u5e97, all", "quality-report-muller-all"),
        ("x" * 300, "quality-report-" + "x" * 65),
    ],
)
def test_a_chosen_file_name_suits_every_file_system(words, name):
    assert file_name(report(words)) == name


def test_named_tests_are_not_narrowed_by_the_usual_period():
    assert usual_period(()) == "last 3 months"
    assert usual_period((7,)) == "all"


@pytest.mark.parametrize(
    ("metric", "change", "meaning"),
    [
        ("acceptance_rate", 0.1, "better"),
        ("active_acceptance_rate", -0.1, "worse"),
        ("auto_acceptance_rate", 0.1, "worse"),
        ("rejection_rate", -0.1, "better"),
        ("rejection_rate", 0.01, "worse"),
        # One bug of a hundred makes as much.
        ("rejection_rate", 0.009, "same"),
        ("review_rate", -0.006, "same"),
        ("rejection_rate", 0.1, "worse"),
        ("review_rate", 0.1, "better"),
        ("bug_count", 3, "higher"),
        ("bugs_per_test", -0.5, "lower"),
        ("test_count", 0, "same"),
        # What reads the same is the same.
        ("rejection_rate", 0.0004, "same"),
        ("bugs_per_test", -0.004, "same"),
        ("review_rate", None, "unknown"),
    ],
)
def test_a_change_is_judged_by_the_sense_of_its_metric(metric, change, meaning):
    assert direction(metric, change) == meaning


def test_every_rate_is_judged_and_nothing_else():
    judged = {
        name for name in COMPARED if direction(name, 1) in (Direction.BETTER, Direction.WORSE)
    }
    assert judged == set(RATES)


def test_nothing_is_subtracted_from_what_is_not_known():
    unknown = dict.fromkeys(COMPARED)
    [rejection] = [
        change
        for change in compared({**unknown, "rejection_rate": 0.2}, unknown)
        if change.metric == "rejection_rate"
    ]
    assert (rejection.value, rejection.previous, rejection.change) == (0.2, None, None)
    assert rejection.direction is Direction.UNKNOWN


def months(period, *found):
    rows = {name: {**dict.fromkeys(RATES), **COUNTS} for name in found}
    asked = parse_period(period, now=NOW, zone=utc)
    told = trend(rows, asked if asked.start or asked.end else None, utc, NOW)
    return [f"{month.month}{'*' if month.partial else ''}" for month in told]


COUNTS = {"test_count": 2, "bug_count": 3, "bugs_per_test": 1.5}


@pytest.mark.parametrize(
    ("period", "found", "shown"),
    [
        ("2026-Q3", ["2026-08"], ["2026-07", "2026-08", "2026-09"]),
        ("2026-Q4", [], ["2026-10", "2026-11*"]),
        ("this month", ["2026-11"], ["2026-11*"]),
        # What still runs may end later.
        ("this month", ["2026-12"], ["2026-11*", "2026-12*"]),
        ("2026-08-15..2026-09-15", [], ["2026-08*", "2026-09*"]),
        ("2027", ["2027-02"], ["2027-02*"]),
        ("2027", [], []),
        ("all", [], []),
        ("all", ["2026-01", "2026-03", None], ["2026-01", "2026-02", "2026-03", "(none)"]),
        ("since 2026-09-01", [], ["2026-09", "2026-10", "2026-11*"]),
        # Sixty years of nothing are left out.
        ("since 1970-01-01", ["2026-09", "2026-10"], ["2026-09", "2026-10"]),
    ],
)
def test_a_trend_goes_from_end_to_end_but_not_into_the_future(period, found, shown):
    assert months(period, *found) == shown


def test_a_month_without_tests_counts_nothing_and_has_no_rates():
    asked = parse_period("2026-07", now=NOW, zone=utc)
    [month] = trend({}, asked, utc, NOW)
    assert (month.tests, month.bugs, month.bugs_per_test, month.review_rate) == (0, 0, None, None)


def notes(period, bugs=500, open_bugs=0, **changes):
    asked = ReportQuestion(Scope(period=parse_period(period, now=NOW, zone=utc)), **changes)
    before = previous(asked.scope.period, now=NOW, zone=utc) if asked.compares else None
    return " ".join(notes_on(asked, before, bugs, open_bugs))


def test_notes_say_what_must_be_known_of_the_figures():
    assert "of executed tests: running, locked, archived." in notes("2026-Q3")
    assert "Nothing to compare with" in notes("since monday")
    assert "Nothing to compare with" not in notes("since monday", compare=False)
    assert "Nothing to compare with" not in notes("since monday", sections=(Section.BUGS,))
    assert "compared up to the same moment" in notes("this month")
    assert "Tests that still run are included" in notes("this month")
    assert "tests that end later are left out of the comparison" in notes("2026-Q4")
    assert "compared up to" not in notes("2026-Q3")
    assert "Only 19 bugs" in notes("2026-Q3", 19)
    assert "Only" not in notes("2026-Q3", 20) + notes("2026-Q3", 0) + notes("2026-Q3", None)


def test_rates_are_provisional_while_bugs_are_open():
    assert notes("2026-Q3", 1_500, 1_200).count("1,200 of 1,500 bugs are still open, so ") == 1
    assert "1 of 30 bugs is still open, so the rates will change." in notes("2026-Q3", 30, 1)
    assert "1 of 1 bug is still open" in notes("2026-Q3", 1, 1)
    without = (notes("2026-Q3"), notes("2026-Q3", None, None))
    assert "still open" not in "".join(without)
    assert "still open" not in notes("2026-Q3", 30, 1, sections=(Section.FEATURES,))
