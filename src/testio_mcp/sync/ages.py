"""Queries that tell how old the units are that an answer rests on, and what it may lack."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, case, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import Query, ReadSession, Record, fetch
from testio_mcp.domain.freshness import Basis, Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.tests import FINAL
from testio_mcp.sync.rules import settled
from testio_mcp.tables import Problem, ProblemTest, Product, Stamp, Test


async def ages_of_tests(session: ReadSession, basis: Basis, review_ends_before: datetime) -> Record:
    """The oldest and newest stamps of tests: those that may change often, daily, and no more.

    Beside them when the list of products was read, and whether there is any problem.
    """
    # To write it anew for each answer takes longer than SQLite takes to answer it.
    query = _ages_of_tests(
        basis.bugs, basis.executions, bool(basis.product_ids), basis.test_ids is not None
    )
    (row,) = await fetch(
        session,
        query,
        # Asked in the same words within a minute, a reader need not look again.
        review_ends_before=review_ends_before.replace(second=0, microsecond=0),
        product_ids=basis.product_ids,
        test_ids=basis.test_ids,
    )
    return row


async def ages_of_lists(session: ReadSession, basis: Basis) -> list[Record]:
    """The products of a basis, and when their lists of tests and catalogues were read."""
    return await fetch(
        session, _ages_of_lists(bool(basis.product_ids)), product_ids=basis.product_ids
    )


@cache
def _ages_of_lists(named: bool) -> Query:
    tests, features = aliased(Stamp), aliased(Stamp)
    query: Query = (
        select(
            col(Product.id),
            col(Product.name),
            col(tests.at).label(Unit.TESTS),
            col(tests.since).label("since"),
            col(features.at).label(Unit.FEATURES),
        )
        .join(tests, _stamp_of(Product, tests, Unit.TESTS), isouter=True)
        .join(features, _stamp_of(Product, features, Unit.FEATURES), isouter=True)
    )
    if named:
        query = query.where(col(Product.id).in_(bindparam("product_ids", expanding=True)))
    return query


def _stamp_of(thing: Any, stamp: Any, unit: Unit) -> ColumnElement[bool]:
    return and_(col(stamp.id) == col(thing.id), col(stamp.kind) == unit)


@cache
def _ages_of_tests(
    with_bugs: bool, with_executions: bool, of_products: bool, of_tests: bool
) -> Query:
    read, bugs, executed = aliased(Stamp), aliased(Stamp), aliased(Stamp)
    columns = [
        *_ages_of(read, read, bugs, ""),
        func.count(col(Test.id)).label("tests"),
        select(col(Stamp.at))
        .where(col(Stamp.kind) == Unit.PRODUCTS)
        .scalar_subquery()
        .label("products"),
        exists(select(col(Problem.event_id))).label("has_problems"),
    ]
    if with_bugs:
        columns += [*_ages_of(bugs, read, bugs, "_bugs"), _unread(bugs).label("unread_bugs")]
    if with_executions:
        columns += _ages_of(executed, executed, bugs, "_executions")
        columns.append(_unread(executed).label("unread_executions"))
    query: Query = (
        select(*columns)
        .select_from(Test)
        .join(read, _stamp_of(Test, read, Unit.TEST), isouter=True)
        .join(bugs, _stamp_of(Test, bugs, Unit.BUGS), isouter=True)
    )
    if with_executions:
        query = query.join(executed, _stamp_of(Test, executed, Unit.EXECUTION), isouter=True)
    if of_products:
        query = query.where(col(Test.product_id).in_(bindparam("product_ids", expanding=True)))
    if of_tests:
        query = query.where(col(Test.id).in_(bindparam("test_ids", expanding=True)))
    return query


def _ages_of(stamp: Any, read: Any, bugs: Any, suffix: str) -> list[ColumnElement[Any]]:
    """Of a stamp of tests; `read` and `bugs` are those by which a test is settled."""
    review_ends_before: BindParameter[datetime] = bindparam("review_ends_before")
    final = col(Test.status).in_(FINAL)
    may_change = ~func.coalesce(settled(review_ends_before, Test, read, bugs), False)
    return [
        func.min(case((~final & may_change, stamp.at))).label(f"live{suffix}"),
        func.min(case((final & may_change, stamp.at))).label(f"review{suffix}"),
        func.max(stamp.at).label(f"newest{suffix}"),
    ]


def _unread(stamp: Any) -> ColumnElement[Any]:
    return func.count().filter(col(stamp.at).is_(None), col(Test.id).is_not(None))


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
