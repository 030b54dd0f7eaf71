"""The tool that writes quality reports."""

from typing import Annotated

from testio_mcp.domain.figures import Scope
from testio_mcp.domain.reports import Output, ReportFormat, ReportQuestion, usual_period
from testio_mcp.rendering.limits import USUAL_TOKENS
from testio_mcp.reports import excerpt
from testio_mcp.reports.markdown import report_answer
from testio_mcp.services.reports import ReportService
from testio_mcp.tools.define import current_app, read_period, report_tool, service
from testio_mcp.tools.parameters import (
    ComparePrevious,
    ExcludedTestIds,
    FeatureIds,
    MayOverwrite,
    OutputFile,
    ProductIds,
    ReportFormatChoice,
    ReportSections,
    TestIds,
    TestingTypes,
    UsualPeriod,
)
from testio_mcp.views.reports import ReportAnswer

Reports = Annotated[ReportService, service(ReportService)]


@report_tool(report_answer)
async def generate_quality_report(
    reports: Reports,
    product_ids: ProductIds = (),
    test_ids: TestIds = (),
    exclude_test_ids: ExcludedTestIds = (),
    feature_ids: FeatureIds = (),
    testing_types: TestingTypes = (),
    period: UsualPeriod = "",
    compare: ComparePrevious = True,
    sections: ReportSections = (),
    format: ReportFormatChoice = ReportFormat.MARKDOWN,
    output_file: OutputFile = "",
    overwrite: MayOverwrite = False,
) -> ReportAnswer:
    """Sum up the quality of products or tests, for a person to read or as a file to send."""
    scope = Scope(
        product_ids=product_ids,
        test_ids=test_ids,
        excluded_test_ids=exclude_test_ids,
        feature_ids=feature_ids,
        testing_types=testing_types,
        period=await read_period(period.strip() or usual_period(test_ids)),
    )
    output = Output(format, output_file, overwrite)
    answer = await reports.generate(ReportQuestion(scope, compare, sections), output)
    zone = (await current_app()).settings.zone
    tokens = USUAL_TOKENS if sections else excerpt.USUAL_TOKENS
    return excerpt.excerpt(answer.model_copy(update={"format": format}), zone, tokens)
