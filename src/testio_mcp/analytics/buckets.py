"""Instants as weeks, months, quarters and years of a time zone's calendar."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    Integer,
    SQLColumnExpression,
    String,
    TypeDecorator,
    case,
    cast,
    func,
    literal,
)

from testio_mcp.domain.calendar import TimeUnit, week_label

type Offsets = list[tuple[datetime, timedelta]]

# Zones change their clocks by rules that go on; no test ended before or will end after.
FIRST, LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
DAY = 86_400


class Week(TypeDecorator[str]):
    """A number of a week in SQL, which SQLite's older versions cannot name; its name outside."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else week_label(value)


def bucket(
    instant: SQLColumnExpression[Any], unit: TimeUnit, zone: ZoneInfo
) -> SQLColumnExpression[Any]:
    """The name of the calendar unit that holds the instant, in the order of time; null of null."""
    local = (instant, *_to_local(instant, zone))
    match unit:
        case TimeUnit.WEEK:
            day = cast(func.strftime("%s", *local), Integer) // DAY
            # 1970 began on a Thursday; weeks begin on Mondays.
            return ((day + 3) // 7).cast(Week)
        case TimeUnit.MONTH:
            return func.strftime("%Y-%m", *local, type_=String)
        case TimeUnit.QUARTER:
            month = cast(func.strftime("%m", *local), Integer)
            year = func.strftime("%Y", *local, type_=String)
            return year.concat("-Q").concat(cast((month + 2) // 3, String))
        case TimeUnit.YEAR:
            return func.strftime("%Y", *local, type_=String)


def _to_local(instant: SQLColumnExpression[Any], zone: ZoneInfo) -> list[Any]:
    """What SQLite adds to an instant to have it by the zone's clock; nothing in UTC."""
    known = offsets(zone)
    if known == [(FIRST, timedelta())]:
        return []
    return [_offset_at(instant, known)]


def _offset_at(instant: SQLColumnExpression[Any], known: Offsets) -> ColumnElement[str]:
    """Halved and halved again: the clocks change twice a year."""
    if len(known) == 1:
        return _modifier(known[0][1])
    middle = len(known) // 2
    earlier, later = _offset_at(instant, known[:middle]), _offset_at(instant, known[middle:])
    return case((instant >= known[middle][0], later), else_=earlier)


def _modifier(offset: timedelta) -> BindParameter[str]:
    return literal(f"{offset.total_seconds():+.0f} seconds", String)


@lru_cache(maxsize=8)
def offsets(zone: ZoneInfo) -> Offsets:
    """From which instant on the zone's clock is how far from UTC, the oldest first."""
    found = [(FIRST, _offset(FIRST, zone))]
    day = FIRST
    while day < LAST:
        after = day + timedelta(days=1)
        if _offset(after, zone) != found[-1][1]:
            found.append(_change(day, after, zone))
        day = after
    return found


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    """The second at which the offset changes, which it does once at most in a day."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    return after, _offset(after, zone)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
