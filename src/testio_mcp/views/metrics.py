"""What a caller sees of figures."""

from typing import Any

from pydantic import ConfigDict, Field

from testio_mcp.domain.metrics import Chart
from testio_mcp.views.base import Page, View


class MetricRow(View):
    """The dimensions by name, things also by id; then the metrics by name.

    `partial` is there, and true, where a week, month, quarter or year is cut off.
    """

    model_config = ConfigDict(extra="allow")


class MetricsAnswer(Page[MetricRow]):
    metrics: list[str]
    by: list[str]
    # The same without dimensions.
    totals: dict[str, Any] | None = None
    # What a picture of it shows; drawn apart from data and text.
    chart: Chart | None = Field(default=None, exclude=True)
