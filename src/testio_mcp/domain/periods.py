"""The closed grammar of periods: what people type, as instants."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from re import Match
from typing import NamedTuple
from zoneinfo import ZoneInfo

from testio_mcp.domain.calendar import TimeUnit, first_day, midnight, shifted
from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import InvalidRequest

GRAMMAR = (
    "today, yesterday, this|last week|month|quarter|year, last N days|weeks|months|quarters, "
    "N days|weeks|months ago, 2026, 2026-Q3, 2026-10, 2026-10-05, 2026-10-01..2026-10-31, "
    "monday, since 2026-10-01, since monday, ytd, all"
)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EARLIEST, _LATEST = date(1970, 1, 1), date(3000, 1, 1)


@dataclass(frozen=True)
class Period:
    """A half-open stretch of time; None stands for a bound that is not there.

    An instant such as the report of a bug is inside when `start <= instant < end`. By the end of
    a test, a period that `keeps_running_tests` also holds each test of status running with
    `end_at >= end`: what is under way belongs to "this month", though it ends later.
    """

    start: datetime | None  # UTC, inclusive
    end: datetime | None  # UTC, exclusive; now for `this …` and `ytd`
    text: str  # as asked, in one case and with single spaces
    running: bool  # begun and not over: a comparison takes the same elapsed part
    keeps_running_tests: bool = False  # only `this …` and `ytd`
    before: datetime | None = None  # where the period to compare it with begins, if there is one


class _Dates(NamedTuple):
    """Calendar days from `first` up to, not including, `after`."""

    first: date | None
    after: date | None
    up_to_now: bool = False
    # As long as so many of these; no unit where the length is not known.
    unit: str = ""
    units: int = 1


def parse_period(text: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """Read a period on the calendar of the zone.

    Raises InvalidRequest, with the grammar and the closest form, for anything else.
    """
    words = re.sub(r" ?\.\. ?", "..", " ".join(text.lower().split()))
    today = now.astimezone(zone).date()
    for form, read in _FORMS:
        if match := form.fullmatch(words):
            return _period(_dates(match, read, today), _as_asked(words), now, zone)
    near = closest(re.sub("[0-9]+", "n", words[:60]), _BY_SHAPE, 1)
    raise _refusal(words, f"did you mean the form {_BY_SHAPE[near[0]]!r}?" if near else "")


def previous(period: Period, *, now: datetime, zone: ZoneInfo) -> Period | None:
    """The calendar period before, or as many days; None where there is none.

    Of what is not over yet, as much as has passed by the clock of the zone.
    """
    if period.before is None or period.start is None:
        return None
    end = period.start
    if period.running:
        passed = _wall_clock(now, zone) - _first_midnight(period.start, zone)
        same_moment = _first_midnight(period.before, zone) + passed
        end = min(end, same_moment.replace(tzinfo=zone).astimezone(UTC))
    return Period(period.before, end, f"before {period.text}", running=False)


def _wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _first_midnight(instant: datetime, zone: ZoneInfo) -> datetime:
    """Of its day, also where the clocks skipped midnight."""
    return datetime.combine(_wall_clock(instant, zone), time())


def _period(dates: _Dates, text: str, now: datetime, zone: ZoneInfo) -> Period:
    start = midnight(dates.first, zone) if dates.first else None
    end = midnight(dates.after, zone) if dates.after else None
    if dates.up_to_now:
        end = now.astimezone(UTC)
    begun = start is None or start <= now
    over = end is not None and end <= now and not dates.up_to_now
    before = None
    if dates.first and dates.unit:
        before = midnight(shifted(dates.first, dates.unit, -dates.units), zone)
    return Period(start, end, text, begun and not over, dates.up_to_now, before)


def _as_asked(words: str) -> str:
    return re.sub("-q(?=[1-4])", "-Q", words)


def _dates(match: Match[str], read: Callable[[Match[str], date], _Dates], today: date) -> _Dates:
    try:
        dates = read(match, today)
    except (ValueError, OverflowError):
        raise _refusal(match[0], "there is no such date.") from None
    if dates.first and dates.after and dates.first >= dates.after:
        raise _refusal(match[0], "it ends before it begins.")
    if any(day and not _EARLIEST <= day <= _LATEST for day in dates[:2]):
        raise _refusal(match[0], f"only {_EARLIEST.year} to {_LATEST.year} can be asked for.")
    return dates


def _refusal(words: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The period {one_line(words, 60)!r} is not understood{': ' if reason else '.'}{reason}",
        hint=f"Use one of: {GRAMMAR}.",
    )


def _units(day: date, unit: str) -> _Dates:
    """The whole calendar unit that holds the day."""
    first = first_day(day, unit)
    return _Dates(first, shifted(first, unit, 1), unit=unit)


def _ago(today: date, unit: str, n: int) -> _Dates:
    return _units(shifted(first_day(today, unit), unit, -n), unit)


def _this(match: Match[str], today: date) -> _Dates:
    return _up_to_now(today, match["unit"])


def _up_to_now(today: date, unit: str) -> _Dates:
    return _Dates(first_day(today, unit), None, up_to_now=True, unit=unit)


def _last(match: Match[str], today: date) -> _Dates:
    return _ago(today, match["unit"], 1)


def _n_ago(match: Match[str], today: date) -> _Dates:
    return _ago(today, match["unit"], _amount(match))


def _last_n(match: Match[str], today: date) -> _Dates:
    unit, n = match["unit"], _amount(match)
    # The days include today; longer units are complete ones.
    after = today + timedelta(1) if unit == "day" else first_day(today, unit)
    return _Dates(shifted(after, unit, -n), after, unit=unit, units=n)


def _amount(match: Match[str]) -> int:
    n = int(match["n"])
    if n == 0:
        raise _refusal(match[0], "N is 1 or more.")
    return n


def _quarter(match: Match[str], _: date) -> _Dates:
    return _units(date(int(match["year"]), int(match["quarter"]) * 3 - 2, 1), "quarter")


def _weekday(match: Match[str], today: date) -> date:
    """The latest such day, today included."""
    names = [name[:3] for name in _WEEKDAYS]
    back = (today.weekday() - names.index(match["weekday"][:3])) % 7
    return today - timedelta(back)


def _between(match: Match[str], _: date) -> _Dates:
    first = date.fromisoformat(match["first"])
    after = date.fromisoformat(match["last"]) + timedelta(1)
    return _Dates(first, after, unit="day", units=(after - first).days)


_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_N = "(?P<n>[0-9]{1,6})"
_WEEKDAY = f"(?P<weekday>{'|'.join(f'{name}|{name[:3]}' for name in _WEEKDAYS)})"

_FORMS: list[tuple[re.Pattern[str], Callable[[Match[str], date], _Dates]]] = [
    (re.compile(form), read)
    for form, read in (
        ("today", lambda _, today: _units(today, "day")),
        ("yesterday", lambda _, today: _units(today - timedelta(1), "day")),
        ("this (?P<unit>week|month|quarter|year)", _this),
        ("last (?P<unit>week|month|quarter|year)", _last),
        (f"last {_N} (?P<unit>day|week|month|quarter)s?", _last_n),
        (f"{_N} (?P<unit>day|week|month)s? ago", _n_ago),
        ("[0-9]{4}", lambda match, _: _units(date(int(match[0]), 1, 1), "year")),
        ("(?P<year>[0-9]{4})-q(?P<quarter>[0-9])", _quarter),
        ("[0-9]{4}-[0-9]{2}", lambda m, _: _units(date.fromisoformat(f"{m[0]}-01"), "month")),
        (_DATE, lambda match, _: _units(date.fromisoformat(match[0]), "day")),
        (rf"(?P<first>{_DATE})\.\.(?P<last>{_DATE})", _between),
        (f"since (?P<day>{_DATE})", lambda m, _: _Dates(date.fromisoformat(m["day"]), None)),
        (_WEEKDAY, lambda match, today: _units(_weekday(match, today), "day")),
        (f"since {_WEEKDAY}", lambda match, today: _Dates(_weekday(match, today), None)),
        ("ytd", lambda _, today: _up_to_now(today, "year")),
        ("all(?: time)?", lambda _match, _today: _Dates(None, None)),
    )
]

_SPELLED_OUT = (
    *("today", "yesterday", "ytd", "all"),
    *(f"{which} {unit}" for which in ("this", "last") for unit in TimeUnit),
    *(f"last N {unit}s" for unit in ("day", "week", "month", "quarter")),
    *(f"N {unit}s ago" for unit in ("day", "week", "month")),
    *("2026", "2026-Q3", "2026-10", "2026-10-05", "2026-10-01..2026-10-31", "since 2026-10-01"),
    *_WEEKDAYS,
    *(f"since {weekday}" for weekday in _WEEKDAYS),
)
_BY_SHAPE = {re.sub("[0-9]+|N", "n", form).lower(): form for form in _SPELLED_OUT}
