"""Days, weeks, months, quarters and years: their names, and from when to when they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# The least that lies between an instant and the one after it.
INSTANT = timedelta(microseconds=1)

_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}
_MONDAY = date(1969, 12, 29)
_NAME = re.compile(r"(?P<year>\d{4})(?:-(?P<unit>[WQ]?)(?P<number>\d+))?")


class TimeUnit(StrEnum):
    """Of the calendar; weeks are ISO weeks and begin on Monday."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True)
class Bucket:
    """A unit of the calendar by its name, and its half-open bounds in UTC."""

    name: str
    start: datetime
    end: datetime

    def is_cut(self, begins: datetime | None, ends: datetime | None, now: datetime) -> bool:
        """Whether these bounds or the present leave out a part of it."""
        return (
            self.end > now or bool(begins and self.start < begins) or bool(ends and self.end > ends)
        )


def first_day(day: date, unit: str) -> date:
    """Of the calendar unit that holds the day; the unit may also be a day."""
    if unit == "day":
        return day
    if unit == TimeUnit.WEEK:
        return day - timedelta(day.weekday())
    months = _MONTHS_IN[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def shifted(day: date, unit: str, n: int) -> date:
    """The day n units later; whole months and longer only from the first of a month."""
    if unit == "day":
        return day + timedelta(n)
    if unit == TimeUnit.WEEK:
        return day + timedelta(weeks=n)
    year, month = divmod(day.year * 12 + day.month - 1 + n * _MONTHS_IN[unit], 12)
    return date(year, month + 1, 1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins in the zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


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
    return _bucket(first_day(instant.astimezone(zone).date(), unit), unit, zone)


def buckets_between(
    first: Bucket, last: Bucket, unit: TimeUnit, zone: ZoneInfo
) -> Iterator[Bucket]:
    """From the one to the other, both included."""
    while first.start <= last.start:
        yield first
        first = bucket_of(first.end, unit, zone)


def _bucket(first: date, unit: TimeUnit, zone: ZoneInfo) -> Bucket:
    after = shifted(first, unit, 1)
    return Bucket(_name(first, unit), midnight(first, zone), midnight(after, zone))


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


def minute(now: datetime) -> datetime:
    """Until now, as a question that is the same for a minute, so that its answer is remembered."""
    return now.replace(second=0, microsecond=0)
