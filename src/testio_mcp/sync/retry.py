"""What people do about problems: name the missing tests, ask for them again, or give up."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import anyio
from sqlalchemy import ColumnElement, delete, select, update
from sqlmodel import col

from testio_mcp.database.engine import ReadSession, WriteSession, fetch
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.remedies import OF_TESTS, refuse_unknown_products
from testio_mcp.domain.syncs import Kind, SyncOptions
from testio_mcp.errors import ApiError, ApiUnauthorized, InvalidRequest
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.pages import Seen
from testio_mcp.sync.problems import Failure, end, mapped_tests, open_problems
from testio_mcp.sync.run import Syncer
from testio_mcp.sync.statements import among, upsert
from testio_mcp.sync.steps_bugs import confirm_bug
from testio_mcp.sync.steps_catalogue import sync_features
from testio_mcp.sync.store import existing_ids
from testio_mcp.sync.store_bugs import store_bugs
from testio_mcp.sync.store_catalogue import load_reasons
from testio_mcp.sync.store_tests import store_test
from testio_mcp.sync.stretches import Stretch
from testio_mcp.tables import Problem, ProblemTest, Product, Test
from testio_mcp.views.problems import RetriedTest, RetryReport

# How many tests were asked for, and how many there are in all.
type OnProgress = Callable[[int, int], None]


class Repairs:
    """Whoever names events has read them through the fence; no others are touched."""

    def __init__(self, syncer: Syncer) -> None:
        self._syncer = syncer
        self._database = syncer.database
        self._customer_id = syncer.customer_id

    async def map_tests(self, event_id: str, test_ids: Collection[int]) -> None:
        """Note that a problem is about these tests; raises InvalidRequest for those we have."""
        async with self._database.write() as session:
            event = col(Problem.event_id) == event_id
            if not await open_problems(session, self._customer_id, event):
                raise InvalidRequest(f"Problem {event_id} is not open any more.")
            known = await _known_tests(session, self._customer_id, test_ids)
            if known:
                stored = ", ".join(map(str, known))
                raise InvalidRequest(
                    f"Test {stored} is stored already: it is not what is missing.",
                    hint="Name tests that list_tests does not know.",
                )
            rows = [
                {
                    "event_id": event_id,
                    "test_id": id,
                    "customer_id": self._customer_id,
                    "mapped": True,
                }
                for id in test_ids
            ]
            await upsert(session, ProblemTest, rows)

    async def retry(self, product_id: int, on_progress: OnProgress) -> RetryReport:
        """Ask for each mapped test of the product; raises SyncInProgress while a sync runs."""
        async with self._database.read() as session:
            products = await fetch(session, select(col(Product.id), col(Product.name)))
            names = {id: name for id, name in products}
            refuse_unknown_products([product_id], names)
            is_anything_mapped = bool(await mapped_tests(session, product_id))
        tests: list[RetriedTest] = []
        incomplete: list[str] = []
        if is_anything_mapped:
            async with self._syncer.context(SyncOptions((product_id,))) as sync:
                tests = await _Tests(sync, product_id).retry(on_progress)
            incomplete = sync.tally.incomplete
        return RetryReport(
            product_id=product_id, product=names[product_id], tests=tests, incomplete=incomplete
        )

    async def clear(self, event_ids: Collection[str]) -> tuple[int, int]:
        """Forget these problems; how many there still were, and how many tests were mapped."""
        wanted = set(event_ids)
        # A sync at work writes its problems in transactions of their own, as this is one.
        async with self._database.write() as session:
            found = await open_problems(session, self._customer_id)
            events = [problem.event_id for problem in found if problem.event_id in wanted]
            query = select(col(ProblemTest.event_id), col(ProblemTest.test_id)).where(
                col(ProblemTest.customer_id) == self._customer_id, col(ProblemTest.mapped).is_(True)
            )
            tests = {id for event_id, id in await fetch(session, query) if event_id in wanted}
            await end(session, events)
        return len(events), len(tests)


class _Tests:
    """The mapped tests of one product, asked for by their ids."""

    def __init__(self, sync: SyncContext, product_id: int) -> None:
        self._sync = sync
        self._product_id = product_id
        # By test: when it ends, and why it could not be stored.
        self._stored: dict[int, datetime | None] = {}
        self._errors: dict[int, str] = {}

    async def retry(self, on_progress: OnProgress) -> list[RetriedTest]:
        # Whether TestIO answers this token at all is no property of a test.
        product = await self._sync.client.product(self._product_id)
        await load_reasons(self._sync)
        async with self._sync.database.read() as session:
            mapped = await self._mapped(session)
        ids = sorted({test_id for _, test_id in mapped})

        async def one(id: int) -> None:
            async with self._sync.units:
                await self._read(id)
            on_progress(len(self._stored) + len(self._errors), len(ids))

        on_progress(0, len(ids))
        async with anyio.create_task_group() as tasks:
            for id in ids:
                tasks.start_soon(one, id)
        if self._sync.lost_features[self._product_id]:
            # They may be newer than the catalogue that is stored.
            await sync_features(self._sync, product.payload)
        closed = await self._end_events(mapped)
        return [
            RetriedTest(test_id=id, error=self._errors.get(id), closed=closed.get(id)) for id in ids
        ]

    async def _read(self, id: int) -> None:
        try:
            fetched = await self._sync.client.test(id)
        except ApiUnauthorized:
            raise
        except ApiError as error:
            await self._fail(id, error.message)
            return
        named = fetched.payload.product
        if named and named.id != self._product_id:
            await self._fail(id, f"It is a test of product {named.id}.")
            return
        await store_test(self._sync, self._product_id, fetched)
        async with self._sync.database.write() as session:
            is_ours = await existing_ids(session, Test, [id], self._sync.customer_id)
            if is_ours:
                await session.exec(delete(ProblemTest).where(*self._rows_of(id)))
        if not is_ours:
            await self._fail(id, "Another customer's row has its id, so it cannot be stored.")
            return
        await self._read_bugs(id)
        self._stored[id] = fetched.payload.end_at

    async def _fail(self, id: int, error: str) -> None:
        async with self._sync.database.write() as session:
            await session.exec(
                update(ProblemTest)
                .where(*self._rows_of(id), col(ProblemTest.mapped).is_(True))
                .values(error=error)
            )
        self._errors[id] = error

    async def _end_events(self, mapped: Collection[tuple[str, int]]) -> dict[int, str]:
        """End the problems that the stored tests explain; by test, the problem that is over.

        A test is one row of the list and explains one problem. One with tests that are still
        mapped stays until a sync reads the list.
        """
        closed: dict[int, str] = {}
        async with self._sync.database.write() as session:
            ours = col(Problem.product_id) == self._product_id
            found = await open_problems(session, self._sync.customer_id, ours)
            events = {problem.event_id: problem for problem in found}
            waiting = {event_id for event_id, _ in await self._mapped(session)}
            for event_id, id in sorted(mapped):
                if id not in self._stored or id in closed or event_id in closed.values():
                    continue
                event = events.get(event_id)
                # Storing a test ends the problem about its very id.
                if event is None or (
                    event_id not in waiting and _may_hold(event, self._stored[id])
                ):
                    closed[id] = event_id
            await end(session, sorted(closed.values()))
        return closed

    async def _mapped(self, session: ReadSession) -> list[tuple[str, int]]:
        """Each problem with a test that people mapped to it."""
        query = select(col(ProblemTest.event_id), col(ProblemTest.test_id)).where(
            *self._of_product(), col(ProblemTest.mapped).is_(True)
        )
        return [(event_id, test_id) for event_id, test_id in await fetch(session, query)]

    def _rows_of(self, id: int) -> tuple[ColumnElement[bool], ...]:
        return *self._of_product(), col(ProblemTest.test_id) == id

    def _of_product(self) -> tuple[ColumnElement[bool], ...]:
        """The rows that tie tests to this product's problems with tests; writes have no fence."""
        events = select(col(Problem.event_id)).where(
            col(Problem.customer_id) == self._sync.customer_id,
            col(Problem.product_id) == self._product_id,
            col(Problem.kind).in_(OF_TESTS),
        )
        return (
            col(ProblemTest.customer_id) == self._sync.customer_id,
            col(ProblemTest.event_id).in_(events),
        )

    async def _read_bugs(self, test_id: int) -> None:
        sync, product_id = self._sync, self._product_id
        try:
            listing = await sync.client.bugs([test_id])
        except ApiError as error:
            what = f"The bugs of test {test_id}"
            failure = Failure(Subject.BUGS, what, error.message, product_id, test_id, (test_id,))
            await sync.failed(Kind.BUGS, error, failure.line, [failure])
            return
        missing = await store_bugs(sync, product_id, [test_id], listing)
        for bug_id in missing:
            await confirm_bug(sync, product_id, bug_id, test_id)


async def _known_tests(session: WriteSession, customer_id: int, ids: Collection[int]) -> list[int]:
    query = select(col(Test.id)).where(
        col(Test.customer_id) == customer_id,
        col(Test.deleted_at).is_(None),
        among(col(Test.id), ids),
    )
    return sorted(id for (id,) in await fetch(session, query))


def _may_hold(problem: Problem, end_at: datetime | None) -> bool:
    """Whether a test that ends then would be where the problem is; False without a place."""
    if problem.positions is None:
        return False
    before, after = (_seen(problem.boundaries.get(side)) for side in ("before", "after"))
    place = Stretch(Subject(problem.kind), 1, 1, before, after, problem.error)
    return place.may_hold(end_at)


def _seen(boundary: Any) -> Seen | None:
    if not boundary:
        return None
    end_at = boundary["end_at"]
    return Seen(boundary["id"], datetime.fromisoformat(end_at) if end_at else None)
