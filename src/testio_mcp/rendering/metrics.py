"""Figures as text."""

from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.figures import RATES
from testio_mcp.rendering.answers import closing, paragraphs, period_line
from testio_mcp.rendering.markdown import Cell, bullets, count, counted, number, rate, table
from testio_mcp.views.metrics import MetricsAnswer

# Beside a name stands what the next call needs.
REFERENCES = ("id", "key")


def metrics_answer(answer: MetricsAnswer, zone: ZoneInfo) -> str:
    return paragraphs(
        _heading(answer),
        _figures(answer),
        _totals(answer),
        _left_out(answer),
        period_line(answer.period, zone),
        closing(answer, zone),
    )


def _heading(answer: MetricsAnswer) -> str | None:
    if not answer.by or answer.freshness.as_of is None:
        return None
    asked = f"{', '.join(answer.metrics)} by {', '.join(answer.by)}"
    if not answer.total:
        read = " in what was read" if answer.freshness.incomplete else ""
        return f"Nothing matches{read}: {asked}."
    rows = counted(answer.total, "row")
    first = f", of which the first {answer.returned}" if answer.has_more else ""
    return f"**{asked}** ({rows}{first})"


def _figures(answer: MetricsAnswer) -> str:
    if not answer.by:
        return bullets(_values(answer.items[0].model_dump(), answer.metrics))
    rows = [_row(item.model_dump(), answer) for item in answer.items]
    return table([*answer.by, "partial", *answer.metrics], rows)


def _row(values: dict[str, Any], answer: MetricsAnswer) -> list[Cell]:
    keys = [_key(values, name) for name in answer.by]
    return [*keys, values.get("partial"), *_cells(values, answer.metrics)]


def _totals(answer: MetricsAnswer) -> str | None:
    if answer.totals is None or not answer.total:
        return None
    values = _values(answer.totals, answer.metrics)
    return f"Total: {', '.join(f'{name} {value}' for name, value in values)}"


def _left_out(answer: MetricsAnswer) -> str | None:
    if not answer.has_more:
        return None
    left = count(answer.total - answer.returned)
    return f"{left} more rows: raise limit, or narrow what is asked for."


def _values(values: dict[str, Any], metrics: list[str]) -> list[tuple[str, str]]:
    return list(zip(metrics, _cells(values, metrics), strict=True))


def _cells(values: dict[str, Any], metrics: list[str]) -> list[str]:
    return [_cell(name, values[name]) for name in metrics]


def _cell(metric: str, value: float | None) -> str:
    if metric in RATES:
        return rate(value)
    return count(value) if isinstance(value, int) else number(value)


def _key(values: dict[str, Any], name: str) -> Cell:
    label: Cell = values[name]
    for reference in REFERENCES:
        if values.get(f"{name}_{reference}") is not None:
            label = f"{label} ({values[f'{name}_{reference}']})"
    return label
