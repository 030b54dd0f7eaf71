"""What stands in a table of a report, and how it is written for people."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.analytics.metrics import METRICS
from testio_mcp.analytics.metrics import Kind as MetricKind
from testio_mcp.rendering.markdown import count, date, days, moment, number, rate

UNKNOWN = "n/a"
MINUS = "\u2212"


class Kind(StrEnum):
    TEXT = "text"
    ID = "id"
    COUNT = "count"
    NUMBER = "number"
    RATE = "rate"
    DAYS = "days"
    DAY = "day"
    MOMENT = "moment"
    LINK = "link"
    # How good something is: of a rate, or of a change.
    STATE = "state"


FIGURES = frozenset({Kind.COUNT, Kind.NUMBER, Kind.RATE, Kind.DAYS})


@dataclass(frozen=True)
class Cell:
    value: Any
    kind: Kind = Kind.TEXT
    # Of a change, whose sign is always written.
    signed: bool = False

    @property
    def is_figure(self) -> bool:
        return self.kind in FIGURES

    def written(self, zone: ZoneInfo) -> str:
        """As people read it; "" for text that is not there, n/a for a figure that is not known."""
        if self.value is None:
            return UNKNOWN if self.is_figure else ""
        words = _WRITE[self.kind](self.value, zone)
        return self._signed(words) if self.signed else words

    def _signed(self, words: str) -> str:
        """Of rates the difference is in points: 20 % is 10 points, not 100 %, more than 10 %."""
        if self.kind is Kind.RATE:
            words = words.replace("%", "points")
        return f"+{words}" if self.value > 0 else words.replace("-", MINUS)


@dataclass(frozen=True)
class Table:
    """`name` is short enough for a sheet; each row begins with what it is about."""

    section: str
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    # Whose figures they are, in a few words.
    about: str = ""
    # How many there are, where not all of them are rows.
    total: int | None = None
    # What is said where there are no rows.
    empty: str = "None."

    @property
    def is_cut(self) -> bool:
        return self.total is not None and self.total > len(self.rows)


def figure(metric: str, value: float | None, *, signed: bool = False) -> Cell:
    """A value of a metric."""
    kinds = {MetricKind.COUNT: Kind.COUNT, MetricKind.NUMBER: Kind.NUMBER}
    return Cell(value, kinds.get(METRICS[metric].kind, Kind.RATE), signed)


_WRITE: dict[Kind, Callable[[Any, ZoneInfo], str]] = {
    Kind.TEXT: lambda value, _: str(value),
    Kind.ID: lambda value, _: str(value),
    Kind.COUNT: lambda value, _: count(int(value)),
    Kind.NUMBER: lambda value, _: number(value),
    Kind.RATE: lambda value, _: rate(value),
    Kind.DAYS: lambda value, _: days(value) if value >= 0 else "overdue",
    Kind.DAY: date,
    Kind.MOMENT: moment,
    Kind.LINK: lambda value, _: str(value),
    Kind.STATE: lambda value, _: str(value),
}
