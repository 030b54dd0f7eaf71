"""Thresholds as text."""

from testio_mcp.domain.health import Thresholds, is_good_when_high


def thresholds_table(thresholds: Thresholds) -> str:
    """Where each rate begins to be a warning and to be critical."""
    lines = ["| rate | warning | critical |", "| --- | --- | --- |"]
    for name, (warning, critical) in thresholds.limits.items():
        words = "{:.4g} % or less" if is_good_when_high(name) else "{:.4g} % or more"
        cells = (name, words.format(warning * 100), words.format(critical * 100))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
