"""How long an answer from the copy takes, over stdio, with medium data that is fresh.

    uv run python benchmarks/answers.py [--rounds 200]

The floor is a tool of a bare FastMCP server that does nothing. The limit is what plain sqlite3
takes for the same statements. All are asked in turn, so that a busy machine is so for all of them:
once after a commit of somebody else, which makes readers forget, and once more. Afterwards the same
is asked while a sync in the same process writes every row anew.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from bench import CONSOLE, cache_in, environment, sandbox
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from pydantic import SecretStr
from rich.table import Column, Table
from sqlalchemy import event
from sqlalchemy.engine import Engine

from testio_mcp.app import Source, open_app
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings

EMPTY = """
from fastmcp import FastMCP

server = FastMCP("bare", version="1")


@server.tool
def nothing() -> str:
    return "nothing"


server.run(show_banner=False)
"""
# Nothing is stale, whatever its age, and no sync runs that was not asked for.
CALM = {"cache_ttl_seconds": 1e9, "refresh_interval_seconds": 0}

# So that the sync takes long enough to be asked beside.
LATENCY_MS = 200

# What is asked beside the sync.
BESIDE = ("floor", "list_tests", "list_bugs", "list_products", "get_product_summary")

type Times = dict[str, list[float]]
type Statements = list[tuple[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sandbox("medium", LATENCY_MS) as url:
        calm = environment(Path(home), url, **CALM)
        command = [sys.executable, "-m", "testio_mcp", "sync", "--quiet"]
        subprocess.run(command, env=calm, check=True, stdout=subprocess.DEVNULL)
        asyncio.run(_measure(Path(home), calm, options.rounds))


async def _measure(home: Path, environment: dict[str, str], rounds: int) -> None:
    file = cache_in(home)
    calls = _calls(file)
    statements = {name: await _statements(home, *call) for name, call in calls.items()}
    bare = home / "bare.py"
    bare.write_text(EMPTY)
    async with (
        _server([str(bare)], environment) as empty,
        _server(["-m", "testio_mcp"], environment) as ours,
    ):
        asked: dict[str, Callable[[], Any]] = {"floor": lambda: empty.call_tool("nothing", {})}
        for name, (tool, arguments) in calls.items():
            asked[name] = lambda tool=tool, arguments=arguments: ours.call_tool(tool, arguments)
        forgotten, calm = await _both(asked, rounds, file)
        _rewrite(file)
        await ours.call_tool("sync_data", {"wait_seconds": 0})
        busy: Times = {name: [] for name in asked}
        began = time.perf_counter()
        while await _is_syncing(ours):
            # A few of them, so that each is asked often before the sync is over.
            for name, times in (await _times({name: asked[name] for name in BESIDE}, 1)).items():
                busy[name] += times
        lasted = time.perf_counter() - began
    with closing(sqlite3.connect(file)) as connection:
        limits = {name: _replayed(connection, done) for name, done in statements.items()}
    _show(calm, forgotten, busy, limits)
    print(f"{len(busy['floor'])} rounds in the {lasted:.0f} s that the sync took")


def _calls(file: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    product, feature, tester, test, bug = _busiest(file)
    return {
        "list_products": ("list_products", {}),
        "list_tests": ("list_tests", {}),
        "list_tests, one product": ("list_tests", {"product_ids": [product]}),
        "list_bugs": ("list_bugs", {}),
        "list_bugs, open and critical": (
            "list_bugs",
            {"statuses": ["open"], "severities": ["critical"]},
        ),
        "list_bugs, one test": ("list_bugs", {"test_ids": [test]}),
        "list_bugs, changed since monday": ("list_bugs", {"changed_since": "since monday"}),
        "list_features": ("list_features", {"product_id": product}),
        "list_user_stories": ("list_user_stories", {"product_id": product}),
        "list_users": ("list_users", {}),
        "search": ("search", {"query": "checkout"}),
        "get_product_summary": ("get_product_summary", {"product_id": product}),
        "get_test_summary": ("get_test_summary", {"test_id": test}),
        "get_bug_summary": ("get_bug_summary", {"bug_id": bug}),
        "get_feature_summary": ("get_feature_summary", {"feature_id": feature}),
        "get_user_summary": ("get_user_summary", {"user": str(tester)}),
        "query_metrics, severity by month": (
            "query_metrics",
            {"metrics": ["bug_count"], "by": ["severity", "month"], "limit": 200},
        ),
        "query_metrics, all rates by product": (
            "query_metrics",
            {"metrics": ["acceptance_rate", "rejection_rate", "review_rate"], "by": ["product"]},
        ),
        "generate_quality_report, one product": (
            "generate_quality_report",
            {"product_ids": [product], "period": "all"},
        ),
        "generate_quality_report, all products": (
            "generate_quality_report",
            {"period": "all"},
        ),
    }


def _busiest(file: Path) -> list[int]:
    """The product, feature, tester and test with the most to count, and a bug of the test."""
    with closing(sqlite3.connect(file)) as connection:
        found = [
            connection.execute(f"{query} ORDER BY count(*) DESC LIMIT 1").fetchone()
            for query in (
                "SELECT product_id FROM bugs GROUP BY 1",
                "SELECT feature_id FROM test_features GROUP BY 1",
                "SELECT reporter_id FROM bugs GROUP BY 1",
                "SELECT test_id, max(id) FROM bugs GROUP BY 1",
            )
        ]
    return [id for row in found for id in row]


async def _statements(home: Path, tool: str, arguments: dict[str, Any]) -> Statements:
    """What one call asks of SQLite."""
    settings = Settings(home=home / ".testio-mcp", **CALM)
    source = Source("http://127.0.0.1", SecretStr("none"), "127.0.0.1")
    found: Statements = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement != "BEGIN":
            found.append((statement, parameters))

    opening = Opening(lambda: open_app(Loaded(settings, [], []), source, online=False))
    async with Client(create_server(opening)) as client:
        await client.call_tool(tool, arguments)
        with closing(sqlite3.connect(settings.database_path, isolation_level=None)) as connection:
            _commit(connection)
        event.listen(Engine, "before_cursor_execute", note)
        await client.call_tool(tool, arguments)
        event.remove(Engine, "before_cursor_execute", note)
    return found


def _replayed(connection: sqlite3.Connection, statements: Statements, rounds: int = 20) -> float:
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        for statement, parameters in statements:
            connection.execute(statement, parameters).fetchall()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def _times(asked: dict[str, Callable[[], Any]], rounds: int) -> Times:
    times: Times = {name: [] for name in asked}
    for _ in range(rounds):
        for name, ask in asked.items():
            began = time.perf_counter()
            await ask()
            times[name].append(time.perf_counter() - began)
    return times


async def _both(
    asked: dict[str, Callable[[], Any]], rounds: int, file: Path
) -> tuple[Times, Times]:
    """After a commit of somebody else, and right after that."""
    first: Times = {name: [] for name in asked}
    again: Times = {name: [] for name in asked}
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for _ in range(rounds):
            for name, ask in asked.items():
                _commit(connection)
                for times in (first, again):
                    times[name] += (await _times({name: ask}, 1))[name]
    return first, again


def _commit(connection: sqlite3.Connection) -> None:
    """Something that no answer depends on; SQLite would not write what is there already."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {number + 1}")


