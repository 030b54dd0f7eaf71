"""Queries over what has changed, as far as it was seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import col

from testio_mcp.database.engine import Query
from testio_mcp.domain.syncs import RunStatus
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.tables import Bug, Product, SyncRun, Test


class ChangeRepository(Repository):
    @remembered
    async def known_since(self, product_ids: Sequence[int]) -> list[datetime | None]:
        """From when on changes of each product were seen; None before its first sync is through."""
        query: Query = select(_known_since(col(Product.id))).select_from(Product)
        if product_ids:
            query = query.where(col(Product.id).in_(product_ids))
        return [at for (at,) in await self._all(query)]


def is_changed_bug(since: datetime) -> ColumnElement[bool]:
    return or_(col(Bug.reported_at) >= since, _has_moved(Bug, since))


def is_changed_test(since: datetime) -> ColumnElement[bool]:
    return or_(is_new_test(since), _has_moved(Test, since))


def is_new_test(since: datetime) -> ColumnElement[bool]:
    """What the first sync found was not new."""
    return and_(
        col(Test.first_seen_at) >= since,
        col(Test.first_seen_at) > _known_since(col(Test.product_id)),
    )


def _has_moved(table: Any, since: datetime) -> ColumnElement[bool]:
    return and_(col(table.previous_status).is_not(None), col(table.status_changed_at) >= since)


def _known_since(product_id: Any) -> ColumnElement[Any]:
    """The end of the first sync of the product."""
    asked = col(SyncRun.options)["product_ids"]
    named = select(func.json_each(asked).table_valued("value").c.value)
    first = select(func.min(col(SyncRun.finished_at))).where(
        col(SyncRun.status).in_((RunStatus.OK, RunStatus.PARTIAL)),
        or_(func.json_array_length(asked) == 0, product_id.in_(named)),
    )
    return first.correlate_except(SyncRun).scalar_subquery()
