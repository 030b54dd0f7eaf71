"""Tools about people."""

from typing import Annotated

from testio_mcp.domain.slice import Paging
from testio_mcp.domain.users import UserFilter, UserSort, UserType
from testio_mcp.rendering.users import user_answer, user_page
from testio_mcp.services.users import UserService
from testio_mcp.tools.define import read_period, read_tool, service
from testio_mcp.tools.parameters import (
    PageNumber,
    PageSize,
    ProductIds,
    Search,
    TestPeriod,
    UserKind,
    UserOrder,
    UserReference,
)
from testio_mcp.views.base import Page
from testio_mcp.views.users import UserAnswer, UserSummary

Users = Annotated[UserService, service(UserService)]


@read_tool(user_page)
async def list_users(
    users: Users,
    type: UserKind = UserType.TESTER,
    product_ids: ProductIds = (),
    period: TestPeriod = "all",
    search: Search = "",
    sort: UserOrder = UserSort.NAME,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[UserSummary]:
    """List testers with bugs and acceptance, or customer users with tests created and submitted."""
    wanted = UserFilter(type, product_ids, await read_period(period), search)
    return await users.list(wanted, Paging(page, page_size, sort))


@read_tool(user_answer)
async def get_user_summary(users: Users, user: UserReference) -> UserAnswer:
    """Sum up one person: activity, bugs by severity and status, rates, products."""
    return await users.get(user)
