"""Tools that search."""

from typing import Annotated

from testio_mcp.domain.search import SearchFilter, SearchKind
from testio_mcp.rendering.search import hit_page
from testio_mcp.services.search import SearchService
from testio_mcp.tools.define import read_period, read_tool, service
from testio_mcp.tools.parameters import AnyPeriod, HitLimit, ProductIds, SearchKinds, SearchQuery
from testio_mcp.views.base import Page
from testio_mcp.views.search import Hit

Searching = Annotated[SearchService, service(SearchService)]


@read_tool(hit_page, strangers_text=True)
async def search(
    searching: Searching,
    query: SearchQuery,
    kinds: SearchKinds = (),
    product_ids: ProductIds = (),
    period: AnyPeriod = "all",
    limit: HitLimit = 10,
) -> Page[Hit]:
    """Find products, features, tests and bugs by their words, such as a bug reported before."""
    wanted = SearchFilter(kinds or tuple(SearchKind), product_ids, await read_period(period))
    return await searching.find(query, wanted, limit)
