"""The tool that measures."""

from base64 import b64encode
from typing import Annotated

import anyio
from mcp.types import ContentBlock, ImageContent, TextContent

from testio_mcp.domain.figures import Scope
from testio_mcp.domain.metrics import ChartChoice, MetricsQuestion
from testio_mcp.rendering.metrics import metrics_answer
from testio_mcp.reports.charts import chart_png
from testio_mcp.services.metrics import MetricsService
from testio_mcp.tools.define import read_period, read_tool, service
from testio_mcp.tools.parameters import (
    BugStatuses,
    ChartKind,
    DimensionNames,
    FeatureIds,
    FigureOrder,
    FigureStatuses,
    MetricNames,
    ProductIds,
    RowLimit,
    Severities,
    TestIds,
    TestingTypes,
    TestPeriod,
)
from testio_mcp.views.metrics import MetricsAnswer

Metrics = Annotated[MetricsService, service(MetricsService)]

# The first picture on a machine waits until all of its fonts were looked at.
LONGEST_DRAWING = 5.0


async def drawn(answer: MetricsAnswer) -> list[ContentBlock]:
    """The picture of an answer, if it has one; drawn beside everything else that goes on."""
    if answer.chart is None:
        return []
    with anyio.move_on_after(LONGEST_DRAWING):
        png = await anyio.to_thread.run_sync(chart_png, answer.chart, abandon_on_cancel=True)
        picture = b64encode(png).decode()
        return [ImageContent(type="image", data=picture, mime_type="image/png")]
    return [TextContent(type="text", text="The chart is still being drawn; ask again soon.")]


@read_tool(metrics_answer, strangers_text=True, pictures=drawn)
async def query_metrics(
    figures: Metrics,
    metrics: MetricNames,
    by: DimensionNames = (),
    product_ids: ProductIds = (),
    test_ids: TestIds = (),
    feature_ids: FeatureIds = (),
    statuses: FigureStatuses = (),
    bug_statuses: BugStatuses = (),
    severities: Severities = (),
    testing_types: TestingTypes = (),
    period: TestPeriod = "all",
    sort: FigureOrder = "",
    limit: RowLimit = 20,
    chart: ChartKind = ChartChoice.NONE,
) -> MetricsAnswer:
    """Measure counts and rates by up to three dimensions, over executed tests by default."""
    scope = Scope(
        product_ids=product_ids,
        test_ids=test_ids,
        feature_ids=feature_ids,
        statuses=statuses or None,
        bug_statuses=bug_statuses,
        severities=severities,
        testing_types=testing_types,
        period=await read_period(period),
    )
    return await figures.query(MetricsQuestion(metrics, by, scope, sort, limit, chart))
