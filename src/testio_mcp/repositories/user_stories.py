"""Queries over user stories: those of catalogues, and how they fared in tests."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlmodel import col

from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.slice import Paging, Slice
from testio_mcp.domain.user_stories import UserStoryFilter
from testio_mcp.repositories.base import Repository, paged, remembered
from testio_mcp.tables import Bug, Feature, Stamp, StoryExecution, TestFeature, UserStory


class UserStoryRepository(Repository):
    @remembered
    async def find(self, wanted: UserStoryFilter, paging: Paging) -> Slice[Record]:
        """Stories of a product's catalogue, each with the title of its feature."""
        query: Query = select(UserStory, col(Feature.title).label("feature")).join(
            Feature, col(Feature.id) == col(UserStory.feature_id), isouter=True
        )
        matches = [col(UserStory.product_id) == wanted.product_id]
        if wanted.feature_id:
            matches.append(col(UserStory.feature_id) == wanted.feature_id)
        order = col(UserStory.feature_id)
        return await self._page(paged(query, matches, paging, order, col(UserStory.id)), paging)

    async def of_feature(self, feature: Feature) -> Sequence[UserStory]:
        of_product = col(UserStory.product_id) == feature.product_id
        query = select(UserStory).where(of_product, col(UserStory.feature_id) == feature.id)
        return [story for (story,) in await self._all(query.order_by(col(UserStory.id)))]

    @remembered
    async def executions(self, test_id: int) -> Sequence[StoryExecution]:
        """How the stories of a test's features fared; empty unless that was read."""
        query = (
            select(StoryExecution)
            .join(TestFeature, col(TestFeature.id) == col(StoryExecution.test_feature_id))
            .where(col(TestFeature.test_id) == test_id)
        )
        return [execution for (execution,) in await self._all(query)]

    @remembered
    async def were_executions_read(self, test_id: int) -> bool:
        query = select(col(Stamp.id)).where(
            col(Stamp.kind) == Unit.EXECUTION, col(Stamp.id) == test_id
        )
        return await self._one(query) is not None

    @remembered
    async def paths(self, ids: Collection[int]) -> dict[int, str | None]:
        """By story, also of those that left the catalogue since."""
        query = select(col(UserStory.id), col(UserStory.path)).where(col(UserStory.id).in_(ids))
        rows = await self._all(query.execution_options(with_deleted=True))
        return {id: path for id, path in rows}

    @remembered
    async def deleted_bugs(self, ids: Collection[int]) -> set[int]:
        """Which of these bugs TestIO had once and has no more."""
        query = select(col(Bug.id)).where(col(Bug.id).in_(ids), col(Bug.deleted_at).is_not(None))
        return {id for (id,) in await self._all(query.execution_options(with_deleted=True))}
