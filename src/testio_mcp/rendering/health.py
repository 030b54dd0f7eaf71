"""Thresholds as text."""

from testio_mcp.domain.health import Thresholds, is_good_when_high
from testio_mcp.rendering.markdown import grid


def thresholds_table(thresholds: Thresholds) -> str:
    """Where each rate begins to be a warning and to be critical."""
    rows = []
    for name, (warning, critical) in thresholds.limits.items():
        words = "{:.4g} % or less" if is_good_when_high(name) else "{:.4g} % or more"
        rows.append((name, words.format(warning * 100), words.format(critical * 100)))
    return grid(("rate", "warning", "critical"), rows)
