"""Queries over the features of catalogues."""

from collections.abc import Sequence

from sqlalchemy import exists, func, or_, select
from sqlmodel import col

from testio_mcp.database.engine import Query, Record
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.tables import Feature, Test, TestFeature, UserStory


class FeatureRepository(Repository):
    @remembered
    async def find(self, product_id: int) -> list[Record]:
        """Id and title of every feature in a product's catalogue, how many user stories it has."""
        stories = (
            select(col(UserStory.feature_id), func.count().label("number"))
            .where(col(UserStory.product_id) == product_id)
            .group_by(col(UserStory.feature_id))
            .subquery()
        )
        query: Query = (
            select(
                col(Feature.id),
                col(Feature.title),
                func.coalesce(stories.c.number, 0).label("user_stories"),
            )
            .join(stories, stories.c.feature_id == col(Feature.id), isouter=True)
            .where(col(Feature.product_id) == product_id)
            .order_by(col(Feature.id))
        )
        return await self._all(query)

    @remembered
    async def get(self, id: int) -> Feature | None:
        """A feature that left the catalogue is known for as long as a test contains it."""
        remembered = exists().where(
            col(TestFeature.feature_id) == col(Feature.id),
            col(Test.id) == col(TestFeature.test_id),
            col(Test.deleted_at).is_(None),
        )
        query = select(Feature).where(
            col(Feature.id) == id, or_(col(Feature.deleted_at).is_(None), remembered)
        )
        row = await self._one(query.execution_options(with_deleted=True))
        return row.Feature if row else None

    @remembered
    async def known(self, ids: Sequence[int]) -> set[int]:
        """Which of these features exist or existed."""
        query = select(col(Feature.id)).where(col(Feature.id).in_(ids))
        rows = await self._all(query.execution_options(with_deleted=True))
        return {id for (id,) in rows}
