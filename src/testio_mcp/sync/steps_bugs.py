"""Reads the bugs of every test that is new, may still change, or changed since they were read."""

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.api.payloads import ProductPayload
from testio_mcp.database.engine import ReadSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind
from testio_mcp.errors import ApiError, ApiNotFound, ApiTimeout
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.deletions import delete_bug
from testio_mcp.sync.portions import TESTS_PER_BUG_CALL
from testio_mcp.sync.problems import Failure
from testio_mcp.sync.rules import REVIEW_INTERVAL, became_final, is_final, settled
from testio_mcp.sync.store_bugs import store_bug, store_bugs
from testio_mcp.tables import Problem, ProblemTest, Stamp, Test, stamp_of

# So often a batch is halved without any success before the API itself is blamed.
HALVINGS = 2


async def sync_bugs(sync: SyncContext, product: ProductPayload) -> None:
    async with sync.database.read() as session:
        due = await _due(sync, session, product.id)
    await sync_bugs_of(sync, product.id, due)


async def sync_bugs_of(sync: SyncContext, product_id: int, test_ids: Sequence[int]) -> None:
    async with anyio.create_task_group() as tasks:
        for start in range(0, len(test_ids), TESTS_PER_BUG_CALL):
            batch = test_ids[start : start + TESTS_PER_BUG_CALL]
            tasks.start_soon(_Batch(sync, product_id).read, batch)


class _Batch:
    """The bugs of some tests, in one call or, where that fails, in ever smaller ones."""

    def __init__(self, sync: SyncContext, product_id: int) -> None:
        self._sync = sync
        self._product_id = product_id
        self._has_read = False
        self._failed: dict[int, ApiError] = {}

    async def read(self, test_ids: Sequence[int]) -> None:
        async with self._sync.units:
            error = await self._attempt(test_ids)
            if error:
                await self._halve(test_ids, error, HALVINGS)
        if self._failed:
            await self._fail()

    async def _halve(self, test_ids: Sequence[int], error: ApiError, left: int) -> None:
        """Until only the tests are left whose bugs cannot be read."""
        may_be_one = isinstance(error, ApiTimeout) or error.may_be_one_item
        if len(test_ids) == 1 or not may_be_one or not (left or self._has_read):
            self._failed |= dict.fromkeys(test_ids, error)
            return
        middle = len(test_ids) // 2
        halves = (test_ids[:middle], test_ids[middle:])
        errors = [
            await self._attempt(half, attempts=1 if len(half) > 1 else None) for half in halves
        ]
        # A batch that takes too long says nothing about the API.
        left -= 0 if isinstance(error, ApiTimeout) else 1
        for half, problem in zip(halves, errors, strict=True):
            if problem:
                await self._halve(half, problem, left)

    async def _attempt(
        self, test_ids: Sequence[int], attempts: int | None = None
    ) -> ApiError | None:
        sync = self._sync
        try:
            listing = await sync.client.bugs(test_ids, attempts=attempts)
        except ApiError as error:
            return error
        self._has_read = True
        missing = await store_bugs(sync, self._product_id, test_ids, listing)
        for bug_id, test_id in missing.items():
            await confirm_bug(sync, self._product_id, bug_id, test_id)
        return None

    async def _fail(self) -> None:
        failures = [
            Failure(
                Subject.BUGS, f"The bugs of test {id}", error.message, self._product_id, id, (id,)
            )
            for id, error in self._failed.items()
        ]
        ids, error = list(self._failed), next(iter(self._failed.values()))
        of = f"{len(ids)} tests ({ids[0]} to {ids[-1]})"
        line = f"The bugs of {of} could not be read: {error.message}"
        await self._sync.failed(
            Kind.BUGS, error, failures[0].line if len(ids) == 1 else line, failures
        )


async def confirm_bug(sync: SyncContext, product_id: int, bug_id: int, test_id: int) -> None:
    """A bug that its test lacks now: it moved, or TestIO has deleted it."""
    began = datetime.now(UTC)
    try:
        fetched = await sync.client.bug(bug_id)
    except ApiNotFound:
        await delete_bug(sync, bug_id, test_id, began)
    except ApiError as error:
        what = f"Bug {bug_id}"
        failure = Failure(Subject.BUG, what, error.message, product_id, bug_id, (test_id,))
        await sync.failed(Kind.BUGS, error, failure.line, [failure], is_stamped=True)
    else:
        await store_bug(sync, fetched)


async def _due(sync: SyncContext, session: ReadSession, product_id: int) -> list[int]:
    now = datetime.now(UTC)
    read, bugs = aliased(Stamp), aliased(Stamp)
    query = (
        select(col(Test.id))
        .join(read, stamp_of(Test, read, Unit.TEST), isouter=True)
        .join(bugs, stamp_of(Test, bugs, Unit.BUGS), isouter=True)
        .where(col(Test.product_id) == product_id)
        .order_by(col(Test.id).desc())
    )
    if sync.options.since:
        query = query.where(or_(col(Test.end_at).is_(None), col(Test.end_at) >= sync.options.since))
    if not sync.options.force:
        rested = is_final(Test) & (col(bugs.at) >= became_final(Test))
        read_today = rested & (col(bugs.at) > now - REVIEW_INTERVAL)
        done = settled(now - sync.review, Test, read, bugs) | read_today
        with_problems = (
            select(col(ProblemTest.test_id))
            .join(Problem, col(Problem.event_id) == col(ProblemTest.event_id))
            .where(col(Problem.kind).in_((Subject.BUG, Subject.BUGS)))
        )
        query = query.where(~func.coalesce(done, False) | col(Test.id).in_(with_problems))
    return [id for (id,) in await fetch(session, query)]
