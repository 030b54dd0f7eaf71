"""What is left of calls that are cancelled: memory, threads, files, connections, refreshes.

    uv run python benchmarks/cancellation.py [--calls 1000] [--rounds 3]

The calls ask for stale data and are cancelled at ever other moments. Figures that stay where they
are after the first round, which fills pools and caches, are those of a server that leaks nothing.
"""

import argparse
import asyncio
import gc
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import psutil
from bench import CONSOLE, sandbox
from fastmcp import Client
from pydantic import SecretStr
from rich.table import Table

from testio_mcp.app import App, Source, open_app
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings
from testio_mcp.sync.freshness import LONGEST_WAIT

# More steps of the event loop than a call takes that waits for nothing.
LONGEST = 80
# So many calls follow each other without a pause.
BURST = 50
# All is stale again after a second.
TTL_SECONDS = 1
TOOLS = ("list_products", "list_tests", "list_bugs")


@dataclass(frozen=True)
class Measured:
    name: str
    megabytes: float
    threads: int
    files: int
    tasks: int
    checked_out: int
    in_flight: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    columns = ("memory", "threads", "files", "tasks", "connections in use", "refreshes")
    table = Table("after", *columns)
    with sandbox("small", 0) as url, tempfile.TemporaryDirectory() as home:
        measured = asyncio.run(_measured(url, Path(home), options.calls, options.rounds))
    for one in measured:
        table.add_row(
            one.name,
            f"{one.megabytes:.1f} MB",
            str(one.threads),
            str(one.files),
            str(one.tasks),
            str(one.checked_out),
            str(one.in_flight),
        )
    CONSOLE.print(table)


async def _measured(url: str, home: Path, calls: int, rounds: int) -> list[Measured]:
    async with _served(url, home) as (client, app):
        for tool in TOOLS:
            await client.call_tool(tool, {})
        measured = [await _measure("the first sync", app)]
        for number in range(1, rounds + 1):
            for call in range(calls):
                await _cut_off(client, TOOLS[call % len(TOOLS)], call % LONGEST)
                if call % BURST == 0:
                    await _settled(app)
            measured.append(await _measure(f"{number * calls:,} cancelled calls", app))
    return measured


@asynccontextmanager
async def _served(url: str, home: Path) -> AsyncIterator[tuple[Client, App]]:
    settings = Settings(
        _env_file=None, home=home, refresh_interval_seconds=0, cache_ttl_seconds=TTL_SECONDS
    )
    source = Source(url, SecretStr("sandbox"), "sandbox")
    opening = Opening(lambda: open_app(Loaded(settings, [], []), source, serving=True))
    async with Client(create_server(opening)) as client:
        yield client, await opening.get()


async def _cut_off(client: Client, tool: str, steps: int) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, tool, {})
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def _measure(name: str, app: App) -> Measured:
    await _settled(app)
    # Timers that were cancelled keep their calls until their time comes.
    await anyio.sleep(LONGEST_WAIT)
    gc.collect()
    return Measured(
        name,
        psutil.Process().memory_info().rss / 1_000_000,
        threading.active_count(),
        len(os.listdir("/proc/self/fd")),
        len(asyncio.all_tasks()),
        _checked_out(app),
        app.services._means.refresher.in_flight,
    )


async def _settled(app: App) -> None:
    """Wait until what goes on without its callers has ended."""
    while app.services._means.refresher.in_flight or _checked_out(app):
        await anyio.lowlevel.checkpoint()


def _checked_out(app: App) -> int:
    database = app.services._database
    return sum(engine.pool.checkedout() for engine in (database._readers, database._writer))


if __name__ == "__main__":
    main()
