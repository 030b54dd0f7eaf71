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
        direction=direction(metric, change),
    )


def direction(metric: str, change: float | None) -> Direction:
    """What a change of a metric means."""
    if change is None:
        return Direction.UNKNOWN
    if not round(change, _DECIMALS[METRICS[metric].kind]):
        return Direction.SAME
    is_higher = change > 0
    if metric not in _JUDGED:
        return Direction.HIGHER if is_higher else Direction.LOWER
    return Direction.BETTER if is_higher is _JUDGED[metric] else Direction.WORSE
