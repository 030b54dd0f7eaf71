"""Composition root: everything with a lifetime is opened and closed here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col

from testio_mcp.credentials import with_stored_token
from testio_mcp.database.engine import Database, fetch
from testio_mcp.database.migrations import DatabaseDamaged, migrate, move_aside
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.syncs import SyncOptions, Tally, Trigger
from testio_mcp.errors import (
    ConfigurationError,
    DatabaseError,
    InvalidRequest,
    SyncInProgress,
    TestIOMcpError,
)
from testio_mcp.search import index
from testio_mcp.services.registry import Scope, ServiceRegistry
from testio_mcp.settings import Loaded, Settings, shown
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.freshness import Condition
from testio_mcp.sync.lock import SyncLock
from testio_mcp.sync.readthrough import Refresher
from testio_mcp.sync.run import Syncer
from testio_mcp.sync.scheduler import cycle, keep_fresh
from testio_mcp.tables import Customer, fence

# A look at the last syncs needs no HTTP; importing that takes longer than the look itself.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient
    from testio_mcp.sandbox.demo import Demo

logger = logging.getLogger(__name__)

# Slots that background work leaves to people, where there are people.
RESERVED_REQUESTS = 2
KEYRING_SECONDS = 10


@dataclass(frozen=True)
class Source:
    """Where the data comes from."""

    base_url: str
    token: SecretStr | None
    # What the cache file remembers of it.
    host: str

    @classmethod
    def of(cls, settings: Settings) -> Source:
        return cls(str(settings.customer_api_base_url), settings.customer_api_token, settings.host)


class Background:
    """Work that outlives the call it was started by, and ends with the app."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], anyio.CancelScope] = {}
        self._context = copy_context()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        scope = anyio.CancelScope()

        async def cancellable() -> None:
            with scope:
                await work()

        # In its caller's context it would keep alive what the call was given.
        task = asyncio.create_task(cancellable(), context=self._context.copy())
        self._tasks[task] = scope
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def close(self) -> None:
        """Cancel what still works; a write that has begun is finished first."""
        # A task's own cancel() would not stop at the shield around a write.
        for scope in self._tasks.values():
            scope.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True)
class App:
    settings: Settings
    services: ServiceRegistry
    condition: Condition
    background: Background
    # None where there is no cache file that can be used.
    syncer: Syncer | None
    demo: Demo | None = None

    def options(
        self, product_ids: tuple[int, ...] = (), since: str | None = None, force: bool = False
    ) -> SyncOptions:
        """What to sync, within what the settings allow; raises InvalidRequest beyond that."""
        self.refuse_outside(product_ids)
        return _options(self.settings, product_ids, since, force)

    def refuse_outside(self, product_ids: tuple[int, ...]) -> None:
        """Raise InvalidRequest for a product that the settings do not allow."""
        allowed = self.settings.product_ids
        outside = [str(id) for id in product_ids if allowed and id not in allowed]
        if outside:
            raise InvalidRequest(
                f"Product {', '.join(outside)} is outside TESTIO_PRODUCT_IDS.",
                hint=f"Allowed are {', '.join(map(str, allowed))}.",
            )

    def start_keeping_fresh(self) -> None:
        """Sync in the background, now and after each interval, until the app is closed."""
        interval = timedelta(seconds=self.settings.refresh_interval_seconds)
        if self.syncer and not self.condition.blocked and interval:
            syncer = self.syncer
            self.background.spawn(
                lambda: keep_fresh(lambda: self._cycle(syncer, interval), interval)
            )

    async def _cycle(self, syncer: Syncer, interval: timedelta) -> timedelta:
        pause = await cycle(syncer, self.options(), interval)
        if self.demo and self.demo.move_on():
            # Whoever else syncs now sees the changes too.
            with suppress(SyncInProgress):
                await syncer.run(self.options(), Trigger.BACKGROUND)
        return pause


