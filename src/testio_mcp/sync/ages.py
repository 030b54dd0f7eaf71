"""Queries that tell how old the units are that an answer rests on, and what it may lack."""

from datetime import datetime
from functools import cache
from typing import Any

import anyio
from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, case, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import Query, ReadSession, Record, fetch
from testio_mcp.domain.freshness import Basis, Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.tests import FINAL
from testio_mcp.sync.rules import settled
from testio_mcp.tables import Problem, ProblemTest, Stamp, Test


async def test_ages(session: ReadSession, basis: Basis, review_ends_before: datetime) -> Record:
    """The oldest and newest stamps of tests: those that may change often, daily, and no more."""
    # To write it anew for each answer takes longer than SQLite takes to answer it.
    query = _test_ages(basis.bugs, bool(basis.product_ids), basis.test_ids is not None)
    (row,) = await fetch(
        session,
        query,
        review_ends_before=review_ends_before,
        product_ids=basis.product_ids,
        test_ids=basis.test_ids,
    )
    return row


@cache
def _test_ages(with_bugs: bool, of_products: bool, of_tests: bool) -> Query:
    read, bugs = aliased(Stamp), aliased(Stamp)
    review_ends_before: BindParameter[datetime] = bindparam("review_ends_before")
    is_settled = func.coalesce(settled(review_ends_before, Test, read, bugs), False)
    final = col(Test.status).in_(FINAL)

    def oldest(kind: Any, of: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.min(case((of & ~is_settled, kind.at)))

    columns = [
        oldest(read, ~final).label("live"),
        oldest(read, final).label("review"),
        func.max(read.at).label("newest"),
        func.count(col(Test.id)).label("tests"),
    ]
    if with_bugs:
        columns += [
            oldest(bugs, ~final).label("live_bugs"),
            oldest(bugs, final).label("review_bugs"),
            func.max(bugs.at).label("newest_bugs"),
            func.count().filter(col(bugs.at).is_(None), col(Test.id).is_not(None)).label("unread"),
        ]
    query: Query = (
        select(*columns)
        .select_from(Test)
        .join(read, and_(col(read.id) == col(Test.id), col(read.kind) == Unit.TEST), isouter=True)
        .join(bugs, and_(col(bugs.id) == col(Test.id), col(bugs.kind) == Unit.BUGS), isouter=True)
    )
    if of_products:
        query = query.where(col(Test.product_id).in_(bindparam("product_ids", expanding=True)))
    if of_tests:
        query = query.where(col(Test.id).in_(bindparam("test_ids", expanding=True)))
    return query


async def has_problems(session: ReadSession) -> bool:
    """Mostly there are none, of whomever."""
    # Cut off in a statement, a connection would have to be thrown away.
    with anyio.CancelScope(shield=True):
        connection = await session.connection()
        result = await connection.exec_driver_sql("SELECT 1 FROM problems LIMIT 1")
    return result.first() is not None


def concerns(basis: Basis) -> ColumnElement[bool]:
    """The problems that an answer on this basis can suffer from."""
    subjects = [Subject.PRODUCT] if basis.of_all_products else []
    subjects += [Subject.TEST, Subject.TESTS] if basis.lists else []
    subjects += [Subject.FEATURE, Subject.USER_STORY, Subject.FEATURES] if basis.features else []
    subjects += [Subject.REJECT_REASONS] if basis.bugs else []
    concerns = col(Problem.kind).in_(subjects)
    if not basis.bugs:
        return concerns
    of_bugs = col(Problem.kind).in_((Subject.BUG, Subject.BUGS))
    if basis.test_ids is None:
        return concerns | of_bugs
    of_tests = col(ProblemTest.test_id).in_(basis.test_ids)
    events = select(col(ProblemTest.event_id)).where(of_tests)
    return concerns | (of_bugs & col(Problem.event_id).in_(events))
