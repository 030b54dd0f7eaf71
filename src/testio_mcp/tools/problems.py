"""The tool that says what could not be read."""

from typing import Annotated

from testio_mcp.domain.slice import Paging
from testio_mcp.rendering.problems import problem_page
from testio_mcp.services.problems import ORDER, ProblemService
from testio_mcp.tools.define import read_tool, service
from testio_mcp.tools.parameters import OnlyProductId, PageNumber, PageSize
from testio_mcp.views.base import Page
from testio_mcp.views.problems import ProblemSummary

Problems = Annotated[ProblemService, service(ProblemService)]


@read_tool(problem_page)
async def get_problematic_tests(
    problems: Problems,
    product_id: OnlyProductId = 0,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[ProblemSummary]:
    """Say what could not be read and why, which tests it may be, and what a person can do."""
    product_ids = (product_id,) if product_id else ()
    return await problems.list(product_ids, Paging(page, page_size, ORDER))
