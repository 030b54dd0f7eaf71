"""Queries over products."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col

from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.calendar import minute
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.products import ProductFilter
from testio_mcp.domain.tests import EXECUTED
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.tables import Feature, Product, Stamp, Test, UserStory, stamp_of
from testio_mcp.tables.constants import constants


class ProductRepository(Repository):
    async def get(self, id: int, now: datetime) -> Record | None:
        """The same row as `find` gives, of one product."""
        return next(iter(await self.find(ProductFilter((id,)), now)), None)

    async def find(self, wanted: ProductFilter, now: datetime) -> list[Record]:
        """Rows of a product, how much there is of it, and what of that was ever read."""
        return await self._find(wanted, minute(now))

    @remembered
    async def _find(self, wanted: ProductFilter, until: datetime) -> list[Record]:
        query = _with_contents(bool(wanted.product_ids), bool(wanted.types))
        values = {"product_ids": wanted.product_ids, "types": wanted.types}
        return await self._all(query, until=until, **values)

    @remembered
    async def names(self) -> dict[int, str]:
        query = select(col(Product.id), col(Product.name))
        return {id: name for id, name in await self._all(query)}

    @remembered
    async def lists_read(self) -> frozenset[int]:
        """The products whose tests were ever listed."""
        query = select(col(Stamp.id)).where(col(Stamp.kind) == Unit.TESTS)
        return frozenset(id for (id,) in await self._all(query))


# To write it anew for each answer takes longer than SQLite takes to answer it.
@cache
def _with_contents(of_products: bool, of_types: bool) -> Query:
    tests, features = aliased(Stamp), aliased(Stamp)
    of_product = col(Test.product_id) == col(Product.id)
    is_over = col(Test.end_at) <= bindparam("until")
    last_end = select(func.max(col(Test.end_at))).where(
        of_product, col(Test.status).in_(constants(EXECUTED)), is_over
    )
    bugs_read = (
        select(col(Stamp.id))
        .join(Test, col(Test.id) == col(Stamp.id))
        .where(of_product, col(Stamp.kind) == Unit.BUGS)
    )
    query: Query = (
        select(
            Product,
            col(tests.at).label("synced_at"),
            col(features.at).label("features_read_at"),
            _number(Feature).label("features"),
            _number(UserStory).label("user_stories"),
            last_end.scalar_subquery().label("last_test_end"),
            exists(bugs_read).label("some_bugs_read"),
        )
        .join(tests, stamp_of(Product, tests, Unit.TESTS), isouter=True)
        .join(features, stamp_of(Product, features, Unit.FEATURES), isouter=True)
    )
    if of_products:
        query = query.where(col(Product.id).in_(bindparam("product_ids", expanding=True)))
    if of_types:
        query = query.where(col(Product.type).in_(bindparam("types", expanding=True)))
    return query.order_by(col(Product.id))


def _number(of: type[SQLModel]) -> ColumnElement[Any]:
    """How many rows of a table belong to the product."""
    table: Any = of
    number = select(func.count(col(table.id))).where(col(table.product_id) == col(Product.id))
    return number.scalar_subquery()
