from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from testio_mcp.domain.periods import GRAMMAR, Period, parse_period
from testio_mcp.errors import InvalidRequest

utc, berlin, auckland = map(ZoneInfo, ("UTC", "Europe/Berlin", "Pacific/Auckland"))

SATURDAY = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)

unhurried = settings(deadline=None, max_examples=50)
minutes_of_a_century = st.integers(0, 100 * 366 * 24 * 60)
instants = minutes_of_a_century.map(
    lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
)
zones = st.sampled_from([utc, berlin, auckland, ZoneInfo("America/New_York")])
amounts = st.integers(1, 300).map(str)
days = st.dates(date(1971, 1, 1), date(2999, 1, 1)).map(str)
units = st.sampled_from(["week", "month", "quarter", "year"])
words = st.one_of(
    st.sampled_from(["today", "yesterday", "ytd", "all", "2026-Q3", "since friday", "monday"]),
    st.tuples(st.sampled_from(["this", "last"]), units).map(" ".join),
    st.tuples(
        st.just("last"), amounts, st.sampled_from(["days", "weeks", "months", "quarters"])
    ).map(" ".join),
    st.tuples(amounts, st.sampled_from(["days", "weeks", "months"]), st.just("ago")).map(" ".join),
    days,
    days.map(lambda day: f"since {day}"),
    days.map(lambda day: day[:7]),
    st.tuples(days, days).map(sorted).map("..".join),
)


def bounds(text: str, now: datetime, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """The bounds as the clock of the zone shows them."""
    period = parse_period(text, now=now, zone=zone)
    return tuple(
        bound and f"{bound.astimezone(zone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
        for bound in (period.start, period.end)
    )


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("today", "2026-11-21", "2026-11-22"),
        ("yesterday", "2026-11-20", "2026-11-21"),
        ("this week", "2026-11-16", "2026-11-21 09:12"),
        ("this month", "2026-11-01", "2026-11-21 09:12"),
        ("this quarter", "2026-10-01", "2026-11-21 09:12"),
        ("this year", "2026-01-01", "2026-11-21 09:12"),
        ("ytd", "2026-01-01", "2026-11-21 09:12"),
        ("last week", "2026-11-09", "2026-11-16"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("last quarter", "2026-07-01", "2026-10-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("last 1 day", "2026-11-21", "2026-11-22"),
        ("last 7 days", "2026-11-15", "2026-11-22"),
        ("last 2 weeks", "2026-11-02", "2026-11-16"),
        ("last 1 month", "2026-10-01", "2026-11-01"),
        ("last 3 months", "2026-08-01", "2026-11-01"),
        ("last 14 months", "2025-09-01", "2026-11-01"),
        ("last 2 quarters", "2026-04-01", "2026-10-01"),
        ("last 4 quarters", "2025-10-01", "2026-10-01"),
        ("1 day ago", "2026-11-20", "2026-11-21"),
        ("30 days ago", "2026-10-22", "2026-10-23"),
        ("1 week ago", "2026-11-09", "2026-11-16"),
        ("3 weeks ago", "2026-10-26", "2026-11-02"),
        ("11 months ago", "2025-12-01", "2026-01-01"),
        ("12 months ago", "2025-11-01", "2025-12-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2027", "2027-01-01", "2028-01-01"),
        ("2026-Q1", "2026-01-01", "2026-04-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2026-10-05", "2026-10-05", "2026-10-06"),
        ("2026-10-01..2026-10-31", "2026-10-01", "2026-11-01"),
        ("2026-10-01..2026-10-01", "2026-10-01", "2026-10-02"),
        ("since 2026-10-01", "2026-10-01", None),
        ("Monday", "2026-11-16", "2026-11-17"),
        ("saturday", "2026-11-21", "2026-11-22"),
        ("SUN", "2026-11-15", "2026-11-16"),
        ("fri", "2026-11-20", "2026-11-21"),
        ("since mon", "2026-11-16", None),
        ("since monday", "2026-11-16", None),
        ("since saturday", "2026-11-21", None),
        ("since sunday", "2026-11-15", None),
        ("all", None, None),
        ("All time", None, None),
    ],
)
def test_each_form_on_the_calendar(text, first, after):
    assert bounds(text, SATURDAY, utc) == (first, after)


@pytest.mark.parametrize(
    ("text", "now", "zone", "start", "end"),
    [
        # The clock goes forward on 29 March and back on 25 October.
        ("2026-03", "2026-01-01T00:00", berlin, "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-03-29", "2026-01-01T00:00", berlin, "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-10-25", "2026-01-01T00:00", berlin, "2026-10-24T22:00", "2026-10-25T23:00"),
        ("yesterday", "2026-10-25T23:30", berlin, "2026-10-24T22:00", "2026-10-25T23:00"),
        ("last week", "2026-03-30T08:00", berlin, "2026-03-22T23:00", "2026-03-29T22:00"),
        ("today", "2026-12-31T23:00", berlin, "2026-12-31T23:00", "2027-01-01T23:00"),
        ("last year", "2026-12-31T23:00", berlin, "2025-12-31T23:00", "2026-12-31T23:00"),
        ("last year", "2026-12-31T22:59", berlin, "2024-12-31T23:00", "2025-12-31T23:00"),
        # Half a day ahead, and summer is at the other end of the year.
        ("today", "2026-10-31T11:00", auckland, "2026-10-31T11:00", "2026-11-01T11:00"),
        ("last month", "2026-10-31T11:00", auckland, "2026-09-30T11:00", "2026-10-31T11:00"),
        ("2026-09-27", "2026-01-01T00:00", auckland, "2026-09-26T12:00", "2026-09-27T11:00"),
        ("2026-04-05", "2026-01-01T00:00", auckland, "2026-04-04T11:00", "2026-04-05T12:00"),
        ("this week", "2026-11-22T10:59", auckland, "2026-11-15T11:00", "2026-11-22T10:59"),
        # Midnight did not exist on the day that began at one o'clock.
        ("2018-11-04", "2026-01-01T00:00", ZoneInfo("America/Sao_Paulo"),
         "2018-11-04T03:00", "2018-11-05T02:00"),
    ],
)  # fmt: skip
def test_days_begin_at_midnight_of_the_zone(text, now, zone, start, end):
    period = parse_period(text, now=datetime.fromisoformat(f"{now}Z"), zone=zone)
    assert (period.start, period.end) == (
        datetime.fromisoformat(f"{start}Z"),
        datetime.fromisoformat(f"{end}Z"),
    )


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("  Last\t3   MONTHS ", "last 3 months"),
        ("1 Days Ago", "1 days ago"),
        ("2026-q3", "2026-Q3"),
        ("2026-10-01 .. 2026-10-31", "2026-10-01..2026-10-31"),
        ("SINCE Monday", "since monday"),
        ("YTD", "ytd"),
    ],
)
def test_case_spaces_and_number_do_not_matter(text, normalised):
    assert parse_period(text, now=SATURDAY, zone=utc).text == normalised


