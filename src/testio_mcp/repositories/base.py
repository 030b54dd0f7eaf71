"""What repositories share: a session, and a page of a query."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from testio_mcp.database.engine import Query, ReadSession, Record, fetch
from testio_mcp.domain.slice import Paging, Slice


class Repository:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def _all(self, query: Query) -> list[Record]:
        return await fetch(self._session, query)

    async def _first(self, query: Query) -> Record | None:
        rows = await self._all(query.limit(1))
        return rows[0] if rows else None

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
        query = query.add_columns(total.scalar_subquery().label("total"))
        query = query.where(*matches)
        ordered = order.desc() if paging.descending else order.asc()
        query = query.order_by(ordered.nulls_last(), id).limit(paging.page_size)
        rows = await self._all(query.offset(paging.offset))
        if not rows and paging.offset:
            ((number,),) = await self._all(total)
            return Slice(rows, number)
        return Slice(rows, rows[0].total if rows else 0)
