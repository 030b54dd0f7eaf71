"""Tools about tests."""

from typing import Annotated

from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestFilter, TestSort
from testio_mcp.rendering.tests import test_answer, test_page
from testio_mcp.services.tests import TestService
from testio_mcp.tools.define import read_period, read_since, read_tool, service
from testio_mcp.tools.parameters import (
    ChangedSince,
    EndPeriod,
    FeatureIds,
    PageNumber,
    PageSize,
    ProductIds,
    TestId,
    TestingTypes,
    TestOrder,
    TestStatuses,
    Words,
)
from testio_mcp.views.base import Page
from testio_mcp.views.tests import TestAnswer, TestSummary

Tests = Annotated[TestService, service(TestService)]


@read_tool(test_page, strangers_text=True)
async def list_tests(
    tests: Tests,
    product_ids: ProductIds = (),
    statuses: TestStatuses = (),
    testing_types: TestingTypes = (),
    feature_ids: FeatureIds = (),
    period: EndPeriod = "all",
    changed_since: ChangedSince = "",
    search: Words = "",
    sort: TestOrder = TestSort.END_DESC,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[TestSummary]:
    """List tests with dates and bug counts, latest end first. For one test use get_test_summary."""
    wanted = TestFilter(
        product_ids,
        statuses,
        testing_types,
        feature_ids,
        await read_period(period),
        await read_since(changed_since),
        search,
    )
    return await tests.list(wanted, Paging(page, page_size, sort))


@read_tool(test_answer, strangers_text=True)
async def get_test_summary(tests: Tests, test_id: TestId) -> TestAnswer:
    """Sum up one test: dates, status explained, goal, features, bugs, rates, latest bugs."""
    return await tests.get(test_id)
