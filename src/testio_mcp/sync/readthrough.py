"""Refreshes what an answer rests on, within a budget; whoever asks for the same shares the wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

import anyio

from testio_mcp.domain.syncs import SyncOptions, Tally, Trigger
from testio_mcp.errors import (
    ApiError,
    ApiNotFound,
    ApiUnauthorized,
    ConfigurationError,
    SyncInProgress,
    TestIOMcpError,
    leading,
)
from testio_mcp.sync.background import Spawn
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.refresh import (
    look_up,
    refresh_bugs,
    refresh_features,
    refresh_test,
    refresh_tests,
)
from testio_mcp.sync.run import NewContext, Syncer
from testio_mcp.sync.stale import Stale
from testio_mcp.sync.steps_catalogue import sync_products

type Key = tuple[str, int]
# Reads what the keys stand for.
type Work = Callable[[SyncContext, set[Key]], Awaitable[None]]

SYNC: Key = ("sync", 0)
PRODUCTS: Key = ("products", 0)
# How often to see whether the sync of another process has ended.
LOOK_SECONDS = 0.5


@dataclass
class Flight:
    """A refresh under way; `error` is what ended it, known once it is done."""

    done: anyio.Event = field(default_factory=anyio.Event)
    error: TestIOMcpError | None = None


class Refresher:
    """Shared by all calls of a process; a refresh outlives the call that began it."""

    def __init__(
        self,
        syncer: Syncer,
        new_context: NewContext,
        condition: Condition,
        spawn: Spawn,
        options: Callable[[], SyncOptions],
    ) -> None:
        self._syncer = syncer
        self._new_context = new_context
        self._condition = condition
        self._spawn = spawn
        self._options = options
        # Each is dropped when it ends, so that there are no more than are under way.
        self._flights: dict[Key, Flight] = {}
        self._verifying = anyio.Lock()
        # How many flights have ended.
        self.landed = 0
        # About how many requests answers from the cache have made unnecessary.
        self.requests_saved = 0

    @property
    def in_flight(self) -> int:
        return len({id(flight) for flight in self._flights.values()})

    @property
    def tally(self) -> Tally | None:
        """What this process's own sync has done so far."""
        return self._syncer.current.tally if self._syncer.current else None

    def begin(self, stale: Stale) -> list[Flight]:
        """Start to read what is stale, or join whoever does."""
        if not stale.is_little:
            return self._join([SYNC], self._sync)
        flights = self._join([PRODUCTS], self._read) if stale.products else []
        for product_id in stale.lists | stale.tests.keys():
            flights += self._read_tests(product_id, stale)
        for product_id in stale.features:
            flights += self._join([("features", product_id)], self._read)
        for product_id, ids in stale.bugs.items():
            flights += self._read_bugs(product_id, ids)
        for product_id, ids in stale.executions.items():
            flights += [self._read_execution(product_id, id) for id in ids]
        return flights

    def look_up(self, kind: str, id: int) -> Flight:
        """Start to ask TestIO for something that the cache has never seen."""

        async def work(sync: SyncContext, _keys: set[Key]) -> None:
            await look_up(sync, kind, id)

        key = (f"unknown {kind}", id)
        # Whoever sees the test already, but not yet its bugs, waits for the same.
        brought: list[Key] = [("test", id), ("bugs", id)] if kind == "test" else []
        self._join([key, *brought], work)
        return self._flights[key]

    def _read_tests(self, product_id: int, stale: Stale) -> list[Flight]:
        listed: Key = ("list", product_id)
        keys: list[Key] = [("test", id) for id in stale.tests[product_id]]

        async def work(sync: SyncContext, left: set[Key]) -> None:
            ids = {id for _, id in left - {listed}}
            await refresh_tests(sync, product_id, ids, with_list=listed in left)

        return self._join([*keys, listed] if product_id in stale.lists else keys, work)

    def _read_bugs(self, product_id: int, test_ids: Collection[int]) -> list[Flight]:
        async def work(sync: SyncContext, left: set[Key]) -> None:
            await refresh_bugs(sync, product_id, [id for _, id in left])

        return self._join([("bugs", id) for id in test_ids], work)

    def _read_execution(self, product_id: int, test_id: int) -> Flight:
        async def work(sync: SyncContext, _keys: set[Key]) -> None:
            await refresh_test(sync, product_id, test_id)

        [flight] = self._join([("execution", test_id)], work)
        return flight

    async def _read(self, sync: SyncContext, keys: set[Key]) -> None:
        for kind, id in keys:
            if kind == "features":
                await refresh_features(sync, id)
            else:
                await sync_products(sync)

    async def _sync(self, _sync: SyncContext, _keys: set[Key]) -> None:
        if self._syncer.current:
            await self._syncer.current.done.wait()
        else:
            try:
                await self._syncer.run(self._options(), Trigger.BACKGROUND)
            except SyncInProgress:
                await self._end_of_other_sync()

    async def _end_of_other_sync(self) -> None:
        """Another process reads what was asked for."""
        holder = self._syncer.lock.holder()
        while holder:
            await anyio.sleep(LOOK_SECONDS)
            holder = self._syncer.lock.holder()

    def _join(self, keys: Collection[Key], work: Work) -> list[Flight]:
        """The flights of these keys; those that have none get one together."""
        flights = {id(flight): flight for key in keys if (flight := self._flights.get(key))}
        left = {key for key in keys if key not in self._flights}
        if left:
            flight = Flight()
            flights[id(flight)] = flight
            self._flights |= dict.fromkeys(left, flight)
            self._spawn(lambda: self._fly(flight, left, work))
        return list(flights.values())

    async def _fly(self, flight: Flight, begun: set[Key], work: Work) -> None:
        keys = begun
        try:
            sync = self._new_context(self._options(), Tally())
            sync.client, sync.is_run = sync.client.user_facing(), False
            if keys != {SYNC} and await self._verify(sync):
                keys = keys - {PRODUCTS}
            await work(sync, keys)
        except BaseExceptionGroup as group:
            self._note(flight, leading(group))
        except TestIOMcpError as error:
            self._note(flight, error)
        else:
            # A sync notes itself what kept it from reading something.
            if begun != {SYNC}:
                self._condition.last_error = None
        finally:
            for key in begun:
                del self._flights[key]
            self.landed += 1
            flight.done.set()

    async def _verify(self, sync: SyncContext) -> bool:
        """Whether the products were read because the token may be another customer's.

        To such a one 404 proves nothing.
        """
        async with self._verifying:
            if self._condition.is_verified:
                return False
            await sync_products(sync)
            self._condition.is_verified = True
        return True

    def _note(self, flight: Flight, error: BaseException) -> None:
        if not isinstance(error, TestIOMcpError):
            raise error
        flight.error = error
        if isinstance(error, ApiUnauthorized | ConfigurationError):
            self._condition.blocked = error
        elif isinstance(error, ApiError) and not isinstance(error, ApiNotFound):
            self._condition.last_error = error
