"""How current an answer is, in words, and how long a call waits for what is stale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import select
from sqlmodel import col

from testio_mcp.database.engine import ReadSession, Record, fetch
from testio_mcp.domain.freshness import Basis, State
from testio_mcp.domain.syncs import OnProgress, RunStatus, Tally
from testio_mcp.errors import ApiNotFound, NotFound, TestIOMcpError
from testio_mcp.sync.ages import Ages, ages_of
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.portions import MOST_REQUESTS
from testio_mcp.sync.rules import Rules
from testio_mcp.sync.stale import Stale, overview, stale_units
from testio_mcp.tables import SyncRun
from testio_mcp.views.base import Freshness

if TYPE_CHECKING:
    from testio_mcp.sync.readthrough import Flight, Refresher

# What was never read may be waited for so long, in seconds; clients cut calls off later.
LONGEST_WAIT = 15.0
PROGRESS_SECONDS = 0.5
# How often to look again when a refresh ended during the look.
LOOKS = 3
NOTHING_READ = "testio-mcp is offline, and nothing was read before."


async def unseen(done: int, total: int, words: str) -> None:
    """Nobody watches."""


class FreshnessReader:
    """Of one call: says how current its answer is, and has what it rested on read again."""

    def __init__(
        self,
        session: ReadSession,
        condition: Condition,
        rules: Rules,
        refresher: Refresher | None = None,
        on_progress: OnProgress = unseen,
    ) -> None:
        self._session = session
        self._condition = condition
        self._rules = rules
        self._refresher = refresher
        self._on_progress = on_progress
        self._bases: list[Basis] = []
        # About how many requests would have brought what the answers rest on.
        self._requests = 0
        # When the call began to wait, by the clock of the event loop.
        self._began: float | None = None
        # How many refreshes had ended when the answer was read.
        self._landed = refresher.landed if refresher else 0
        # Why what was to be read again was not.
        self._reason: str | None = None
        self._failure: TestIOMcpError | None = None

    async def of(self, basis: Basis, now: datetime) -> Freshness:
        """How current an answer on this basis is.

        Raises what keeps the cache empty, when nothing of the basis was ever read.
        """
        self._bases.append(basis)
        ages = await ages_of(self._session, basis, self._rules, now, may_look_up=self.may_look_up)
        self._requests += ages.requests
        state, reason = await self._state(ages, now)
        incomplete = ages.missing + ages.omitted + ages.problems
        return Freshness(as_of=ages.as_of, state=state, reason=reason, incomplete=incomplete)

    async def _state(self, ages: Ages, now: datetime) -> tuple[State, str | None]:
        if self._condition.is_offline:
            return State.OFFLINE, None if ages.as_of else NOTHING_READ
        if ages.as_of is None:
            return State.NEVER_SYNCED, await self._why_empty()
        reason = self._why_stale(ages, now)
        return State.STALE if reason else State.FRESH, reason

    def served(self) -> None:
        """Count the requests that an answer from the cache has saved."""
        if self._refresher:
            self._refresher.requests_saved += self._requests

    async def overview(self, now: datetime) -> list[Record]:
        """By kind and product, how many units there are, how old they are, how many stale."""
        return await overview(self._session, self._rules, now)

    async def renew(self) -> bool:
        """Have what the answer rested on read again; whether it should be read anew.

        Waits for the budget at most, and longer for what was never read. The session is in no
        transaction afterwards.
        """
        refresher, bases = self._refresher, self._bases
        if refresher is None or self._condition.blocked or self._reason:
            return False
        stale = await self._still_stale(refresher, bases)
        flights = refresher.begin(stale)
        with anyio.CancelScope(deadline=self._until(stale)) as waited:
            while stale.was_never_read and not _are_over(flights):
                await self._tell(refresher.tally)
                await _wait(flights, PROGRESS_SECONDS)
                if not stale.is_little:
                    stale = await self._stale(bases)
                    waited.deadline = self._until(stale)
            await _wait(flights)
        self._failure = next((flight.error for flight in flights if flight.error), None)
        self._reason = str(self._failure) if self._failure else None
        if waited.cancelled_caught and not self._failure:
            seconds = LONGEST_WAIT if stale.was_never_read else self._rules.budget
            self._reason = f"TestIO has not answered within {seconds:g} s; it is still being read."
        self._bases = []
        landed, self._landed = self._landed, refresher.landed
        return bool(flights) or landed != self._landed

    @property
    def may_look_up(self) -> bool:
        """Whether somebody asks TestIO, or says why nobody does."""
        return self._refresher is not None or self._condition.blocked is not None

    async def look_up(self, kind: str, ids: Sequence[int]) -> str | None:
        """Ask TestIO for what the cache has never seen; returns what kept it from that, if any.

        Raises NotFound for what TestIO does not know either.
        """
        if self._condition.blocked:
            return str(self._condition.blocked)
        if self._refresher is None:
            return None
        if len(ids) > MOST_REQUESTS:
            return f"They are too many to ask for one by one: name at most {MOST_REQUESTS}."
        await self.let_go()
        flights = {id: self._refresher.look_up(kind, id) for id in ids}
        with anyio.CancelScope(deadline=self._start() + LONGEST_WAIT) as waited:
            await _wait(list(flights.values()))
        self._bases = []
        if waited.cancelled_caught:
            return f"TestIO has not answered within {LONGEST_WAIT:.0f} s."
        errors = {id: flight.error for id, flight in flights.items() if flight.error}
        unknown = [id for id, error in errors.items() if isinstance(error, ApiNotFound)]
        if unknown:
            raise NotFound(kind, *unknown)
        return str(next(iter(errors.values()))) if errors else None

    def _start(self) -> float:
        self._began = anyio.current_time() if self._began is None else self._began
        return self._began

    def _until(self, stale: Stale) -> float:
        """No call waits longer in all, whatever it waits for."""
        return self._start() + (LONGEST_WAIT if stale.was_never_read else self._rules.budget)

    async def _still_stale(self, refresher: Refresher, bases: Sequence[Basis]) -> Stale:
        """What is stale and not just being stored by somebody else's refresh."""
        for _ in range(LOOKS):
            landed = refresher.landed
            stale = await self._stale(bases)
            if landed == refresher.landed:
                break
        return stale

    async def _stale(self, bases: Sequence[Basis]) -> Stale:
        # The transaction of the answer would still see what was there before.
        await self.let_go()
        stale = await stale_units(self._session, bases, self._rules, datetime.now(UTC))
        await self.let_go()
        return stale

    async def let_go(self) -> None:
        """End the transaction: no connection is held while the network is awaited."""
        # One that is cancelled meanwhile would have to be thrown away with its connection.
        with anyio.CancelScope(shield=True):
            await self._session.rollback()

    async def _tell(self, tally: Tally | None) -> None:
        if tally:
            await self._on_progress(*tally.progress)
            return
        loading = await self._loading()
        await self.let_go()
        await self._on_progress(0, 1, loading or "TestIO is being asked.")

    def _why_stale(self, ages: Ages, now: datetime) -> str | None:
        if self._reason and (ages.missing or ages.overdue(now, self._rules.ttl)):
            return self._reason
        if self._condition.blocked and (ages.live or ages.review or ages.missing):
            return str(self._condition.blocked)
        if not ages.overdue(now, self._rules.ttl):
            return "Some of it was never read." if ages.missing else None
        if self._condition.last_error:
            return str(self._condition.last_error)
        return "It has not been read again since."

    async def _why_empty(self) -> str:
        loading = await self._loading()
        if loading:
            return loading
        if self._condition.blocked:
            raise self._condition.blocked
        if self._failure:
            raise TestIOMcpError(
                f"This was never read from TestIO. {self._failure.message}",
                hint=self._failure.hint,
            )
        error = self._condition.last_error
        # Whoever can ask TestIO again does so before giving up.
        if error and self._refresher is None:
            raise error
        return self._reason or (str(error) if error else "The first sync has not run yet.")

    async def _loading(self) -> str | None:
        query = select(SyncRun).where(col(SyncRun.status) == RunStatus.RUNNING)
        rows = await fetch(self._session, query.order_by(col(SyncRun.id).desc()).limit(1))
        if not rows:
            return None
        counts = rows[0][0].counts
        tests, bugs = (sum(counts.get(kind, {}).values()) for kind in ("tests", "bugs"))
        return f"The first sync is running: {tests:,} tests and {bugs:,} bugs so far."


async def _wait(flights: Sequence[Flight], seconds: float | None = None) -> None:
    """For all of them, at most so long."""
    with anyio.move_on_after(seconds):
        for flight in flights:
            # Waiting for what has ended would still be cancelled after the deadline.
            if not flight.done.is_set():
                await flight.done.wait()


def _are_over(flights: Sequence[Flight]) -> bool:
    return all(flight.done.is_set() for flight in flights)
