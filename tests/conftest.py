"""Fixtures for tests of every cost: a migrated cache, a sandbox, an app over both, a client."""

import gc
import logging
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest
import stamina
from fastmcp import Client
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from sqlmodel import SQLModel

from testio_mcp.app import App, Source, open_app
from testio_mcp.database.engine import Database
from testio_mcp.database.migrations import migrate
from testio_mcp.sandbox import Sandbox, Scale, serving
from testio_mcp.search import index
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings
from testio_mcp.tables import fence
from tests.caches import apart, copy_cache, fill

# The machine's speed is nobody's fault.
hypothesis_settings.register_profile("steady", deadline=None)
hypothesis_settings.load_profile("steady")

LOGGERS = ("", "httpcore", "httpx", "hpack", "aiosqlite", "asyncio")
ANCHOR = datetime(2026, 11, 16, 9, tzinfo=UTC)


def pytest_configure() -> None:
    """What is started in the background ignores interrupts, and so would the programs of tests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # httpcore looks for it again with every lock it takes, which takes a tenth of the time.
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = cast("Any", None)


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end, and a tenth of the time would go into looking at them."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for programs and sockets."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty cache file; copied by tests, never opened."""
    path = tmp_path_factory.mktemp("template") / "cache.db"
    migrate(path, lock_timeout=30, derived=index)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that no test sees the settings of whoever runs it."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return tmp_path


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """A command run in this process sets levels, which other tests must not inherit."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def path(tmp_path: Path, template: Path) -> Path:
    """A migrated, empty cache file."""
    folder = tmp_path / ".testio-mcp"
    folder.mkdir()
    return Path(shutil.copy(template, folder / "cache.db"))


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path, fence(0))
    yield database
    await database.close()


@pytest.fixture
def save(database: Database) -> Callable[..., Awaitable[None]]:
    """Store rows built by a factory."""

    async def save(*rows: SQLModel) -> None:
        async with database.write() as session:
            session.add_all(rows)

    return save


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)


@pytest.fixture
async def api_url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with serving(sandbox) as url:
        yield url


@pytest.fixture
def settings(path: Path) -> Settings:
    """No background sync: tests say when to sync."""
    return Settings(
        _env_file=None, home=path.parent, refresh_interval_seconds=0, customer_api_token="sandbox"
    )


@pytest.fixture
async def app(settings: Settings, sandbox: Sandbox, api_url: str) -> AsyncIterator[App]:
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    async with open_app(Loaded(settings, [], []), source) as app:
        yield app


@pytest.fixture
async def client(settings: Settings, sandbox: Sandbox, api_url: str) -> AsyncIterator[Client]:
    """An MCP client in memory, over a server whose cache is empty until something syncs it."""
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    opening = Opening(lambda: open_app(Loaded(settings, [], []), source))
    async with Client(create_server(opening)) as client:
        yield client


@pytest.fixture(scope="session")
def synced_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in step with a sandbox like that of the tests; copied by tests, never opened."""
    home = tmp_path_factory.mktemp("synced")
    shutil.copy(template, home / "cache.db")
    apart(fill(home, Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)))
    return home


@pytest.fixture
def synced_path(path: Path, synced_template: Path) -> Path:
    """A cache that was synced; ask for it before anything that opens the cache."""
    return copy_cache(synced_template, path)


@pytest.fixture
def synced(synced_path: Path, app: App) -> App:
    """An app over a cache that was synced with the test's sandbox."""
    return app


@pytest.fixture
def unhurried() -> Iterator[None]:
    """Requests are retried as often as ever, but without pauses."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
