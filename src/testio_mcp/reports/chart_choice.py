"""Which picture suits figures, if any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS, Kind, adds_up
from testio_mcp.domain.metrics import Chart, ChartChoice
from testio_mcp.views.metrics import MetricRow

MOST_SERIES = 8
MOST_POINTS = 120
MOST_BARS = 30
MOST_ROWS, MOST_COLUMNS = 24, 40
FIRST_RARE = 0x2E80
# Of several dimensions a picture shows so many.
SHOWN = 2


class Unsuitable(Exception):
    """Why there is no picture, as a sentence."""


@dataclass(frozen=True)
class Figures:
    """What is to be shown, in the order of the answer."""

    metrics: Sequence[str]
    by: Sequence[str]
    rows: Sequence[MetricRow]
    # What the figures are about, for below the title.
    about: str

    def chart(self, choice: ChartChoice) -> Chart:
        """Raises Unsuitable where the picture that was asked for would not be one."""
        if not self.rows:
            raise Unsuitable("No chart: there is nothing to show.")
        if not 1 <= len(self.by) <= SHOWN:
            raise Unsuitable("No chart: it takes one dimension, or two.")
        chart = self._of_one(choice) if len(self.by) == 1 else self._of_two(choice)
        _refuse_crowds(chart)
        return chart

    def _of_one(self, choice: ChartChoice) -> Chart:
        """A series for each metric that is measured like the first one."""
        [dimension] = self.by
        is_time = DIMENSIONS[dimension].unit is not None
        kind = choice
        if choice is ChartChoice.AUTO:
            kind = ChartChoice.LINE if is_time else ChartChoice.BAR
        if kind in (ChartChoice.STACKED, ChartChoice.HEATMAP):
            raise Unsuitable(f"No chart: {kind} takes two dimensions.")
        if kind is ChartChoice.LINE and not is_time:
            raise Unsuitable(f"No chart: a line goes through time, and {dimension} is none.")
        first = METRICS[self.metrics[0]].kind
        alike = [name for name in self.metrics if METRICS[name].kind is first]
        names = _names(self.rows, dimension)
        values = [row.model_dump() for row in self.rows]
        return self._chart(
            kind,
            alike,
            [names[_key(row, dimension)] + _mark(row) for row in values],
            {_words(name): [row[name] for row in values] for name in alike},
        )

    def _of_two(self, choice: ChartChoice) -> Chart:
        """Of the first metric: one dimension along, time if there is any, the other across."""
        metric = self.metrics[0]
        along, across = sorted(self.by, key=lambda name: DIMENSIONS[name].unit is None)
        kind = self._usual(along, across) if choice is ChartChoice.AUTO else choice
        if kind is ChartChoice.HEATMAP and DIMENSIONS[along].unit is None:
            # Long names are better read beside the rows.
            along, across = across, along
        if kind is ChartChoice.BAR:
            raise Unsuitable("No chart: bar takes one dimension; stacked and heatmap take two.")
        if kind is ChartChoice.LINE and DIMENSIONS[along].unit is None:
            raise Unsuitable("No chart: a line goes through time, and there is none.")
        if kind is ChartChoice.STACKED and not adds_up(metric, self.by):
            raise Unsuitable(
                f"No chart: parts of {metric} do not add up, so they cannot stand on "
                "each other; use heatmap or line."
            )
        names, others = _names(self.rows, along), _names(self.rows, across)
        values = [row.model_dump() for row in self.rows]
        cells = {(_key(row, along), _key(row, across)): row[metric] for row in values}
        marks = {_key(row, along): _mark(row) for row in values}
        categories = sorted(names, key=str) if DIMENSIONS[along].unit else [*names]
        empty = 0 if METRICS[metric].kind is Kind.COUNT else None
        return self._chart(
            kind,
            [metric],
            [names[key] + marks[key] for key in categories],
            {
                others[other]: [cells.get((key, other), empty) for key in categories]
                for other in others
            },
        )

    def _usual(self, along: str, across: str) -> ChartChoice:
        series = len(_names(self.rows, across))
        if adds_up(self.metrics[0], self.by) and series <= MOST_SERIES:
            return ChartChoice.STACKED
        if DIMENSIONS[along].unit and series <= MOST_SERIES:
            return ChartChoice.LINE
        return ChartChoice.HEATMAP

    def _chart(
        self,
        kind: ChartChoice,
        metrics: Sequence[str],
        categories: Sequence[str],
        series: dict[str, Sequence[float | None]],
    ) -> Chart:
        title = f"{', '.join(map(_words, metrics))} by {' and '.join(map(_words, self.by))}"
        cut = "* in part · " if any(name.endswith("*") for name in categories) else ""
        return Chart(
            kind=kind,
            title=title[:1].upper() + title[1:],
            subtitle=cut + self.about,
            categories=categories,
            series=series,
            is_rate=METRICS[metrics[0]].kind is Kind.RATE,
        )


def _refuse_crowds(chart: Chart) -> None:
    series, categories = len(chart.series), len(chart.categories)
    along, across = MOST_POINTS, MOST_SERIES
    if chart.kind is ChartChoice.HEATMAP:
        along, across = MOST_COLUMNS, MOST_ROWS
    elif chart.kind is ChartChoice.BAR:
        along = MOST_BARS // series
    elif chart.kind is ChartChoice.STACKED:
        along = MOST_COLUMNS
    if categories > along:
        raise Unsuitable(
            f"No chart: {categories} side by side are too many to read, at most {along} are not. "
            "Narrow the period or the filters, or lower limit."
        )
    if series > across:
        raise Unsuitable(
            f"No chart: {series} are too many to be told apart, at most {across} are not. "
            "Narrow the filters, or use heatmap."
        )


def _names(rows: Sequence[MetricRow], dimension: str) -> dict[Any, str]:
    """By key, in their order, what things are called.

    Namesakes also have their id, and what a picture may have no letters for.
    """
    values = [row.model_dump() for row in rows]
    found = {_key(row, dimension): _text(row[dimension]) for row in values}
    known = Counter(found.values())
    return {
        key: f"{name} ({key})" if known[name] > 1 or _is_rare(name) else name
        for key, name in found.items()
    }


def _is_rare(name: str) -> bool:
    """Whether a letter is beyond those of Europe and the nearer East."""
    return any(ord(letter) >= FIRST_RARE for letter in name)


def _key(values: dict[str, Any], dimension: str) -> Any:
    return values.get(f"{dimension}_id") or values[dimension]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _mark(values: dict[str, Any]) -> str:
    return "*" if values.get("partial") else ""


def _words(name: str) -> str:
    return name.replace("_", " ")
