"""Tools about bugs."""

from typing import Annotated

from testio_mcp.domain.bugs import BugFilter, BugSort, Detail, Known
from testio_mcp.domain.slice import Paging
from testio_mcp.rendering.bugs import bug_answer, bug_page
from testio_mcp.services.bugs import BugService
from testio_mcp.tools.define import read_period, read_since, read_tool, service
from testio_mcp.tools.parameters import (
    BugId,
    BugOrder,
    BugStatuses,
    ChangedSince,
    DetailRung,
    FeatureIds,
    KnownFilter,
    OperatingSystems,
    PageNumber,
    PageSize,
    ProductIds,
    RejectionReasons,
    ReportedBy,
    ReportPeriod,
    Severities,
    TestIds,
    Words,
)
from testio_mcp.views.base import Page
from testio_mcp.views.bugs import BugAnswer, BugSummary

Bugs = Annotated[BugService, service(BugService)]


@read_tool(bug_page, strangers_text=True)
async def list_bugs(
    bugs: Bugs,
    product_ids: ProductIds = (),
    test_ids: TestIds = (),
    feature_ids: FeatureIds = (),
    statuses: BugStatuses = (),
    severities: Severities = (),
    rejection_reasons: RejectionReasons = (),
    known: KnownFilter = Known.ANY,
    reported_by: ReportedBy = (),
    operating_systems: OperatingSystems = (),
    period: ReportPeriod = "all",
    changed_since: ChangedSince = "",
    search: Words = "",
    detail: DetailRung = Detail.BRIEF,
    sort: BugOrder = BugSort.REPORTED_DESC,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[BugSummary]:
    """List bugs of any products or tests, newest first. For one bug's steps use get_bug_summary."""
    wanted = BugFilter(
        product_ids=product_ids,
        test_ids=test_ids,
        feature_ids=feature_ids,
        statuses=statuses,
        severities=severities,
        rejection_reasons=rejection_reasons,
        known=known,
        reported_by=reported_by,
        operating_systems=operating_systems,
        period=await read_period(period),
        changed_since=await read_since(changed_since),
        search=search,
    )
    return await bugs.list(wanted, Paging(page, page_size, sort), detail)


@read_tool(bug_answer, strangers_text=True)
async def get_bug_summary(bugs: Bugs, bug_id: BugId) -> BugAnswer:
    """Show everything about one bug: steps, results, devices, comments, attachments, link."""
    return await bugs.get(bug_id)
