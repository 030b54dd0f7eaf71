"""Weeks, months, quarters and years are those of the zone's calendar, in SQL as in Python."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, create_engine, literal, select
from tests.e2e import measuring

from testio_mcp.analytics.buckets import FIRST, LAST, bucket, offsets
from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.domain.calendar import TimeUnit, bucket_named, bucket_of, buckets_between

ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Pacific/Apia", "Asia/Tokyo"),
]
INSTANTS = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)).map(
    lambda instant: instant.replace(tzinfo=UTC, microsecond=0)
)


def test_the_reference_knows_all_there_is():
    assert set(measuring.METRICS) == set(METRICS)
    assert set(measuring.DIMENSIONS) == set(DIMENSIONS)


@pytest.fixture(scope="module")
def named():
    """The name that SQLite gives the bucket of an instant."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:

        def named(instant, unit, zone):
            stored = literal(instant.replace(tzinfo=None), DateTime)
            return connection.scalar(select(bucket(stored, unit, ZoneInfo(zone))))

        yield named
    engine.dispose()


@pytest.mark.parametrize("unit", TimeUnit)
@given(instant=INSTANTS, zone=st.sampled_from(ZONES))
def test_sqlite_counts_as_the_calendar_of_the_zone_does(named, unit, instant, zone):
    found = bucket_of(instant, unit, ZoneInfo(zone))
    assert named(instant, unit, zone) == found.name
    assert found.start <= instant < found.end


@pytest.mark.parametrize("unit", TimeUnit)
@pytest.mark.parametrize("zone", ZONES)
def test_a_bucket_begins_at_midnight_of_the_zone(named, unit, zone):
    found = bucket_of(datetime(2026, 11, 1, 12, tzinfo=UTC), unit, ZoneInfo(zone))
    second = timedelta(seconds=1)
    assert named(found.start, unit, zone) == named(found.end - second, unit, zone) == found.name
    assert named(found.start - second, unit, zone) < found.name < named(found.end, unit, zone)


@given(instant=INSTANTS, zone=st.sampled_from(ZONES), unit=st.sampled_from(TimeUnit))
def test_a_name_leads_back_to_its_bucket(instant, zone, unit):
    found = bucket_of(instant, unit, ZoneInfo(zone))
    assert bucket_named(found.name, unit, ZoneInfo(zone)) == found


@pytest.mark.parametrize(
    ("day", "week"),
    [("2026-01-01", "2026-W01"), ("2027-01-01", "2026-W53"), ("2024-12-30", "2025-W01")],
)
def test_weeks_are_iso_weeks(day, week):
    instant = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    assert bucket_of(instant, TimeUnit.WEEK, ZoneInfo("UTC")).name == week


def test_buckets_follow_each_other_without_a_gap():
    zone = ZoneInfo("America/New_York")
    first, last = (bucket_named(name, TimeUnit.WEEK, zone) for name in ("2025-W50", "2026-W03"))
    found = list(buckets_between(first, last, TimeUnit.WEEK, zone))
    assert [one.name for one in found] == [
        *("2025-W50", "2025-W51", "2025-W52", "2026-W01", "2026-W02", "2026-W03")
    ]
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]


def test_the_clocks_of_a_zone_change_to_the_second():
    changes = dict(offsets(ZoneInfo("Europe/Berlin")))
    assert changes[datetime(2026, 3, 29, 1, tzinfo=UTC)] == timedelta(hours=2)
    assert changes[datetime(2026, 10, 25, 1, tzinfo=UTC)] == timedelta(hours=1)
    assert offsets(ZoneInfo("UTC")) == [(FIRST, timedelta())]