@pytest.mark.parametrize(
    ("text", "running", "keeps_running_tests"),
    [
        ("this week", True, True),
        ("this month", True, True),
        ("this quarter", True, True),
        ("this year", True, True),
        ("ytd", True, True),
        ("today", True, False),
        ("last 7 days", True, False),
        ("2026", True, False),
        ("2026-Q4", True, False),
        ("2026-11-01..2026-11-30", True, False),
        ("since monday", True, False),
        ("all", True, False),
        ("last month", False, False),
        ("yesterday", False, False),
        ("2026-Q3", False, False),
        ("2027", False, False),
        ("since 2027-01-01", False, False),
    ],
)
def test_what_is_not_over_runs_and_only_this_and_ytd_stop_at_now(
    text, running, keeps_running_tests
):
    period = parse_period(text, now=SATURDAY, zone=utc)
    assert (period.running, period.keeps_running_tests) == (running, keeps_running_tests)
    assert (period.end == SATURDAY) is keeps_running_tests


def test_a_period_is_a_value():
    assert parse_period("all", now=SATURDAY, zone=utc) == Period(None, None, "all", running=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not understood."),
        ("soon", "is not understood."),
        ("lst month", "'last month'"),
        ("past 7 days", "'last N days'"),
        ("last month ago", "'last month'"),
        ("3 quarters ago", "'last N quarters'"),
        ("2026/10/05", "'2026-10-05'"),
        ("2026 Q3", "'2026-Q3'"),
        ("since mondy", "'since monday'"),
        ("mondy", "'monday'"),
        ("\u0663 days ago", "'N days ago'"),
        ("last 0 days", "N is 1 or more."),
        ("0 weeks ago", "N is 1 or more."),
        ("last 999999 months", "there is no such date."),
        ("999999 days ago", "there is no such date."),
        ("last 90000 days", "only 1970 to 3000"),
        ("last 9999999 days", "'last N days'"),
        ("0000", "there is no such date."),
        ("0001", "only 1970 to 3000"),
        ("1969-12-31", "only 1970 to 3000"),
        ("9999", "there is no such date."),
        ("2026-13", "there is no such date."),
        ("2026-00", "there is no such date."),
        ("2026-Q5", "there is no such date."),
        ("2026-Q0", "there is no such date."),
        ("2026-02-29", "there is no such date."),
        ("since 2026-02-30", "there is no such date."),
        ("2026-10-31..2026-10-01", "it ends before it begins."),
        ("2026-10-01..2026-13-01", "there is no such date."),
        ("2026-10-01..9999-12-31", "there is no such date."),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_the_grammar(text, reason):
    with pytest.raises(InvalidRequest) as refused:
        parse_period(text, now=SATURDAY, zone=utc)
    assert reason in refused.value.message
    assert GRAMMAR in refused.value.hint


def test_a_refusal_repeats_only_a_short_clean_piece_of_the_text():
    with pytest.raises(InvalidRequest) as refused:
        parse_period("last\u202e\x00 " + "x" * 5000, now=SATURDAY, zone=utc)
    assert len(refused.value.message) < 120
    assert "\u202e" not in refused.value.message


@pytest.mark.parametrize("form", GRAMMAR.replace("N", "3").split(", "))
def test_every_form_that_the_grammar_lists_is_understood(form):
    for choice in product(*(word.split("|") for word in form.split())):
        parse_period(" ".join(choice), now=SATURDAY, zone=utc)


@unhurried
@given(st.one_of(st.text(), words, st.from_regex(r"[0-9a-z .-]{0,30}")), instants, zones)
def test_any_text_is_a_period_or_refused(text, now, zone):
    try:
        period = parse_period(text, now=now, zone=zone)
    except InvalidRequest:
        return
    assert parse_period(period.text, now=now, zone=zone) == period


@unhurried
@given(words, instants, zones)
def test_a_period_begins_before_it_ends(text, now, zone):
    try:
        period = parse_period(text, now=now, zone=zone)
    except InvalidRequest:
        assume(False)
    assert {bound.tzinfo for bound in (period.start, period.end) if bound} <= {UTC}
    if period.start and period.end:
        # At its very first instant, `this …` holds nothing yet.
        assert period.start < period.end or period.keeps_running_tests
        assert period.start <= period.end


@unhurried
@given(units, instants, zones)
def test_neighbours_touch(unit, now, zone):
    last, this = (parse_period(f"{which} {unit}", now=now, zone=zone) for which in ("last", "this"))
    before = parse_period(f"last {unit}", now=last.start + timedelta(hours=12), zone=zone)
    assert before.end == last.start
    assert last.end == this.start
    assert this.start <= now
    assert this.end == now


@unhurried
@given(st.sampled_from(["week", "month", "quarter"]), st.integers(1, 40), instants, zones)
def test_the_last_units_are_those_before_this_one(unit, n, now, zone):
    span = parse_period(f"last {n} {unit}s", now=now, zone=zone)
    assert span.end == parse_period(f"this {unit}", now=now, zone=zone).start
    if unit != "quarter":
        oldest = parse_period(f"{n} {unit}s ago", now=now, zone=zone)
        newest = parse_period(f"1 {unit} ago", now=now, zone=zone)
        assert (span.start, span.end) == (oldest.start, newest.end)


@unhurried
@given(st.integers(1, 400), instants, zones)
def test_the_last_days_include_today(n, now, zone):
    span = parse_period(f"last {n} days", now=now, zone=zone)
    assert span.start <= now < span.end
    local = [bound.astimezone(zone) for bound in (span.start, span.end)]
    assert [f"{bound:%H:%M}" for bound in local] == ["00:00", "00:00"]
    assert (local[1].date() - local[0].date()).days == n


@unhurried
@given(st.integers(1, 7), instants, zones)
def test_since_a_weekday_is_within_the_last_seven_days(number, now, zone):
    weekday = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    period = parse_period(f"since {weekday[number - 1]}", now=now, zone=zone)
    assert period.start.astimezone(zone).isoweekday() == number
    week = parse_period("last 7 days", now=now, zone=zone)
    assert week.start <= period.start <= now
