"""One sync from lock to record: what was asked, what came of it, what is missing."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
from sqlalchemy import delete, insert, select, update
from sqlmodel import col

from testio_mcp.database.engine import Database, fetch
from testio_mcp.domain.syncs import RunStatus, SyncOptions, Tally, Trigger
from testio_mcp.errors import (
    ApiError,
    ApiUnauthorized,
    ConfigurationError,
    DatabaseNewer,
    TestIOMcpError,
    leading,
)
from testio_mcp.repositories.syncs import SyncRepository
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.lock import SyncLock
from testio_mcp.sync.steps import sync_all
from testio_mcp.tables import SyncRun

logger = logging.getLogger(__name__)

# How often other processes get to see how far a run is.
RECORD_SECONDS = 1.0
RUNS_KEPT = 200
# A log that others' reads have kept from the file is emptied by force when it is longer.
LOG_BYTES = 24_000_000

# Only a person can mend these; everything else may pass by itself.
_REFUSALS = (ApiUnauthorized, ConfigurationError)

type NewContext = Callable[[SyncOptions, Tally], SyncContext]


@dataclass(frozen=True)
class Running:
    """A sync at work, for whoever waits for it or shows how far it is."""

    run_id: int
    tally: Tally
    done: anyio.Event = field(default_factory=anyio.Event)


class Syncer:
    """Runs syncs of one cache file, one at a time in all processes together."""

    def __init__(
        self,
        database: Database,
        lock: SyncLock,
        condition: Condition,
        customer_id: int,
        new_context: NewContext,
    ) -> None:
        self.lock = lock
        self.database = database
        self.customer_id = customer_id
        # This process's own running sync; None while there is none.
        self.current: Running | None = None
        self._condition = condition
        self._new_context = new_context
        self._logged: set[tuple[str, str]] = set()

    async def run(
        self,
        options: SyncOptions,
        trigger: Trigger,
        on_begun: Callable[[], None] = lambda: None,
    ) -> int:
        """Sync to the end and return the id of the run's record.

        Raises SyncInProgress while another run holds the lock, and whatever ended this one
        early; what was stored until then is kept, and the record says how it ended.
        """
        with self._alone():
            return await self._run(options, trigger, on_begun)

    @asynccontextmanager
    async def context(self, options: SyncOptions) -> AsyncIterator[SyncContext]:
        """What it takes to ask TestIO and store the answers without a run, while none is at work.

        Raises as `run` does.
        """
        with self._alone():
            try:
                yield self._new_context(options, Tally())
            except BaseExceptionGroup as group:
                raise leading(group) from group
            await self.database.checkpoint()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._condition.blocked and not isinstance(self._condition.blocked, ApiUnauthorized):
            raise self._condition.blocked
        with self.lock.held():
            try:
                yield
            except DatabaseNewer as error:
                self._condition.blocked = error
                raise

    async def _run(
        self, options: SyncOptions, trigger: Trigger, on_begun: Callable[[], None]
    ) -> int:
        tally = Tally()
        run_id = await self._begin(options, trigger)
        self.current = running = Running(run_id, tally)
        on_begun()
        try:
            async with self.database.short_log():
                await self._recorded(run_id, options, tally)
            if tally.has_written:
                await self.database.analyze()
            await self.database.checkpoint()
        finally:
            # Whoever is told that it is over may begin the next one at once.
            self.current = None
            running.done.set()
        return run_id

    async def last_begun(self, options: SyncOptions) -> datetime | None:
        """When the newest run of any process began that read at least what these options ask."""
        query = (
            select(col(SyncRun.started_at), col(SyncRun.options))
            .where(col(SyncRun.status).in_((RunStatus.OK, RunStatus.PARTIAL)))
            .order_by(col(SyncRun.started_at).desc())
        )
        async with self.database.read() as session:
            rows = await fetch(session, query)
        return next((row.started_at for row in rows if _covers(row.options, options)), None)

    async def _recorded(self, run_id: int, options: SyncOptions, tally: Tally) -> None:
        context = self._new_context(options, tally)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_recording, run_id, tally)
                await sync_all(context)
                self._condition.is_verified = True
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = leading(group)
            await self._end(run_id, tally, RunStatus.FAILED, error)
            raise error from group
        except anyio.get_cancelled_exc_class():
            await self._end(run_id, tally, RunStatus.CANCELLED)
            raise
        status = RunStatus.PARTIAL if tally.incomplete else RunStatus.OK
        # What was read in another way in the end is no error of the run.
        await self._end(run_id, tally, status, context.last_error if tally.incomplete else None)
        await self._log_unknown_words()

    async def _log_unknown_words(self) -> None:
        """Once a process: diagnostics shows them at any time."""
        async with self.database.read() as session:
            unknown = await SyncRepository(session).unknown_values()
        found = {(what, word) for what, word, _ in unknown}
        for what, word in sorted(found - self._logged):
            logger.warning("TestIO uses a %s that is documented nowhere: %r", what, word)
        self._logged |= found

    async def _begin(self, options: SyncOptions, trigger: Trigger) -> int:
        now = datetime.now(UTC)
        row = {
            "customer_id": self.customer_id,
            "trigger": trigger,
            "options": {
                "product_ids": list(options.product_ids),
                "since": options.since.isoformat() if options.since else None,
                "force": options.force,
            },
            "started_at": now,
            "status": RunStatus.RUNNING,
            "counts": {},
            "incomplete": [],
        }
        ours = col(SyncRun.customer_id) == self.customer_id
        async with self.database.write() as session:
            # Whoever holds the lock knows that no other run is alive.
            await session.exec(
                update(SyncRun)
                .where(ours, col(SyncRun.status) == RunStatus.RUNNING)
                .values(status=RunStatus.FAILED, finished_at=now, error="The process ended.")
            )
            result = await session.exec(insert(SyncRun).values(**row))
            run_id: int = (result.inserted_primary_key or (0,))[0]
            await session.exec(delete(SyncRun).where(ours, col(SyncRun.id) <= run_id - RUNS_KEPT))
        return run_id

    async def _keep_recording(self, run_id: int, tally: Tally) -> None:
        while True:
            await anyio.sleep(RECORD_SECONDS)
            await self._write(run_id, tally)
            await self.database.checkpoint(above=LOG_BYTES)

    async def _end(
        self, run_id: int, tally: Tally, status: RunStatus, error: BaseException | None = None
    ) -> None:
        if status is not RunStatus.CANCELLED:
            self._note(error)
        known = isinstance(error, TestIOMcpError)
        message = str(error) if known else error and "An unexpected error ended the sync."
        await self._write(
            run_id, tally, status=status, finished_at=datetime.now(UTC), error=message
        )

    async def _write(self, run_id: int, tally: Tally, **values: Any) -> None:
        counts = {kind.value: dict(outcomes) for kind, outcomes in tally.counts.items()}
        async with self.database.write() as session:
            await session.exec(
                update(SyncRun)
                .where(col(SyncRun.id) == run_id)
                .values(counts=counts, incomplete=tally.incomplete, **values)
            )

    def _note(self, error: BaseException | None) -> None:
        """Let readers know what keeps the cache from being refreshed, or that nothing does."""
        self._condition.blocked = error if isinstance(error, _REFUSALS) else None
        self._condition.last_error = error if isinstance(error, ApiError) else None


def _covers(done: dict[str, Any], wanted: SyncOptions) -> bool:
    """Whether a run with these recorded options read all of the products and time wanted."""
    products, since = set(done["product_ids"]), done["since"]
    every = not products or (bool(wanted.product_ids) and products >= set(wanted.product_ids))
    if since is None:
        return every
    return every and wanted.since is not None and datetime.fromisoformat(since) <= wanted.since
