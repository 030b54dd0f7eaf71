"""Syncing a cache, and looking into its file past all of our own code."""

import asyncio
import shutil
import sqlite3
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from testio_mcp.app import App, Source, open_app
from testio_mcp.sandbox import Sandbox, serving
from testio_mcp.services.syncs import SyncService
from testio_mcp.settings import Loaded, Settings
from testio_mcp.tables import metadata
from testio_mcp.views.syncs import SyncReport

# The sandbox's products: the largest, the one with sections, the smallest.
SHOP, BANK, GAME = 1001, 1002, 1004
# What every sync writes, also when nothing has changed.
OF_EVERY_RUN = ("stamps", "sync_runs")
# What a sync writes about what it could not read.
OF_FAILURES = ("problems", "problem_tests")


async def sync(app: App, **options: Any) -> SyncReport:
    async with app.services.open(SyncService) as syncs:
        return await syncs.run(app.options(**options))


async def fill(home: Path, sandbox: Sandbox) -> None:
    """Sync the cache in this home with a sandbox."""
    settings = Settings(_env_file=None, home=home, refresh_interval_seconds=0)
    async with serving(sandbox) as url:
        source = Source(url, SecretStr(sandbox.token), sandbox.host_name)
        async with open_app(Loaded(settings, [], []), source) as app:
            report = await sync(app)
    assert report.state == "ok"


def apart(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own, because this one may have an event loop already."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work).result()


def copy_cache(home: Path, path: Path) -> Path:
    """A cache that nobody has open, with its log, as another file."""
    for file in home.glob("cache.db*"):
        shutil.copy(file, path.with_name(file.name))
    return path


def rows(path: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute(statement, parameters).fetchall()


def ids(path: Path, table: str, where: str = "true", *parameters: object) -> list[int]:
    found = rows(path, f"SELECT id FROM {table} WHERE {where} ORDER BY id", *parameters)
    return [id for (id,) in found]


def change(path: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(statement, parameters)


def commit_something(path: Path) -> None:
    """That no answer depends on: until somebody commits, readers remember what they were asked."""
    [(number,)] = rows(path, "PRAGMA user_version")
    change(path, f"PRAGMA user_version = {number + 1}")


def contents(
    path: Path, without: tuple[str, ...] = (*OF_EVERY_RUN, *OF_FAILURES)
) -> dict[str, list[Any]]:
    """All rows of all tables but these."""
    return {
        name: sorted(rows(path, f"SELECT * FROM {name}"), key=repr)
        for name in metadata.tables
        if name not in without
    }


def defects(path: Path) -> list[Any]:
    """What SQLite finds wrong with the file, and references that lead nowhere."""
    checked = rows(path, "PRAGMA integrity_check")
    return [row for row in checked if row != ("ok",)] + rows(path, "PRAGMA foreign_key_check")


def stamps(path: Path, kind: str) -> dict[int, str]:
    return dict(rows(path, "SELECT id, at FROM stamps WHERE kind = ?", kind))


def latest_run(path: Path) -> tuple[Any, ...]:
    """Its status and error."""
    query = "SELECT status, error FROM sync_runs ORDER BY id DESC LIMIT 1"
    [run] = rows(path, query)
    return run
