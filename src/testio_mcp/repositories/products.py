"""Queries over products."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlmodel import col

from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.products import ProductFilter
from testio_mcp.domain.tests import EXECUTED
from testio_mcp.repositories.base import Repository
from testio_mcp.tables import Feature, Product, Stamp, Test, UserStory


class ProductRepository(Repository):
    async def get(self, id: int) -> Product | None:
        return await self._session.get(Product, id)

    async def find(self, wanted: ProductFilter) -> list[Product]:
        query = select(Product).order_by(col(Product.id))
        if wanted.product_ids:
            query = query.where(col(Product.id).in_(wanted.product_ids))
        if wanted.types:
            query = query.where(col(Product.type).in_(wanted.types))
        return [product for (product,) in await self._all(query)]

    async def names(self) -> dict[int, str]:
        query = select(col(Product.id), col(Product.name))
        return {id: name for id, name in await self._all(query)}

    async def feature_counts(self, product_ids: Sequence[int]) -> dict[int, int]:
        """Features in the catalogue by product; products whose catalogue was never read lack."""
        counted = (
            select(col(Feature.product_id), func.count().label("number"))
            .where(col(Feature.product_id).in_(product_ids))
            .group_by(col(Feature.product_id))
            .subquery()
        )
        query = (
            select(col(Stamp.id), func.coalesce(counted.c.number, 0))
            .join(counted, counted.c.product_id == col(Stamp.id), isouter=True)
            .where(col(Stamp.kind) == Unit.FEATURES, col(Stamp.id).in_(product_ids))
        )
        return {id: number for id, number in await self._all(query)}

    async def user_story_count(self, product_id: int) -> int:
        query = select(func.count(col(UserStory.id))).where(col(UserStory.product_id) == product_id)
        ((number,),) = await self._all(query)
        return int(number)

    async def last_test_ends(
        self, product_ids: Sequence[int], now: datetime
    ) -> dict[int, datetime]:
        """By product, the latest end of an executed test that is over."""
        query = (
            select(col(Test.product_id), func.max(col(Test.end_at)))
            .where(
                col(Test.product_id).in_(product_ids),
                col(Test.status).in_(EXECUTED),
                col(Test.end_at) <= now,
            )
            .group_by(col(Test.product_id))
        )
        return {id: end for id, end in await self._all(query)}

    async def with_bugs_read(self, product_ids: Sequence[int]) -> set[int]:
        """Products of which some test's bugs were read, or whose list of tests is empty."""
        some_read = (
            select(col(Test.product_id))
            .join(Stamp, and_(col(Stamp.id) == col(Test.id), col(Stamp.kind) == Unit.BUGS))
            .where(col(Test.product_id).in_(product_ids))
            .distinct()
        )
        without_tests = select(col(Stamp.id)).where(
            col(Stamp.kind) == Unit.TESTS,
            col(Stamp.id).in_(product_ids),
            ~select(col(Test.id)).where(col(Test.product_id) == col(Stamp.id)).exists(),
        )
        read = {id for (id,) in await self._all(some_read)}
        return read | {id for (id,) in await self._all(without_tests)}

    async def synced_at(self, product_ids: Sequence[int]) -> dict[int, datetime]:
        """By product, when its list of tests was read."""
        query = select(col(Stamp.id), col(Stamp.at)).where(
            col(Stamp.kind) == Unit.TESTS, col(Stamp.id).in_(product_ids)
        )
        return {id: at for id, at in await self._all(query)}
