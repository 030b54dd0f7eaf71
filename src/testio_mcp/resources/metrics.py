"""Every metric and dimension with its definition, read from where they are defined."""

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.resources.tables import table

INTRODUCTION = """\
# Metrics and dimensions

What `query_metrics` counts, and by what. Rates go from 0 to 1 and are null without anything to
divide by. Figures cover executed tests (running, locked, archived) unless a definition says
otherwise; periods are taken by the test's end.
"""


def metrics_page() -> str:
    return f"{INTRODUCTION}\n## Metrics\n\n{metrics()}\n## Dimensions\n\n{dimensions()}"


def metrics() -> str:
    rows = ((f"`{name}`", metric.definition) for name, metric in METRICS.items())
    return table(("Metric", "Definition"), rows)


def dimensions() -> str:
    rows = ((f"`{name}`", dimension.description) for name, dimension in DIMENSIONS.items())
    return table(("Dimension", "What it is"), rows)
