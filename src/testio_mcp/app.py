"""Composition root: everything with a lifetime is opened and closed here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
from pydantic import SecretStr

from testio_mcp.credentials import with_stored_token
from testio_mcp.database.engine import Database
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.syncs import SyncOptions, Tally, Trigger
from testio_mcp.domain.turns import Turns
from testio_mcp.errors import (
    ConfigurationError,
    DatabaseError,
    InvalidRequest,
    SyncInProgress,
    TestIOMcpError,
)
from testio_mcp.services.registry import Means, ServiceRegistry
from testio_mcp.settings import Loaded, Settings, shown
from testio_mcp.sync.background import Background
from testio_mcp.sync.cache import open_cache, prepare
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.lock import SyncLock
from testio_mcp.sync.readthrough import Refresher
from testio_mcp.sync.run import Syncer
from testio_mcp.sync.scheduler import cycle, keep_fresh

# A look at the last syncs needs no HTTP; importing that takes longer than the look itself.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient
    from testio_mcp.sandbox.demo import Demo

logger = logging.getLogger(__name__)

# Slots that background work leaves to people, where there are people.
RESERVED_REQUESTS = 2


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
        loaded = await anyio.to_thread.run_sync(with_stored_token, loaded, abandon_on_cancel=True)
    settings = loaded.settings
    source = source or Source.of(settings)
    # Who asks nothing needs no token.
    blocked = _blocked(loaded, source) if online else None
    problems, warnings = list(loaded.problems), list(loaded.warnings)
    async with AsyncExitStack() as stack:
        turns = Turns()
        client = _client(settings, source, turns, serving=serving) if online else None
        if client:
            await stack.enter_async_context(client)
        background = Background()
        means = Means(
            settings=settings,
            host=source.host,
            condition=Condition(blocked, is_offline=settings.offline),
            spawn=background.spawn,
            notes=(problems, warnings),
            client=client,
        )
        database = None
        try:
            warnings += await anyio.to_thread.run_sync(prepare, settings)
            database = await open_cache(settings, source.host, turns)
            stack.push_async_callback(database.close)
            means = _with_cache(means, database, serving=serving)
        except TestIOMcpError as error:
            means = replace(means, fault=error)
            problems.append(str(error))
        for warning in warnings:
            logger.warning(warning)
        stack.push_async_callback(background.close)
        services = ServiceRegistry(means, database)
        yield App(settings, services, means.condition, background, means.optional_syncer)


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


def _client(
    settings: Settings, source: Source, turns: Turns, *, serving: bool
) -> TestIOClient | None:
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
        turns=turns,
    )


def _with_cache(means: Means, database: Database, *, serving: bool) -> Means:
    """With what asks TestIO and stores its answers."""
    settings, client = means.settings, means.client

    def new_context(options: SyncOptions, tally: Tally) -> SyncContext:
        if client is None:
            raise DatabaseError("There is nothing to sync from.")
        return SyncContext(
            client=client,
            database=database,
            customer_id=settings.customer_id,
            host=means.host,
            options=options,
            tally=tally,
            review=timedelta(days=settings.review_days),
        )

    lock = SyncLock(settings.database_path)
    syncer = Syncer(database, lock, means.condition, settings.customer_id, new_context)
    refresher = None
    if serving and client:
        refresher = Refresher(
            syncer, new_context, means.condition, means.spawn, lambda: _options(settings)
        )
    return replace(means, optional_syncer=syncer, refresher=refresher)
