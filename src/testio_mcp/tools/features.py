"""Tools about features."""

from typing import Annotated

from testio_mcp.domain.features import FeatureFilter, FeatureSort, HasUserStories
from testio_mcp.domain.slice import Paging
from testio_mcp.rendering.features import feature_answer, feature_page
from testio_mcp.services.features import FeatureService
from testio_mcp.tools.define import read_tool, service
from testio_mcp.tools.parameters import (
    FeatureId,
    FeatureOrder,
    PageNumber,
    PageSize,
    ProductId,
    Search,
    StoriesFilter,
)
from testio_mcp.views.base import Page
from testio_mcp.views.features import FeatureAnswer, FeatureSummary

Features = Annotated[FeatureService, service(FeatureService)]


@read_tool(feature_page)
async def list_features(
    features: Features,
    product_id: ProductId,
    search: Search = "",
    has_user_stories: StoriesFilter = HasUserStories.ANY,
    sort: FeatureOrder = FeatureSort.TITLE,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[FeatureSummary]:
    """List a product's features with tests, bugs and fragility; sort=-fragility: the worst."""
    wanted = FeatureFilter(product_id, search, has_user_stories)
    return await features.list(wanted, Paging(page, page_size, sort))


@read_tool(feature_answer)
async def get_feature_summary(features: Features, feature_id: FeatureId) -> FeatureAnswer:
    """Sum up one feature: how to find it, user stories, tests, bugs, rates, trend by month."""
    return await features.get(feature_id)
