"""Rows of figures: what is unknown in them, and in which order they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from testio_mcp.analytics.dimensions import DIMENSIONS, Named
from testio_mcp.domain.bugs import GRAVITY_RANK

# The keys, then the metrics.
type Row = tuple[Any, ...]
# By what is named: what each key is called.
type Names = Mapping[Named, Mapping[Any, str]]


@dataclass(frozen=True)
class Rows:
    """Figures by the dimensions, each combination of keys once and in their order."""

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: list[Row]

    @property
    def times(self) -> list[str]:
        """The dimensions that are units of the calendar."""
        return [name for name in self.by if DIMENSIONS[name].unit]

    def keys_of(self, name: str) -> set[Any]:
        place = self.by.index(name)
        return {row[place] for row in self.rows} - {None}

    def in_order(self, sort: str, names: Names) -> Rows:
        """By a metric or dimension; else by time, then the largest of the first metric first.

        What has no value comes last, ties in the order of the keys.
        """
        rows = self.rows
        for order in reversed([sort] if sort else [*self.times, f"-{self.metrics[0]}"]):
            value = self._value_of(order.removeprefix("-"), names)
            rows = _sorted(rows, value, descending=order.startswith("-"))
        return replace(self, rows=rows)

    def _value_of(self, name: str, names: Names) -> Callable[[Row], Any]:
        place = (*self.by, *self.metrics).index(name)
        if name not in self.by:
            return itemgetter(place)
        if name == "severity":
            return lambda row: GRAVITY_RANK.get(row[place], 0)
        named = DIMENSIONS[name].named
        called = names[named] if named else {}

        def label(row: Row) -> Any:
            found = called.get(row[place], row[place])
            return found.casefold() if isinstance(found, str) else found

        return label


def _sorted(rows: list[Row], value: Callable[[Row], Any], *, descending: bool) -> list[Row]:
    """Sorting is stable, so that ties stay as they were."""
    known = [row for row in rows if value(row) is not None]
    unknown = [row for row in rows if value(row) is None] if len(known) < len(rows) else []
    known.sort(key=value, reverse=descending)
    return known + unknown


def in_order_of_keys(rows: Iterable[Row], keys: int) -> list[Row]:
    """As SQLite gives them, what has no key last."""
    return sorted(rows, key=lambda row: [(key is None, key) for key in row[:keys]])
