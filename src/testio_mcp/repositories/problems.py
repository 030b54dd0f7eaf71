"""Queries over what could not be read."""

from collections.abc import Collection

from sqlalchemy import Integer, cast, func, select
from sqlmodel import col

from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.slice import Paging, Slice
from testio_mcp.repositories.base import Repository
from testio_mcp.tables import Problem, ProblemTest, Product


class ProblemRepository(Repository):
    async def find(self, product_ids: Collection[int], paging: Paging) -> Slice[Record]:
        """Rows of Problem and product, by product and by place in its list of tests."""
        query = _of_products(
            select(Problem, col(Product.name).label("product")).join(
                Product, col(Product.id) == col(Problem.product_id), isouter=True
            ),
            product_ids,
        )
        count = query.with_only_columns(func.count(), maintain_column_froms=True)
        ((total,),) = await self._all(count)
        positions = col(Problem.positions)
        ordered = query.order_by(
            col(Problem.product_id).nulls_last(),
            positions.is_(None),
            # "59-61" counts as 59.
            cast(positions, Integer),
            col(Problem.kind),
            col(Problem.item_id),
            col(Problem.event_id),
        )
        page = ordered.limit(paging.page_size).offset(paging.offset)
        return Slice(await self._all(page), total)

    async def tests(self, event_ids: Collection[str]) -> list[ProblemTest]:
        """What these problems may be about, or were said to be, by test id."""
        query = select(ProblemTest).where(col(ProblemTest.event_id).in_(event_ids))
        rows = await self._all(query.order_by(col(ProblemTest.test_id)))
        return [test for (test,) in rows]

    async def ids(self, product_ids: Collection[int]) -> list[str]:
        query = _of_products(select(col(Problem.event_id)), product_ids)
        return [event_id for (event_id,) in await self._all(query)]

    async def mapped_count(self, product_ids: Collection[int]) -> int:
        """How many tests people mapped to these products' problems."""
        query = (
            select(func.count(col(ProblemTest.test_id).distinct()))
            .join(Problem, col(Problem.event_id) == col(ProblemTest.event_id))
            .where(col(ProblemTest.mapped).is_(True))
        )
        ((number,),) = await self._all(_of_products(query, product_ids))
        return int(number)


def _of_products(query: Query, product_ids: Collection[int]) -> Query:
    return query.where(col(Problem.product_id).in_(product_ids)) if product_ids else query
