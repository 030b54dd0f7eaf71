"""Which period another one is compared with."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_mcp.domain.periods import parse_period, previous

utc, berlin, new_york = map(ZoneInfo, ("UTC", "Europe/Berlin", "America/New_York"))
SATURDAY = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)


def before(text, now=SATURDAY, zone=utc):
    """The bounds as the clock of the zone shows them."""
    found = previous(parse_period(text, now=now, zone=zone), now=now, zone=zone)
    return found and tuple(
        f"{bound.astimezone(zone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
        for bound in (found.start, found.end)
    )


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026-Q3", "2026-04-01", "2026-07-01"),
        ("2026-Q1", "2025-10-01", "2026-01-01"),
        ("2025", "2024-01-01", "2025-01-01"),
        ("2026-03", "2026-02-01", "2026-03-01"),
        ("2026-01", "2025-12-01", "2026-01-01"),
        ("2026-10-05", "2026-10-04", "2026-10-05"),
        ("yesterday", "2026-11-19", "2026-11-20"),
        ("last week", "2026-11-02", "2026-11-09"),
        ("last month", "2026-09-01", "2026-10-01"),
        ("last quarter", "2026-04-01", "2026-07-01"),
        ("last year", "2024-01-01", "2025-01-01"),
        ("last 2 weeks", "2026-10-19", "2026-11-02"),
        # By the calendar, though these three months have 92 days and those before them too few.
        ("last 3 months", "2026-05-01", "2026-08-01"),
        ("last 4 quarters", "2024-10-01", "2025-10-01"),
        ("1 day ago", "2026-11-19", "2026-11-20"),
        ("3 weeks ago", "2026-10-19", "2026-10-26"),
        ("2 months ago", "2026-08-01", "2026-09-01"),
        # A range is no calendar month, though it may hold one.
        ("2026-10-01..2026-10-31", "2026-08-31", "2026-10-01"),
        ("2026-10-05..2026-10-05", "2026-10-04", "2026-10-05"),
        # Not begun yet: all of the one before.
        ("2027", "2026-01-01", "2027-01-01"),
    ],
)
def test_a_period_is_compared_with_the_one_before(text, first, after):
    assert before(text) == (first, after)


@pytest.mark.parametrize(
    ("text", "first", "until"),
    [
        ("this month", "2026-10-01", "2026-10-21 09:12"),
        ("2026-11", "2026-10-01", "2026-10-21 09:12"),
        ("this week", "2026-11-09", "2026-11-14 09:12"),
        ("this quarter", "2026-07-01", "2026-08-21 09:12"),
        ("2026-Q4", "2026-07-01", "2026-08-21 09:12"),
        ("this year", "2025-01-01", "2025-11-21 09:12"),
        ("ytd", "2025-01-01", "2025-11-21 09:12"),
        ("2026", "2025-01-01", "2025-11-21 09:12"),
        ("today", "2026-11-20", "2026-11-20 09:12"),
        ("last 7 days", "2026-11-08", "2026-11-14 09:12"),
        ("2026-11-16..2026-11-30", "2026-11-01", "2026-11-06 09:12"),
    ],
)
def test_a_period_that_is_not_over_is_compared_with_as_much_of_the_one_before(text, first, until):
    assert before(text) == (first, until)


@pytest.mark.parametrize("text", ["all", "since 2026-10-01", "since monday"])
def test_a_period_without_an_end_has_none_before_it(text):
    assert before(text) is None


def test_a_shorter_month_before_is_not_exceeded():
    late = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert before("this month", late) == ("2026-02-01", "2026-03-01")
    assert before("this year", datetime(2024, 12, 31, 12, tzinfo=UTC))[1] == "2024-01-01"


def test_what_has_passed_is_measured_by_the_clock_of_the_zone():
    # The clocks went back between the two, so that the hours differ by one.
    monday = datetime(2026, 11, 2, 14, tzinfo=UTC)
    assert before("this week", monday, new_york) == ("2026-10-26", "2026-10-26 09:00")
    assert before("last 7 days", monday, new_york) == ("2026-10-20", "2026-10-26 09:00")


def test_whole_days_stay_whole_where_the_clocks_change():
    now = datetime(2026, 11, 10, tzinfo=UTC)
    assert before("2026-10-26..2026-11-01", now, berlin) == ("2026-10-19", "2026-10-26")
    assert before("2026-10-25", now, berlin) == ("2026-10-24", "2026-10-25")
    brazil = ZoneInfo("America/Sao_Paulo")
    noon = datetime(2018, 11, 4, 14, tzinfo=UTC)
    # There was no midnight on that day: it began at one o'clock.
    assert before("today", noon, brazil) == ("2018-11-03", "2018-11-03 12:00")


@given(
    st.sampled_from(["today", "this week", "this month", "ytd", "last 30 days", "2026-Q2"]),
    st.integers(0, 365 * 24 * 60).map(
        lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, n * 60)
    ),
    st.sampled_from([utc, berlin, new_york]),
)
def test_the_one_before_ends_where_or_before_the_period_begins(text, now, zone):
    period = parse_period(text, now=now, zone=zone)
    found = previous(period, now=now, zone=zone)
    assert found.start < period.start
    assert found.start <= found.end <= period.start
    assert not found.keeps_running_tests
    if not period.running:
        assert found.end == period.start
