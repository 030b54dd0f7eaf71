"""How current an answer is: the only place that decides what is stale and says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import Query, ReadSession, Record, fetch
from testio_mcp.domain.freshness import Basis, State, Unit
from testio_mcp.domain.problems import Subject, missing
from testio_mcp.domain.syncs import RunStatus
from testio_mcp.domain.tests import FINAL
from testio_mcp.errors import TestIOMcpError
from testio_mcp.tables import Problem, ProblemTest, Product, Stamp, SyncRun, Test
from testio_mcp.views.base import Freshness

# Bugs of an archived test are read daily; a sync may come half a day late.
REVIEW_TTL = timedelta(hours=36)


@dataclass
class Condition:
    """What keeps the cache from being refreshed; shared by all calls of a process."""

    # Something only a person can mend, such as a missing token.
    blocked: TestIOMcpError | None = None
    last_error: TestIOMcpError | None = None

    @property
    def failure(self) -> TestIOMcpError | None:
        return self.blocked or self.last_error


@dataclass(frozen=True)
class Rules:
    """From which age on things count as stale, and until when an archived test may change."""

    ttl: timedelta
    review: timedelta


@dataclass
class _Ages:
    """The stamps of a basis: when it was read, and what of it never was."""

    live: list[datetime] = field(default_factory=list)
    review: list[datetime] = field(default_factory=list)
    settled: list[datetime] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def as_of(self) -> datetime | None:
        changeable = self.live + self.review
        return min(changeable) if changeable else max(self.settled, default=None)

    def overdue(self, now: datetime, ttl: timedelta) -> bool:
        return any(now - at > ttl for at in self.live) or any(
            now - at > REVIEW_TTL for at in self.review
        )


class FreshnessReader:
    def __init__(self, session: ReadSession, condition: Condition, rules: Rules) -> None:
        self._session = session
        self._condition = condition
        self._rules = rules

    async def of(self, basis: Basis, now: datetime) -> Freshness:
        """How current an answer on this basis is.

        Raises what keeps the cache empty, when nothing of the basis was ever read.
        """
        ages = _Ages()
        products = await self._products(basis)
        await self._lists(basis, products, ages)
        await self._tests(basis, ages, now)
        incomplete = ages.missing + await self._problems(basis, products)
        if ages.as_of is None:
            return Freshness(
                as_of=None,
                state=State.NEVER_SYNCED,
                reason=await self._why_empty(),
                incomplete=incomplete,
            )
        reason = self._why_stale(ages, now)
        state = State.STALE if reason else State.FRESH
        return Freshness(as_of=ages.as_of, state=state, reason=reason, incomplete=incomplete)

    async def _products(self, basis: Basis) -> dict[int, str]:
        query = select(col(Product.id), col(Product.name))
        if basis.product_ids:
            query = query.where(col(Product.id).in_(basis.product_ids))
        return {id: name for id, name in await fetch(self._session, query)}

    async def _lists(self, basis: Basis, products: dict[int, str], ages: _Ages) -> None:
        kinds = [Unit.TESTS] * basis.lists + [Unit.FEATURES] * basis.features
        if not basis.product_ids:
            kinds.append(Unit.PRODUCTS)
        query = select(col(Stamp.kind), col(Stamp.id), col(Stamp.at), col(Stamp.since))
        rows = await fetch(self._session, query.where(col(Stamp.kind).in_(kinds)))
        stamps = {(row.kind, row.id): row for row in rows}
        if (Unit.PRODUCTS, 0) in stamps:
            ages.live.append(stamps[Unit.PRODUCTS, 0].at)
        for kind in (Unit.TESTS, Unit.FEATURES):
            if kind in kinds:
                _add_lists(ages, kind, products, stamps)

    async def _tests(self, basis: Basis, ages: _Ages, now: datetime) -> None:
        if basis.test_ids == ():
            return
        (row,) = await fetch(self._session, _test_ages(basis, now - self._rules.review))
        ages.live += _present(row.live)
        ages.review += _present(row.review)
        ages.settled += _present(row.newest)
        if not basis.bugs:
            return
        ages.live += _present(row.live_bugs)
        ages.review += _present(row.review_bugs)
        ages.settled += _present(row.newest_bugs)
        if row.unread:
            ages.missing.append(f"The bugs of {_tests(row.unread)} have not been read yet.")

    async def _problems(self, basis: Basis, products: dict[int, str]) -> list[str]:
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
        for row in await fetch(self._session, query):
            name = products.get(row.product_id)
            lines.append(missing(row.kind, row.number, name and f"{name} ({row.product_id})"))
        return lines

    def _why_stale(self, ages: _Ages, now: datetime) -> str | None:
        if self._condition.blocked and (ages.live or ages.review or ages.missing):
            return str(self._condition.blocked)
        if not ages.overdue(now, self._rules.ttl):
            return "Some of it was never read." if ages.missing else None
        if self._condition.last_error:
            return str(self._condition.last_error)
        return "It has not been read again since."

    async def _why_empty(self) -> str:
        run = await self._running()
        if run:
            tests, bugs = (sum(run.counts.get(kind, {}).values()) for kind in ("tests", "bugs"))
            return f"The first sync is running: {tests:,} tests and {bugs:,} bugs so far."
        if self._condition.failure:
            raise self._condition.failure
        return "The first sync has not run yet."

    async def _running(self) -> SyncRun | None:
        query = select(SyncRun).where(col(SyncRun.status) == RunStatus.RUNNING)
        rows = await fetch(self._session, query.order_by(col(SyncRun.id).desc()).limit(1))
        return rows[0][0] if rows else None


def settled(review_ends_before: datetime, test: Any, read: Any, bugs: Any) -> ColumnElement[bool]:
    """Nothing about the test or its bugs can change, and both were read after that was so."""
    became_final = func.coalesce(test.status_changed_at, test.first_seen_at)
    return and_(
        test.status.in_(FINAL),
        func.coalesce(test.end_at, test.first_seen_at) < review_ends_before,
        read.at >= became_final,
        bugs.at >= became_final,
    )


def _test_ages(basis: Basis, review_ends_before: datetime) -> Query:
    read, bugs = aliased(Stamp), aliased(Stamp)
    is_settled = func.coalesce(settled(review_ends_before, Test, read, bugs), False)
    final = col(Test.status).in_(FINAL)

    def oldest(kind: Any, of: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.min(case((of & ~is_settled, kind.at)))

    columns = [
        oldest(read, ~final).label("live"),
        oldest(read, final).label("review"),
        func.max(read.at).label("newest"),
    ]
    if basis.bugs:
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
    if basis.product_ids:
        query = query.where(col(Test.product_id).in_(basis.product_ids))
    if basis.test_ids is not None:
        query = query.where(col(Test.id).in_(basis.test_ids))
    return query


def _concerns(basis: Basis) -> ColumnElement[bool]:
    subjects = [Subject.PRODUCT] if not basis.product_ids else []
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


def _add_lists(
    ages: _Ages, kind: Unit, products: dict[int, str], stamps: dict[tuple[str, int], Record]
) -> None:
    for id, name in products.items():
        found = stamps.get((kind, id))
        if found is None:
            ages.missing.append(f"The {kind} of product {name} ({id}) have not been read yet.")
            continue
        ages.live.append(found.at)
        if found.since:
            ages.missing.append(
                f"Of product {name} ({id}), tests that ended before {found.since:%Y-%m-%d} "
                "were not asked for."
            )


def _present(*stamps: datetime | None) -> Sequence[datetime]:
    return [at for at in stamps if at is not None]


def _tests(number: int) -> str:
    return f"{number:,} test{'s' if number > 1 else ''}"