@asynccontextmanager
async def open_app(
    loaded: Loaded,
    source: Source | None = None,
    *,
    serving: bool = False,
    online: bool = True,
) -> AsyncIterator[App]:
    """Everything a command or the server needs, whatever is wrong with settings or cache.

    Unless `online` nothing is asked of TestIO. `serving` people, what they ask for is read again
    where it is stale. What is wrong is said by the services: with a cache they answer from it,
    without one they raise what to do.
    """
    if online and source is None:
        loaded = await _with_stored_token(loaded)
    settings = loaded.settings
    source = source or Source.of(settings)
    # Who asks nothing needs no token.
    blocked = _blocked(loaded, source) if online else None
    problems, warnings = list(loaded.problems), list(loaded.warnings)
    async with AsyncExitStack() as stack:
        client = _client(settings, source, serving=serving) if online else None
        if client:
            await stack.enter_async_context(client)
        background = Background()
        scope = Scope(
            settings=settings,
            host=source.host,
            condition=Condition(blocked, is_offline=settings.offline),
            spawn=background.spawn,
            notes=(problems, warnings),
            client=client,
        )
        database = None
        try:
            warnings += await anyio.to_thread.run_sync(_prepare, settings)
            database = await _opened(settings, source)
            stack.push_async_callback(database.close)
            scope = _with_cache(scope, database, serving=serving)
        except TestIOMcpError as error:
            scope = replace(scope, fault=error)
            problems.append(str(error))
        for warning in warnings:
            logger.warning(warning)
        stack.push_async_callback(background.close)
        services = ServiceRegistry(scope, database)
        yield App(settings, services, scope.condition, background, scope.optional_syncer)


@asynccontextmanager
async def open_demo(loaded: Loaded) -> AsyncIterator[App]:
    """The app over invented data, in a cache of its own; needs no token and no network."""
    from testio_mcp.sandbox.demo import Demo  # noqa: PLC0415  see above

    settings = loaded.settings
    home = settings.home / "demo"
    # Built from defaults alone: the demo must work whatever the settings say.
    settings = Settings.model_construct(
        home=home, timezone=settings.timezone, offline=settings.offline
    )
    demo = await anyio.to_thread.run_sync(Demo, home, datetime.now(UTC))
    try:
        async with _sandbox(demo, offline=settings.offline) as base_url:
            source = Source(base_url, SecretStr(demo.sandbox.token), demo.sandbox.host_name)
            calm = Loaded(settings, [], [])
            async with open_app(calm, source, serving=True) as app:
                yield replace(app, demo=demo)
    finally:
        demo.close()


@asynccontextmanager
async def _sandbox(demo: Demo, *, offline: bool) -> AsyncIterator[str]:
    """The address of the demo's sandbox, which nobody asks and which is not there when offline."""
    from testio_mcp.sandbox import serving  # noqa: PLC0415  see above

    if offline:
        yield ""
        return
    async with serving(demo.sandbox) as base_url:
        yield base_url


async def _with_stored_token(loaded: Loaded) -> Loaded:
    """With the keyring's token, unless it keeps everybody waiting for a person to unlock it."""
    with anyio.move_on_after(KEYRING_SECONDS):
        return await anyio.to_thread.run_sync(with_stored_token, loaded, abandon_on_cancel=True)
    loaded.warnings.append(
        f"The keyring of this computer did not answer within {KEYRING_SECONDS} s. "
        "Unlock it, then restart the client."
    )
    return loaded


def _blocked(loaded: Loaded, source: Source) -> TestIOMcpError | None:
    """What only a person can mend; nothing is asked of TestIO until then."""
    settings = loaded.settings
    if loaded.problems:
        return ConfigurationError(" ".join(loaded.problems))
    try:
        _every_sync_since(settings)
    except ConfigurationError as error:
        return error
    if settings.offline:
        return ConfigurationError(
            "testio-mcp is offline, so that TestIO is asked for nothing.",
            hint="To sync, unset TESTIO_OFFLINE and leave out --offline.",
        )
    if source.token is None:
        return ConfigurationError(
            "No TestIO token is set.",
            hint="Set TESTIO_CUSTOMER_API_TOKEN in the configuration of your MCP client or in "
            f"{shown(settings.home / '.env')}, or run testio-mcp setup, which asks for it. "
            "The demo needs none: testio-mcp demo",
        )
    return None


