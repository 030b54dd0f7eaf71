"""What repositories share: a session, and a page of a query."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from testio_mcp.database.engine import Query, ReadSession, Record, fetch
from testio_mcp.domain.slice import Paging, Slice

# Rows of what TestIO no longer has.
MOST_DELETED = 100


class Repository:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def _all(self, query: Query) -> list[Record]:
        return await fetch(self._session, query)

    async def _first(self, query: Query) -> Record | None:
        rows = await self._all(query.limit(1))
        return rows[0] if rows else None

    async def _deleted(
        self, table: Any, matches: Sequence[ColumnElement[bool]], since: datetime
    ) -> list[Record]:
        """What was seen to be gone since then, the latest first, and how much in all."""
        total = func.count().over().label("total")
        query = (
            select(table.id, table.title, table.product_id, table.deleted_at, total)
            .where(*matches, table.deleted_at >= since)
            .order_by(table.deleted_at.desc(), table.id)
            .limit(MOST_DELETED)
        )
        return await self._all(query.execution_options(with_deleted=True))

    async def _page(
        self,
        query: Query,
        matches: Sequence[ColumnElement[bool]],
        paging: Paging,
        order: SQLColumnExpression[Any],
        id: Any,
    ) -> Slice[Record]:
        """A page in the order that was asked for; nulls last, ties by id.

        `matches` are conditions on the table of `id` alone: what is joined for its names neither
        adds nor takes away rows, and counting would look it up for each.
        """
        total = select(func.count(id)).where(*matches).correlate(None)
        ordered = order.desc() if paging.descending else order.asc()
        order_by = (ordered.nulls_last(), id)
        chosen = select(id).where(*matches).order_by(*order_by).correlate(None)
        # Chosen first, or SQLite may begin with the names and look at every row of each.
        query = query.where(id.in_(chosen.limit(paging.page_size).offset(paging.offset)))
        query = query.add_columns(total.scalar_subquery().label("total"))
        rows = await self._all(query.order_by(*order_by))
        if not rows and paging.offset:
            ((number,),) = await self._all(total)
            return Slice(rows, number)
        return Slice(rows, rows[0].total if rows else 0)
