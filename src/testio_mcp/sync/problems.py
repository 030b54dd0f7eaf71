"""Remembers what could not be read until it can be."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select, update
from sqlmodel import col

from testio_mcp.database.engine import ReadSession, WriteSession, fetch
from testio_mcp.domain.problems import Subject
from testio_mcp.errors import ApiError
from testio_mcp.sync.mapping import Row
from testio_mcp.sync.statements import Prepared, among, insert_missing, table_of, upsert, within
from testio_mcp.tables import Problem, ProblemTest

# What tells one problem from another: subject, product and item.
type Key = tuple[str, int | None, int | None]


@dataclass(frozen=True)
class Failure:
    """Something that could not be read; `what` begins a sentence about it."""

    subject: Subject
    what: str
    error: str
    product_id: int | None = None
    item_id: int | None = None
    # Tests that it may be about.
    test_ids: tuple[int, ...] = ()
    # What could not be done.
    verb: str = "read"

    @property
    def line(self) -> str:
        return f"{self.what} could not be {self.verb}: {self.error}"

    @property
    def key(self) -> Key:
        return (self.subject, self.product_id, self.item_id)


async def remember(session: WriteSession, customer_id: int, failures: Iterable[Failure]) -> None:
    """Open a problem for each failure, or count it where one is open already."""
    failures = list(failures)
    if not failures:
        return
    known = {
        _key(problem): problem
        for problem in await open_problems(session, customer_id)
        if problem.positions is None
    }
    rows: list[Row] = []
    tests: list[Row] = []
    for key, failure in {failure.key: failure for failure in failures}.items():
        row = problem_row(known.get(key), customer_id, failure.error)
        row |= {"kind": failure.subject, "product_id": failure.product_id}
        rows.append({**row, "item_id": failure.item_id, "positions": None, "boundaries": {}})
        tests += test_rows(row, failure.test_ids)
    await upsert(session, Problem, rows)
    await insert_missing(session, ProblemTest, tests)


def problem_row(known: Problem | None, customer_id: int, error: str) -> Row:
    """What every problem has; the rest depends on what it is about."""
    now = datetime.now(UTC)
    return {
        "event_id": known.event_id if known else str(uuid4()),
        "customer_id": customer_id,
        "attempts": known.attempts + 1 if known else 1,
        "first_seen_at": now,
        "last_seen_at": now,
        "error": error,
    }


def test_rows(problem: Row, test_ids: Collection[int]) -> list[Row]:
    return [
        {
            "event_id": problem["event_id"],
            "test_id": id,
            "customer_id": problem["customer_id"],
            "mapped": False,
            "error": None,
        }
        for id in test_ids
    ]


async def open_problems(
    session: ReadSession, customer_id: int, *conditions: ColumnElement[bool]
) -> list[Problem]:
    query = select(Problem).where(col(Problem.customer_id) == customer_id, *conditions)
    return [problem for (problem,) in await fetch(session, query)]


def _key(problem: Problem) -> Key:
    return (problem.kind, problem.product_id, problem.item_id)


async def _over(
    session: ReadSession,
    customer_id: int,
    but: Iterable[Failure],
    *conditions: ColumnElement[bool],
) -> list[str]:
    """The open problems under these conditions, but those that still are."""
    still = {failure.key for failure in but}
    found = await open_problems(session, customer_id, *conditions)
    return [problem.event_id for problem in found if _key(problem) not in still]


async def close(
    session: WriteSession,
    customer_id: int,
    subject: Subject,
    *,
    product_id: int | None = None,
    items: Collection[int] | None = None,
    but: Iterable[Failure] = (),
) -> None:
    """End the problems of this kind about these items, or about all of a product.

    Those that still are, `but`, stay open.
    """
    if not await _are_open()(session, subjects=[subject]):
        return
    conditions = [col(Problem.kind) == subject, col(Problem.positions).is_(None)]
    if items is None:
        conditions.append(col(Problem.product_id).is_not_distinct_from(product_id))
    else:
        conditions.append(among(col(Problem.item_id), items))
    await end(session, await _over(session, customer_id, but, *conditions))


@cache
def _are_open() -> Prepared:
    """Whether there are any such problems: mostly there are none."""
    table = table_of(Problem)
    return Prepared(select(table.c.event_id).where(within(table.c.kind, "subjects")).limit(1))


async def end(session: WriteSession, event_ids: Sequence[str]) -> None:
    for event_id in event_ids:
        await session.exec(delete(Problem).where(col(Problem.event_id) == event_id))


async def close_bugs(
    session: WriteSession, customer_id: int, test_ids: Collection[int], but: Iterable[Failure]
) -> None:
    """End the problems with bugs of these tests, which were read now, but those that still are."""
    subjects = (Subject.BUG, Subject.BUGS)
    if not await _are_open()(session, subjects=subjects):
        return
    about_bugs = col(Problem.kind).in_(subjects)
    over = await _over(session, customer_id, but, about_bugs)
    if not over:
        return
    of_problem = col(ProblemTest.event_id).in_(over)
    await session.exec(
        delete(ProblemTest).where(of_problem, among(col(ProblemTest.test_id), test_ids))
    )
    query = select(col(ProblemTest.event_id)).where(of_problem)
    left = {event_id for (event_id,) in await fetch(session, query)}
    await end(session, [event_id for event_id in over if event_id not in left])


async def keep_candidates(
    session: WriteSession, customer_id: int, event_ids: Sequence[str], test_ids: Collection[int]
) -> None:
    """Make these the tests that the problems may be about, beside those that people named."""
    of_events = col(ProblemTest.event_id).in_(event_ids)
    named = col(ProblemTest.mapped).is_(True)
    await session.exec(
        delete(ProblemTest).where(of_events, ~named, ~among(col(ProblemTest.test_id), test_ids))
    )
    for event_id in event_ids:
        row = {"event_id": event_id, "customer_id": customer_id}
        await insert_missing(session, ProblemTest, test_rows(row, sorted(test_ids)))


async def mapped_tests(session: ReadSession, product_id: int) -> set[int]:
    """Tests that people said a product's problems are about."""
    query = (
        select(col(ProblemTest.test_id))
        .join(Problem, col(Problem.event_id) == col(ProblemTest.event_id))
        .where(col(Problem.product_id) == product_id, col(ProblemTest.mapped).is_(True))
    )
    return {id for (id,) in await fetch(session, query)}


async def settle_mapped(
    session: WriteSession,
    customer_id: int,
    product_id: int,
    found: Collection[int | None],
    errors: Mapping[int, ApiError],
) -> None:
    """Of the tests that people named: forget those that were read, note why others were not."""
    events = select(col(Problem.event_id)).where(
        col(Problem.customer_id) == customer_id,
        col(Problem.product_id) == product_id,
        col(Problem.positions).is_not(None),
    )
    ours = col(ProblemTest.event_id).in_(events)
    ids = [id for id in found if id is not None]
    await session.exec(delete(ProblemTest).where(ours, among(col(ProblemTest.test_id), ids)))
    for id, error in errors.items():
        of_test = col(ProblemTest.test_id) == id
        named = col(ProblemTest.mapped).is_(True)
        await session.exec(
            update(ProblemTest).where(ours, of_test, named).values(error=error.message)
        )
