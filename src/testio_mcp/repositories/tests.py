"""Queries over tests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, bindparam, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.analytics.scope import conditions
from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.search import SearchKind
from testio_mcp.domain.slice import Paging, Slice
from testio_mcp.domain.tests import TestFilter
from testio_mcp.repositories.base import WRITTEN, PageQueries, Repository, paged, remembered
from testio_mcp.repositories.changes import is_changed_test, is_new_test
from testio_mcp.repositories.words import has_words
from testio_mcp.tables import Bug, Product, Stamp, Test, TestDetails, TestFeature, User


class TestRepository(Repository):
    __test__ = False

    @remembered
    async def find(self, wanted: TestFilter, paging: Paging) -> Slice[Record]:
        """Rows of a test, the name of its product, and whether its bugs were read."""
        return await self._page(_paged(wanted, paging), paging)

    @remembered
    async def deleted(self, wanted: TestFilter, since: datetime) -> list[Record]:
        """What was seen to be gone since then, the latest first, whatever changed before."""
        return await self._deleted(Test, _matches(replace(wanted, changed_since=None)), since)

    @remembered
    async def get(self, id: int) -> Record | None:
        """The same row for one test, with its details and who created and submitted it."""
        return await self._one(_of_one(), id=id)

    @remembered
    async def known(self, ids: Sequence[int]) -> set[int]:
        """Which of these tests are in the cache."""
        return {id for (id,) in await self._all(select(col(Test.id)).where(col(Test.id).in_(ids)))}

    @remembered
    async def outside(self, ids: Sequence[int], product_ids: Sequence[int]) -> list[int]:
        """Which of these tests are of none of these products."""
        query = select(col(Test.id)).where(
            col(Test.id).in_(ids), col(Test.product_id).not_in(product_ids)
        )
        return [id for (id,) in await self._all(query.order_by(col(Test.id)))]

    @remembered
    async def features(self, test_id: int) -> list[TestFeature]:
        query = select(TestFeature).where(col(TestFeature.test_id) == test_id)
        return [feature for (feature,) in await self._all(query.order_by(col(TestFeature.id)))]


# So that no bug means none.
_BUGS_READ = exists(
    select(col(Stamp.id)).where(col(Stamp.kind) == Unit.BUGS, col(Stamp.id) == col(Test.id))
).label("bugs_read")


@lru_cache(maxsize=WRITTEN)
def _paged(wanted: TestFilter, paging: Paging) -> PageQueries:
    query: Query = select(Test, col(Product.name).label("product"), _BUGS_READ).join(
        Product, col(Product.id) == col(Test.product_id)
    )
    if wanted.changed_since:
        query = query.add_columns(is_new_test(wanted.changed_since).label("is_new"))
    return paged(query, _matches(wanted), paging, _order(paging.key), col(Test.id))


@cache
def _of_one() -> Query:
    creator, submitter = aliased(User), aliased(User)
    return (
        select(
            Test,
            TestDetails,
            col(Product.name).label("product"),
            _BUGS_READ,
            col(creator.name).label("created_by"),
            col(submitter.name).label("submitted_by"),
        )
        .join(Product, col(Product.id) == col(Test.product_id))
        .join(TestDetails, col(TestDetails.test_id) == col(Test.id))
        .join(creator, col(creator.id) == col(Test.created_by_id), isouter=True)
        .join(submitter, col(submitter.id) == col(Test.submitted_by_id), isouter=True)
        .where(col(Test.id) == bindparam("id"))
    )


def _matches(wanted: TestFilter) -> list[ColumnElement[bool]]:
    scope = Scope(product_ids=wanted.product_ids, statuses=wanted.statuses, period=wanted.period)
    found = conditions(scope)
    if wanted.testing_types:
        found.append(col(Test.testing_type).in_(wanted.testing_types))
    if wanted.feature_ids:
        named = select(col(TestFeature.test_id)).where(
            col(TestFeature.feature_id).in_(wanted.feature_ids)
        )
        found.append(col(Test.id).in_(named))
    if wanted.changed_since:
        found.append(is_changed_test(wanted.changed_since))
    if wanted.search:
        found.append(has_words(SearchKind.TEST, wanted.search))
    return found


def _order(key: str) -> SQLColumnExpression[Any]:
    if key == "bugs":
        bugs = select(func.count(col(Bug.id))).where(col(Bug.test_id) == col(Test.id))
        return bugs.correlate(Test).scalar_subquery()
    column: SQLColumnExpression[Any] = getattr(Test, key)
    return func.lower(column) if key == "title" else column
