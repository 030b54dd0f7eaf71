"""Queries over bugs."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, bindparam, case, func, select
from sqlmodel import col

from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.bugs import GRAVITY_RANK, BugFilter, BugStatus, Known
from testio_mcp.domain.periods import Period
from testio_mcp.domain.search import SearchKind
from testio_mcp.domain.slice import Paging, Slice
from testio_mcp.repositories.base import WRITTEN, PageQueries, Repository, paged, remembered
from testio_mcp.repositories.changes import is_changed_bug
from testio_mcp.repositories.words import has_words
from testio_mcp.tables import (
    Bug,
    BugDetails,
    BugDevice,
    Feature,
    Product,
    RejectReason,
    Test,
    TestFeature,
    User,
)


class BugRepository(Repository):
    @remembered
    async def find(self, wanted: BugFilter, paging: Paging) -> Slice[Record]:
        """Rows of a bug and the names of its product, test, feature and reporter."""
        return await self._page(_paged(wanted, paging), paging)

    async def find_with_details(self, wanted: BugFilter, paging: Paging) -> Slice[Record]:
        """The same rows with the details and the name of the rejection reason."""
        return await self._page(_paged(wanted, paging, with_details=True), paging)

    @remembered
    async def get_with_details(self, id: int) -> Record | None:
        return await self._one(_of_one(), id=id)

    @remembered
    async def devices(self, bug_ids: Collection[int]) -> list[BugDevice]:
        """A row for each browser of each device, device by device."""
        return [device for (device,) in await self._all(_devices(), bug_ids=bug_ids)]

    @remembered
    async def deleted(self, wanted: BugFilter, since: datetime) -> list[Record]:
        """What was seen to be gone since then, the latest first, whatever changed before."""
        matches = _matches(replace(wanted, changed_since=None))
        return await self._deleted(Bug, matches, since)

    @remembered
    async def reject_reasons(self) -> dict[str, str]:
        query = select(col(RejectReason.key), col(RejectReason.name))
        return {key: name for key, name in await self._all(query)}

    @remembered
    async def reporters(self) -> list[str]:
        query = select(col(User.name)).join(Bug, col(Bug.reporter_id) == col(User.id))
        return [name for (name,) in await self._all(query.distinct())]

    @remembered
    async def operating_systems(self) -> list[str]:
        query = select(col(BugDevice.operating_system)).distinct()
        query = query.join(Bug, col(Bug.id) == col(BugDevice.bug_id))
        return [name for (name,) in await self._all(query) if name]


@lru_cache(maxsize=WRITTEN)
def _paged(wanted: BugFilter, paging: Paging, *, with_details: bool = False) -> PageQueries:
    query = _with_details() if with_details else _named(select(Bug))
    return paged(query, _matches(wanted), paging, _order(paging.key), col(Bug.id))


@cache
def _of_one() -> Query:
    return _with_details().where(col(Bug.id) == bindparam("id"))


@cache
def _devices() -> Query:
    of_bugs = col(BugDevice.bug_id).in_(bindparam("bug_ids", expanding=True))
    order = (col(BugDevice.bug_id), col(BugDevice.position))
    return select(BugDevice).where(of_bugs).order_by(*order)


def _with_details() -> Query:
    return (
        _named(select(Bug, BugDetails, col(RejectReason.name).label("reason")))
        .join(BugDetails, col(BugDetails.bug_id) == col(Bug.id))
        .join(RejectReason, col(RejectReason.key) == col(Bug.rejection_reason), isouter=True)
    )


def _named(query: Query) -> Query:
    """With the names people know things by, read from the parents."""
    return (
        query.add_columns(
            col(Product.name).label("product"),
            col(Test.title).label("test"),
            # As it stood in the test, or else as the catalogue has it.
            func.coalesce(col(TestFeature.title), col(Feature.title)).label("feature"),
            col(User.name).label("reporter"),
        )
        .join(Test, col(Test.id) == col(Bug.test_id))
        .join(Product, col(Product.id) == col(Test.product_id))
        .join(TestFeature, col(TestFeature.id) == col(Bug.test_feature_id), isouter=True)
        .join(Feature, col(Feature.id) == col(Bug.feature_id), isouter=True)
        .join(User, col(User.id) == col(Bug.reporter_id), isouter=True)
    )


def _matches(wanted: BugFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, values in (
        (Bug.product_id, wanted.product_ids),
        (Bug.test_id, wanted.test_ids),
        (Bug.feature_id, wanted.feature_ids),
        (Bug.status, wanted.statuses),
        (Bug.severity, wanted.severities),
        (Bug.rejection_reason, wanted.rejection_reasons),
    ):
        if values:
            found.append(col(column).in_(values))
    if wanted.known is not Known.ANY:
        found.append(col(Bug.known).is_(wanted.known is Known.YES))
    if wanted.reported_by:
        people = select(col(User.id)).where(col(User.name).in_(wanted.reported_by))
        found.append(col(Bug.reporter_id).in_(people))
    if wanted.operating_systems:
        seen = select(col(BugDevice.bug_id)).where(
            col(BugDevice.operating_system).in_(wanted.operating_systems)
        )
        found.append(col(Bug.id).in_(seen))
    if wanted.changed_since:
        found.append(is_changed_bug(wanted.changed_since))
    if wanted.search:
        found.append(has_words(SearchKind.BUG, wanted.search))
    return found + (_reported_in(wanted.period) if wanted.period else [])


def _reported_in(period: Period) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if period.start is not None:
        found.append(col(Bug.reported_at) >= period.start)
    if period.end is not None:
        found.append(col(Bug.reported_at) < period.end)
    return found


def _order(key: str) -> SQLColumnExpression[Any]:
    if key == "severity":
        return case(GRAVITY_RANK, value=col(Bug.severity), else_=0)
    if key == "auto_accept_at":
        # Ten days later for each of them; who is reviewed is not accepted by itself.
        return case((col(Bug.status) == BugStatus.OPEN, col(Bug.reported_at)))
    column: SQLColumnExpression[Any] = getattr(Bug, key)
    return func.lower(column) if key == "title" else column
