"""Markdown that stays harmless whatever the text inside says: tables, lists, quotes, figures."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import overload
from zoneinfo import ZoneInfo

from testio_mcp.domain.text import clean, one_line

type Cell = str | int | float | None

QUOTE_OVER = 600  # characters
CELL_LIMIT = 200  # characters

# Where a line begins, these would make a heading, a quote, a list or a fence of it.
_BLOCK_START = re.compile(r"^(\d+(?=[.)](?: |$))|(?=[#>+=~_-]))")

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A compact table without the columns that hold only None; "" without rows."""
    cells = [[_text(value) for value in row] for row in rows]
    columns = [
        (inline(header), *column)
        for header, *column in zip(headers, *cells, strict=True)
        if any(value is not None for value in column)
    ]
    if not columns:
        return ""
    head, *body = zip(*columns, strict=True)
    return grid(head, [[value or "" for value in row] for row in body])


def grid(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(values: Iterable[tuple[str, Cell]]) -> str:
    """A list of `label: value` without the Nones; long texts are quoted below their label."""
    return "\n".join(
        f"- {inline(label)}:{_beside_label(value)}" for label, value in values if value is not None
    )


def quoted(text: str, limit: int = QUOTE_OVER) -> str:
    """A stranger's text: inline while short, fenced as it is when over the limit or many lines."""
    body = clean(text).strip("\n")
    if len(body) <= limit and "\n" not in body.strip():
        return _BLOCK_START.sub(r"\1\\", inline(body))
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}quoted\n{body}\n{fence}"


def inline(text: str) -> str:
    """The text on one line, with no link, code, HTML or cell of its own."""
    return re.sub(r"[\\`*\[\]<|]", r"\\\g<0>", " ".join(clean(text).split()))


# Names and titles stand in many answers.
@lru_cache(maxsize=2_048)
def _cell(text: str) -> str:
    return inline(one_line(text, CELL_LIMIT))


def _text(value: Cell) -> str | None:
    if isinstance(value, str):
        return _cell(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    # Most whole numbers in a cell are ids, which are copied into the next call.
    return None if value is None else str(value)


def _beside_label(value: Cell) -> str:
    if not isinstance(value, str):
        return f" {_text(value)}"
    text = quoted(value)
    # Behind a label nothing begins a line, so that a short value needs no more than `inline`.
    return "\n  " + text.replace("\n", "\n  ") if "\n" in text else f" {inline(value)}"


def count(value: int | None) -> str:
    return "n/a" if value is None else f"{value:,}"


def counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def rate(value: float | None) -> str:
    """A share of 0 to 1 in per cent."""
    return "n/a" if value is None else f"{value * 100:.1f} %"


def number(value: float | None) -> str:
    """At most two decimals, none where they are zero."""
    if value is None:
        return "n/a"
    return f"{round(value, 2) + 0.0:,.2f}".rstrip("0").rstrip(".")


def days(n: float | None) -> str:
    return "n/a" if n is None else f"{number(n)} {'day' if n == 1 else 'days'}"


@overload
def date(instant: datetime, zone: ZoneInfo) -> str: ...
@overload
def date(instant: None, zone: ZoneInfo) -> None: ...
@overload
def date(instant: datetime | None, zone: ZoneInfo) -> str | None: ...
def date(instant: datetime | None, zone: ZoneInfo) -> str | None:
    """The day in the zone, which a heading or a note names; None stays an empty cell."""
    return _day(instant, zone) if instant else None


# To write a date takes as long as ten cells, and many rows have the same.
@lru_cache(maxsize=4_096)
def _day(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d}"


@overload
def moment(instant: datetime, zone: ZoneInfo) -> str: ...
@overload
def moment(instant: None, zone: ZoneInfo) -> None: ...
@overload
def moment(instant: datetime | None, zone: ZoneInfo) -> str | None: ...
def moment(instant: datetime | None, zone: ZoneInfo) -> str | None:
    """The minute in the zone, with the zone's abbreviation, or its name where it has none."""
    return _minute(instant, zone) if instant else None


@lru_cache(maxsize=4_096)
def _minute(instant: datetime, zone: ZoneInfo) -> str:
    local = instant.astimezone(zone)
    abbreviation = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M} {abbreviation if abbreviation.isalpha() else zone.key}"


def ago(delta: timedelta) -> str:
    if delta < _MINUTE:
        return "just now"
    if delta < _HOUR:
        return f"{delta // _MINUTE} min ago"
    if delta < _DAY:
        return f"{delta // _HOUR} h ago"
    return f"{days(delta // _DAY)} ago"
