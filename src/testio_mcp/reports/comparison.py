"""Figures of two periods beside each other, and whether the change is a good one."""

from __future__ import annotations

from typing import Any

from testio_mcp.analytics.metrics import METRICS, Kind
from testio_mcp.domain.figures import RATES
from testio_mcp.domain.health import is_good_when_high
from testio_mcp.domain.reports import Direction
from testio_mcp.views.reports import ReportChange

COMPARED = (
    *("test_count", "features_tested", "active_testers"),
    *("bug_count", "bugs_per_test", "severity_score"),
    *RATES,
)
# That something else is higher is neither good nor bad: more tests find more bugs.
_JUDGED = {"acceptance_rate": True} | {
    rate: is_good_when_high(rate) for rate in RATES if rate != "acceptance_rate"
}
# As exact as figures are written: what reads the same is the same.
_DECIMALS = {Kind.COUNT: 0, Kind.NUMBER: 2, Kind.RATE: 3}
# One bug of a hundred moves a rate by a point; less than that is chance.
LEAST_JUDGED = 0.01


def compared(now: dict[str, Any], before: dict[str, Any]) -> list[ReportChange]:
    return [_change(name, now[name], before[name]) for name in COMPARED]


def _change(metric: str, value: float | None, previous: float | None) -> ReportChange:
    change = None
    if value is not None and previous is not None:
        change = value - previous
    return ReportChange(
        metric=metric,
        value=value,
        previous=previous,
        change=change,
        direction=direction(metric, shown_change(metric, value, previous)),
    )


def shown(metric: str, value: float | None) -> float | None:
    """The value as it is written for people."""
    kind = METRICS[metric].kind
    if value is None or kind is Kind.COUNT:
        return value
    # Rates are written in per cent, and rounding those is not quite rounding these.
    return round(value * 100, 1) / 100 if kind is Kind.RATE else round(value, _DECIMALS[kind])


def shown_change(metric: str, value: float | None, previous: float | None) -> float | None:
    """The difference that people find when they subtract what is written."""
    now, before = shown(metric, value), shown(metric, previous)
    if now is None or before is None:
        return None
    return round(now - before, _DECIMALS[METRICS[metric].kind])


def direction(metric: str, change: float | None) -> Direction:
    """What a change of a metric means."""
    if change is None:
        return Direction.UNKNOWN
    digits = _DECIMALS[METRICS[metric].kind]
    least = LEAST_JUDGED if metric in _JUDGED else 10**-digits
    if abs(round(change, digits)) < least:
        return Direction.SAME
    is_higher = change > 0
    if metric not in _JUDGED:
        return Direction.HIGHER if is_higher else Direction.LOWER
    return Direction.BETTER if is_higher is _JUDGED[metric] else Direction.WORSE
