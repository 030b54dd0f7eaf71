"""Calendar weeks, months, quarters and years: their names, and from when to when they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from testio_mcp.domain.figures import TimeUnit

_MONTHS = {TimeUnit.MONTH: 1, TimeUnit.QUARTER: 3, TimeUnit.YEAR: 12}
_MONDAY = date(1969, 12, 29)
_NAME = re.compile(r"(?P<year>\d{4})(?:-(?P<unit>[WQ]?)(?P<number>\d+))?")


@dataclass(frozen=True)
class Bucket:
    """A unit of the calendar by its name, and its half-open bounds in UTC."""

    name: str
    start: datetime
    end: datetime


def week_label(number: int) -> str:
    """The ISO name of a week that is counted from the one that held the first day of 1970."""
    year, week, _ = (_MONDAY + timedelta(weeks=number)).isocalendar()
    return f"{year:04}-W{week:02}"


def bucket_named(name: str, unit: TimeUnit, zone: ZoneInfo) -> Bucket:
    """The bucket of a name such as 2026-W31, 2026-07, 2026-Q3 or 2026."""
    match = _NAME.fullmatch(name)
    assert match, name
    year, number = int(match["year"]), int(match["number"] or 1)
    match unit:
        case TimeUnit.WEEK:
            first = date.fromisocalendar(year, number, 1)
        case TimeUnit.QUARTER:
            first = date(year, number * 3 - 2, 1)
        case _:
            first = date(year, number, 1)
    return _bucket(first, unit, zone)


def bucket_of(instant: datetime, unit: TimeUnit, zone: ZoneInfo) -> Bucket:
    """The bucket that holds an instant."""
    day = instant.astimezone(zone).date()
    if unit is TimeUnit.WEEK:
        return _bucket(day - timedelta(day.weekday()), unit, zone)
    months = _MONTHS[unit]
    return _bucket(date(day.year, (day.month - 1) // months * months + 1, 1), unit, zone)


def buckets_between(
    first: Bucket, last: Bucket, unit: TimeUnit, zone: ZoneInfo
) -> Iterator[Bucket]:
    """From the one to the other, both included."""
    while first.start <= last.start:
        yield first
        first = bucket_of(first.end, unit, zone)


def _bucket(first: date, unit: TimeUnit, zone: ZoneInfo) -> Bucket:
    after = _after(first, unit)
    return Bucket(_name(first, unit), _midnight(first, zone), _midnight(after, zone))


def _after(first: date, unit: TimeUnit) -> date:
    if unit is TimeUnit.WEEK:
        return first + timedelta(weeks=1)
    year, month = divmod(first.year * 12 + first.month - 1 + _MONTHS[unit], 12)
    return date(year, month + 1, 1)


def _name(first: date, unit: TimeUnit) -> str:
    match unit:
        case TimeUnit.WEEK:
            return week_label((first - _MONDAY).days // 7)
        case TimeUnit.MONTH:
            return f"{first:%Y-%m}"
        case TimeUnit.QUARTER:
            return f"{first:%Y}-Q{(first.month + 2) // 3}"
        case TimeUnit.YEAR:
            return f"{first:%Y}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
