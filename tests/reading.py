"""A server's app that reads through to the sandbox, asked by its services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastmcp import Client
from pydantic import SecretStr

from testio_mcp.app import App, Source, open_app
from testio_mcp.domain.bugs import BugFilter
from testio_mcp.domain.products import ProductFilter
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestFilter
from testio_mcp.sandbox import Sandbox, serving
from testio_mcp.sandbox.gate import PREFIX
from testio_mcp.server import Opening, create_server
from testio_mcp.services.bugs import BugService
from testio_mcp.services.diagnostics import DiagnosticsService
from testio_mcp.services.products import ProductService
from testio_mcp.services.tests import TestService
from testio_mcp.settings import Loaded, Settings
from tests.caches import change
from tests.watching import until

# Far older than any time to live, and far younger.
OLD = "2020-01-01 00:00:00.000000"
# A fault that lasts longer than any test.
ENDLESS = 3600.0


@dataclass
class Held:
    """The sandbox's application; answers to what begins with `path` wait until it is let go."""

    app: Any
    path: str | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, path: str = "") -> None:
        self.path = path
        self.asked.clear()
        self.free.clear()

    def let_go(self) -> None:
        self.path = None
        self.free.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(PREFIX).lstrip("/")
        if self.path is not None and path.startswith(self.path):
            self.asked.set()
            await self.free.wait()
        await self.app(scope, receive, send)


@dataclass
class Reader:
    """Asks as the tools do; `asked` is what reached the sandbox since it was last reset."""

    app: App
    sandbox: Sandbox
    held: Held

    @property
    def refresher(self) -> Any:
        return self.app.services._means.refresher

    @property
    def checked_out(self) -> int:
        """Connections of readers and the writer that somebody holds."""
        database = self.app.services._database
        assert database
        pools = [engine.pool for engine in (database._readers, database._writer)]
        return sum(pool.checkedout() for pool in pools)  # type: ignore[attr-defined]  # both count

    @property
    def asked(self) -> list[str]:
        return [request.path for request in self.sandbox.requests]

    def age(self, where: str = "true", at: str = OLD) -> None:
        """Make stamps old, and forget what was asked until now."""
        change(self.app.settings.database_path, f"UPDATE stamps SET at = '{at}' WHERE {where}")
        self.sandbox.reset_counts()

    def forget(self, where: str) -> None:
        """As if it was never read."""
        change(self.app.settings.database_path, f"DELETE FROM stamps WHERE {where}")
        self.sandbox.reset_counts()

    async def landed(self) -> None:
        """Wait until nothing is being refreshed."""
        await until(lambda: not self.refresher.in_flight)

    async def products(self) -> Any:
        async with self.app.services.open(ProductService) as products:
            return await products.list(ProductFilter(), Paging(1, 100, "id"))

    async def product(self, id: int, *progress: Any) -> Any:
        async with self.app.services.open(ProductService, *progress) as products:
            return await products.get(id)

    async def tests(self, *product_ids: int, page_size: int = 20, **wanted: Any) -> Any:
        async with self.app.services.open(TestService) as tests:
            paging = Paging(1, page_size, "-end_at")
            return await tests.list(TestFilter(product_ids, **wanted), paging)

    async def test(self, id: int) -> Any:
        async with self.app.services.open(TestService) as tests:
            return await tests.get(id)

    async def bugs(self, *test_ids: int, product_ids: tuple[int, ...] = (), **more: Any) -> Any:
        async with self.app.services.open(BugService) as bugs:
            wanted = BugFilter(product_ids, test_ids, **more)
            return await bugs.list(wanted, Paging(1, 100, "id"))

    async def bug(self, id: int) -> Any:
        async with self.app.services.open(BugService) as bugs:
            return await bugs.get(id)

    async def diagnosed(self) -> Any:
        async with self.app.services.open(DiagnosticsService) as diagnostics:
            return await diagnostics.get()


@asynccontextmanager
async def reading(settings: Settings, sandbox: Sandbox, **changes: Any) -> AsyncIterator[Reader]:
    """Over the cache of these settings, some of them changed; its answers can be held."""
    async with _source(sandbox) as (source, held):
        loaded = Loaded(settings.model_copy(update=changes), [], [])
        async with open_app(loaded, source, serving=True) as app:
            yield Reader(app, sandbox, held)
        held.let_go()


@asynccontextmanager
async def served(
    settings: Settings, sandbox: Sandbox, **changes: Any
) -> AsyncIterator[tuple[Client[Any], Reader]]:
    """The same behind a server, with a client in memory."""
    async with _source(sandbox) as (source, held):
        loaded = Loaded(settings.model_copy(update=changes), [], [])
        opening = Opening(lambda: open_app(loaded, source, serving=True))
        async with Client(create_server(opening)) as client:
            yield client, Reader(await opening.get(), sandbox, held)
        held.let_go()


@asynccontextmanager
async def _source(sandbox: Sandbox) -> AsyncIterator[tuple[Source, Held]]:
    plain = sandbox.app
    sandbox.app = held = Held(plain)  # type: ignore[assignment]  # an application like the other
    try:
        async with serving(sandbox) as url:
            yield Source(url, SecretStr(sandbox.token), sandbox.host_name), held
    finally:
        sandbox.app = plain