def _options(
    settings: Settings,
    product_ids: tuple[int, ...] = (),
    since: str | None = None,
    force: bool = False,
) -> SyncOptions:
    if since:
        start = parse_period(since, now=datetime.now(UTC), zone=settings.zone).start
    else:
        start = _every_sync_since(settings)
    return SyncOptions(product_ids or settings.product_ids, start, force)


def _every_sync_since(settings: Settings) -> datetime | None:
    """From when on syncs read tests, unless they are told; raises ConfigurationError."""
    if not settings.sync_since:
        return None
    try:
        return parse_period(settings.sync_since, now=datetime.now(UTC), zone=settings.zone).start
    except InvalidRequest as error:
        raise ConfigurationError(
            f"TESTIO_SYNC_SINCE is not valid: {error.message}", hint=error.hint
        ) from error


def _client(settings: Settings, source: Source, *, serving: bool) -> TestIOClient | None:
    if source.token is None or settings.offline:
        return None
    from testio_mcp.api.client import TestIOClient  # noqa: PLC0415  see above

    most = settings.max_concurrent_requests
    return TestIOClient(
        source.base_url,
        source.token,
        timeout=settings.http_timeout,
        max_concurrent=most,
        reserved=min(RESERVED_REQUESTS, most - 1) if serving else 0,
    )


def _prepare(settings: Settings) -> list[str]:
    """Create or upgrade the cache file; a damaged one is moved aside and said so."""
    path = settings.database_path
    try:
        migrate(path, lock_timeout=settings.lock_timeout, derived=index)
    except DatabaseDamaged as damaged:
        try:
            with SyncLock(path).held():
                moved = move_aside(path, now=datetime.now(UTC))
        except SyncInProgress as error:
            raise DatabaseDamaged(
                f"{damaged.message} It is left, because another process still uses it.",
                hint="Close that process, then restart this one: the cache is then built anew.",
            ) from error
        migrate(path, lock_timeout=settings.lock_timeout, derived=index)
        return [f"The cache file was damaged; it was moved to {shown(moved)} and is built anew."]
    return []


async def _opened(settings: Settings, source: Source) -> Database:
    """The cache, if it is this customer's."""
    database = Database(settings.database_path, fence(settings.customer_id, settings.product_ids))
    try:
        async with database.read() as session:
            rows = await fetch(session, select(col(Customer.id), col(Customer.host)))
        for id, host in rows:
            _refuse_another(settings, source, id, host)
    except TestIOMcpError:
        await database.close()
        raise
    return database


def _refuse_another(settings: Settings, source: Source, id: int, host: str) -> None:
    path = shown(settings.database_path)
    if id != settings.customer_id:
        raise ConfigurationError(
            f"The cache {path} belongs to customer {id}, not {settings.customer_id}.",
            hint=f"Set TESTIO_CUSTOMER_ID={id}, or TESTIO_DB_PATH to another file.",
        )
    if host != source.host:
        raise ConfigurationError(
            f"The cache {path} holds data of {host}, not of {source.host}.",
            hint="Set TESTIO_CUSTOMER_API_BASE_URL back, or TESTIO_DB_PATH to another file.",
        )


def _with_cache(scope: Scope, database: Database, *, serving: bool) -> Scope:
    """With what asks TestIO and stores its answers."""
    settings, client = scope.settings, scope.client

    def new_context(options: SyncOptions, tally: Tally) -> SyncContext:
        if client is None:
            raise DatabaseError("There is nothing to sync from.")
        return SyncContext(
            client=client,
            database=database,
            customer_id=settings.customer_id,
            host=scope.host,
            options=options,
            tally=tally,
            review=timedelta(days=settings.review_days),
        )

    lock = SyncLock(settings.database_path)
    syncer = Syncer(database, lock, scope.condition, settings.customer_id, new_context)
    refresher = None
    if serving and client:
        refresher = Refresher(
            syncer, new_context, scope.condition, scope.spawn, lambda: _options(settings)
        )
    return replace(scope, optional_syncer=syncer, refresher=refresher)
