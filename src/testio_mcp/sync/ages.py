"""How old the units are that an answer rests on, and what of them it lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from math import ceil
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import Query, ReadSession, Record, fetch, recall
from testio_mcp.domain.calendar import minute
from testio_mcp.domain.freshness import Basis, Unit
from testio_mcp.domain.problems import Subject, missing
from testio_mcp.sync.portions import PER_PAGE, TESTS_PER_BUG_CALL
from testio_mcp.sync.rules import REVIEW_TTL, Rules, is_final, settled
from testio_mcp.tables import Problem, ProblemTest, Product, Stamp, Test, stamp_of
from testio_mcp.tables.constants import constant


@dataclass
class Ages:
    """When that which a basis rests on was read, and what of it was not."""

    live: list[datetime] = field(default_factory=list)
    review: list[datetime] = field(default_factory=list)
    settled: list[datetime] = field(default_factory=list)
    # Sentences about what was never read.
    missing: list[str] = field(default_factory=list)
    # About what was not asked for on purpose.
    omitted: list[str] = field(default_factory=list)
    # About what could not be read.
    problems: list[str] = field(default_factory=list)
    # About how many requests would bring all of it.
    requests: int = 0

    @property
    def as_of(self) -> datetime | None:
        changeable = self.live + self.review
        return min(changeable) if changeable else max(self.settled, default=None)

    def overdue(self, now: datetime, ttl: timedelta) -> bool:
        return any(now - at > ttl for at in self.live) or any(
            now - at > REVIEW_TTL for at in self.review
        )


async def ages_of(
    session: ReadSession, basis: Basis, rules: Rules, now: datetime, *, may_look_up: bool
) -> Ages:
    """`may_look_up` is whether somebody asks TestIO for what no sync reads."""
    review_ends_before = minute(now - rules.review)
    question = "ages", basis, review_ends_before, may_look_up
    read = partial(_read, session, basis, review_ends_before, may_look_up=may_look_up)
    return await recall(session, question, read)


async def _read(
    session: ReadSession, basis: Basis, review_ends_before: datetime, *, may_look_up: bool
) -> Ages:
    ages = Ages()
    products = await _fetch_lists(session, basis)
    _add_lists(ages, basis, products)
    tests = await _fetch_tests(session, basis, review_ends_before)
    _add_tests(ages, basis, tests)
    if basis.executions:
        _add_executions(ages, tests, may_look_up=may_look_up)
    if tests.has_problems:
        ages.problems = await _problems(session, basis, {row.id: row.name for row in products})
    return ages


def _add_lists(ages: Ages, basis: Basis, products: Sequence[Record]) -> None:
    kinds = [Unit.TESTS] * basis.lists + [Unit.FEATURES] * basis.features
    ages.requests += len(kinds) * len(products) + basis.of_all_products
    for kind in kinds:
        for row in products:
            at = getattr(row, kind)
            ages.live += _present(at)
            if at is None:
                ages.missing.append(f"The {kind} of {_named(row)} have not been read yet.")
    if basis.lists:
        ages.omitted += [
            f"Of {_named(row)}, tests that ended before {row.since:%Y-%m-%d} were not asked for."
            for row in products
            if row.since
        ]


def _add_tests(ages: Ages, basis: Basis, row: Record) -> None:
    """Adds the tests and their bugs, and the list of products."""
    if basis.of_all_products:
        ages.live += _present(row.products)
    ages.requests += ceil(row.tests / PER_PAGE) if basis.tests else 0
    ages.requests += ceil(row.tests / TESTS_PER_BUG_CALL) if basis.bugs else 0
    if basis.tests:
        ages.live += _present(row.live)
        ages.review += _present(row.review)
        ages.settled += _present(row.newest)
    if basis.bugs:
        ages.live += _present(row.live_bugs)
        ages.review += _present(row.review_bugs)
        ages.settled += _present(row.newest_bugs)
        if row.unread_bugs:
            bugs = f"The bugs of {_tests(row.unread_bugs)}"
            ages.missing.append(f"{bugs} have not been read yet.")


def _add_executions(ages: Ages, row: Record, *, may_look_up: bool) -> None:
    ages.requests += row.tests
    ages.live += _present(row.live_executions)
    ages.review += _present(row.review_executions)
    ages.settled += _present(row.newest_executions)
    if row.unread_executions:
        # No sync reads them: where nobody asks TestIO they are left out on purpose.
        lacks = ages.missing if may_look_up else ages.omitted
        lacks.append(
            f"How features and user stories fared in {_tests(row.unread_executions)} "
            "has not been read yet."
        )


async def _problems(session: ReadSession, basis: Basis, products: Mapping[int, str]) -> list[str]:
    """What an answer on this basis may lack because it could not be read, in sentences."""
    of = col(Problem.product_id)
    query = (
        select(of, col(Problem.kind), func.count().label("number"))
        .where(_concerns(basis))
        .where(or_(of.in_(products), of.is_(None)))
        .group_by(of, col(Problem.kind))
        .order_by(of, col(Problem.kind))
    )
    lines = []
    for row in await fetch(session, query):
        name = products.get(row.product_id)
        lines.append(missing(row.kind, row.number, name and f"{name} ({row.product_id})"))
    return lines


def _named(product: Record) -> str:
    return f"product {product.name} ({product.id})"


def _present(*stamps: datetime | None) -> Sequence[datetime]:
    return [at for at in stamps if at is not None]


def _tests(number: int) -> str:
    return f"{number:,} test{'s' if number > 1 else ''}"


async def _fetch_tests(session: ReadSession, basis: Basis, review_ends_before: datetime) -> Record:
    """The oldest and newest stamps of tests: those that may change often, daily, and no more.

    Beside them when the list of products was read, and whether there is any problem.
    """
    # To write it anew for each answer takes longer than SQLite takes to answer it.
    query = _query_of_tests(
        basis.bugs, basis.executions, bool(basis.product_ids), basis.test_ids is not None
    )
    (row,) = await fetch(
        session,
        query,
        review_ends_before=review_ends_before,
        product_ids=basis.product_ids,
        test_ids=basis.test_ids,
    )
    return row


async def _fetch_lists(session: ReadSession, basis: Basis) -> list[Record]:
    """The products of a basis, and when their lists of tests and catalogues were read."""
    return await fetch(
        session, _query_of_lists(bool(basis.product_ids)), product_ids=basis.product_ids
    )


@cache
def _query_of_lists(named: bool) -> Query:
    tests, features = aliased(Stamp), aliased(Stamp)
    query: Query = (
        select(
            col(Product.id),
            col(Product.name),
            col(tests.at).label(Unit.TESTS),
            col(tests.since).label("since"),
            col(features.at).label(Unit.FEATURES),
        )
        .join(tests, stamp_of(Product, tests, Unit.TESTS), isouter=True)
        .join(features, stamp_of(Product, features, Unit.FEATURES), isouter=True)
    )
    if named:
        query = query.where(col(Product.id).in_(bindparam("product_ids", expanding=True)))
    return query


@cache
def _query_of_tests(
    with_bugs: bool, with_executions: bool, of_products: bool, of_tests: bool
) -> Query:
    read, bugs, executed = aliased(Stamp), aliased(Stamp), aliased(Stamp)
    columns = [
        *_stamps_of(read, read, bugs, ""),
        func.count(col(Test.id)).label("tests"),
        select(col(Stamp.at))
        .where(col(Stamp.kind) == Unit.PRODUCTS)
        .scalar_subquery()
        .label("products"),
        exists(select(col(Problem.event_id))).label("has_problems"),
    ]
    if with_bugs:
        columns += [*_stamps_of(bugs, read, bugs, "_bugs"), _unread(bugs).label("unread_bugs")]
    if with_executions:
        columns += _stamps_of(executed, executed, bugs, "_executions")
        columns.append(_unread(executed).label("unread_executions"))
    query: Query = (
        select(*columns)
        .select_from(Test)
        .join(read, stamp_of(Test, read, Unit.TEST), isouter=True)
        .join(bugs, stamp_of(Test, bugs, Unit.BUGS), isouter=True)
    )
    if with_executions:
        query = query.join(executed, stamp_of(Test, executed, Unit.EXECUTION), isouter=True)
    if of_products:
        query = query.where(col(Test.product_id).in_(bindparam("product_ids", expanding=True)))
    if of_tests:
        query = query.where(col(Test.id).in_(bindparam("test_ids", expanding=True)))
    return query


def _stamps_of(stamp: Any, read: Any, bugs: Any, suffix: str) -> list[ColumnElement[Any]]:
    """Of a stamp of tests; `read` and `bugs` are those by which a test is settled."""
    review_ends_before: BindParameter[datetime] = bindparam("review_ends_before")
    final = is_final(Test)
    is_settled = func.coalesce(settled(review_ends_before, Test, read, bugs), constant(False))
    may_change = is_settled == constant(False)
    return [
        func.min(case((~final & may_change, stamp.at))).label(f"live{suffix}"),
        func.min(case((final & may_change, stamp.at))).label(f"review{suffix}"),
        func.max(stamp.at).label(f"newest{suffix}"),
    ]


def _unread(stamp: Any) -> ColumnElement[Any]:
    return func.count().filter(col(stamp.at).is_(None), col(Test.id).is_not(None))


def _concerns(basis: Basis) -> ColumnElement[bool]:
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
