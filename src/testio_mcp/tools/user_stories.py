"""The tool about user stories."""

from typing import Annotated

from testio_mcp.domain.slice import Paging
from testio_mcp.domain.user_stories import UserStoryFilter, WantedExecution
from testio_mcp.rendering.user_stories import user_story_page
from testio_mcp.services.user_stories import ORDER, UserStoryService
from testio_mcp.tools.define import read_tool, service
from testio_mcp.tools.parameters import (
    ExecutionFilter,
    FeatureId,
    PageNumber,
    PageSize,
    ProductId,
    TestId,
)
from testio_mcp.views.base import Page
from testio_mcp.views.user_stories import UserStorySummary

UserStories = Annotated[UserStoryService, service(UserStoryService)]


@read_tool(user_story_page)
async def list_user_stories(
    stories: UserStories,
    product_id: ProductId = 0,
    test_id: TestId = 0,
    feature_id: FeatureId = 0,
    execution_status: ExecutionFilter = WantedExecution.ANY,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[UserStorySummary]:
    """List user stories of a product, or of a test with status and bugs; name either."""
    wanted = UserStoryFilter(product_id, test_id, feature_id, execution_status)
    return await stories.list(wanted, Paging(page, page_size, ORDER))