def _rewrite(file: Path) -> None:
    """Have the next sync read every list and all bugs, and write every row anew.

    As after a day and a quarter: a sync reads them again, and no answer waits for them yet.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE stamps SET at = datetime(at, '-30 hours')")
        connection.execute("UPDATE payloads SET hash = x''")


async def _is_syncing(client: Client[Any]) -> bool:
    answer = await client.call_tool("sync_data", {"wait_seconds": 0})
    content = answer.structured_content or {}
    return bool(content["sync"]["state"] == "joined")


@asynccontextmanager
async def _server(arguments: list[str], environment: dict[str, str]) -> AsyncIterator[Client[Any]]:
    transport = StdioTransport(
        sys.executable, arguments, env=environment, log_file=Path(os.devnull)
    )
    async with Client(transport) as client:
        await client.list_tools()
        yield client


def _table() -> Table:
    table = Table(Column("call", no_wrap=True), "p50", "over floor", "p95", "over floor")
    for header in ("p50 after a commit", "sqlite3", "p95 in a sync", "over floor"):
        table.add_column(header)
    return table


def _show(calm: Times, forgotten: Times, busy: Times, limits: dict[str, float]) -> None:
    table = _table()
    for name, times in calm.items():
        middle, late = _milliseconds(times)
        floor, late_floor = _milliseconds(calm["floor"])
        in_sync = ("", "")
        if busy[name]:
            late_busy, floor_busy = (_milliseconds(busy[one])[1] for one in (name, "floor"))
            in_sync = (f"{late_busy:.1f} ms", f"{late_busy - floor_busy:.1f}")
        table.add_row(
            name,
            f"{middle:.1f} ms",
            f"{middle - floor:.1f}",
            f"{late:.1f} ms",
            f"{late - late_floor:.1f}",
            f"{_milliseconds(forgotten[name])[0]:.1f} ms",
            f"{limits[name] * 1000:.1f} ms" if name in limits else "",
            *in_sync,
        )
    CONSOLE.print(table)


def _milliseconds(times: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    if len(times) < 2:
        return 0.0, 0.0
    return statistics.median(times) * 1000, statistics.quantiles(times, n=20)[-1] * 1000


if __name__ == "__main__":
    main()
