"""What repositories share: a session, what was asked before, and a page of a query."""

import functools
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Concatenate, NamedTuple

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select

from testio_mcp.database.engine import Query, ReadSession, Record, fetch, recall
from testio_mcp.database.memory import as_question
from testio_mcp.domain.slice import Paging, Slice

# Queries of each kind that are kept: to write one takes longer than SQLite takes to answer it.
WRITTEN = 128
# Rows of what TestIO no longer has.
MOST_DELETED = 100

type Method[S, **P, T] = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


class PageQueries(NamedTuple):
    """For a page, and for how much there is where it is empty."""

    rows: Query
    total: Query


def remembered[S: "Repository", **P, T](question: Method[S, P, T]) -> Method[S, P, T]:
    """Answer what is asked again with equal arguments from memory, until somebody writes.

    Nobody may change what they get.
    """

    @functools.wraps(question)
    async def answered(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        asked = question.__qualname__, as_question(args), as_question(kwargs)
        return await recall(
            self._session, asked, functools.partial(question, self, *args, **kwargs)
        )

    return answered


class Repository:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def _all(self, query: Query, **parameters: Any) -> list[Record]:
        return await fetch(self._session, query, **parameters)

    async def _one(self, query: Query, **parameters: Any) -> Record | None:
        """The row of a query for one thing, if there is such a thing."""
        rows = await self._all(query, **parameters)
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

    async def _page(self, queries: PageQueries, paging: Paging) -> Slice[Record]:
        rows = await self._all(queries.rows)
        if not rows and paging.offset:
            ((number,),) = await self._all(queries.total)
            return Slice(rows, number)
        return Slice(rows, rows[0].total if rows else 0)


def paged(
    query: Query,
    matches: Sequence[ColumnElement[bool]],
    paging: Paging,
    order: SQLColumnExpression[Any],
    id: Any,
) -> PageQueries:
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
    return PageQueries(query.order_by(*order_by), total)
