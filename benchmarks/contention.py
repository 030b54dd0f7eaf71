"""How servers answer while syncs write to the cache that all of them share.

    uv run python benchmarks/contention.py [--seconds 60] [--servers 4] [--scale medium]

The sandbox, the servers and the syncs are processes of their own, on the same machine. For a while
the servers are asked without a sync of the command line, then while one follows another, each after
changes to the sandbox's data. Servers sync in the background too when their time has come. A call
counts as made during a sync when any process held the sync lock at its beginning or its end.
"""

import argparse
import asyncio
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench import (
    CONSOLE,
    cache_in,
    control,
    environment,
    meanwhile,
    move_on,
    rows,
    sandbox,
    served,
)
from fastmcp import Client
from rich.table import Table

INTERVAL_SECONDS = 15
SAMPLE_SECONDS = 0.1
SYNC_RUNNING = 6
# What is said of a cache that was kept locked, by SQLite or by us.
LOCKED = re.compile(r"database is locked|SQLITE_BUSY|kept the cache locked", re.IGNORECASE)


@dataclass
class Seen:
    """Everything that is measured. Times are in milliseconds, by whether a sync ran."""

    times: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    errors: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    first_error: str = ""
    texts: list[str] = field(default_factory=list)
    # The longest log, in bytes.
    log: int = 0
    exits: Counter[int] = field(default_factory=Counter)

    def locked(self) -> int:
        return sum(len(LOCKED.findall(text)) for text in self.texts)


@dataclass(frozen=True)
class Bench:
    """What is started, and where."""

    options: argparse.Namespace
    home: Path
    url: str
    seen: Seen

    @property
    def environment(self) -> dict[str, str]:
        return environment(
            self.home, self.url, refresh_interval_seconds=INTERVAL_SECONDS, log_level="info"
        )

    def is_syncing(self) -> bool:
        return cache_in(self.home).with_name("sync.lock.holder.json").exists()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="with syncs; half of it without")
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--scale", default="medium")
    parser.add_argument("--rate", type=float, default=5, help="calls a second to each server")
    parser.add_argument("--changes", type=int, default=500, help="bugs changed before each sync")
    options = parser.parse_args()
    with sandbox(options.scale, 0) as url, tempfile.TemporaryDirectory() as home:
        bench = Bench(options, Path(home), url, Seen())
        asyncio.run(_measure(bench))
        _show(bench)


async def _measure(bench: Bench) -> None:
    await _sync(bench)
    seconds = bench.options.seconds
    async with AsyncExitStack() as stack:
        for number in range(bench.options.servers):
            log = bench.home / f"{number}.log"
            client = await stack.enter_async_context(served(bench.environment, log))
            await stack.enter_async_context(meanwhile(_ask(bench, client, number)))
        await stack.enter_async_context(meanwhile(_watch_log(bench)))
        await asyncio.sleep(seconds / 2)
        await _sync_again_and_again(bench)
    bench.seen.texts += [log.read_text() for log in bench.home.glob("*.log")]


async def _ask(bench: Bench, client: Client[Any], number: int) -> None:
    pause = 1 / bench.options.rate
    products = [id for (id,) in rows(bench.home, "SELECT id FROM products ORDER BY id")]
    tests = [id for (id,) in rows(bench.home, "SELECT id FROM tests ORDER BY id DESC LIMIT 200")]
    # Servers are not asked in step.
    await asyncio.sleep(pause * number / bench.options.servers)
    for turn in itertools.count(number):
        product, test = products[turn % len(products)], tests[turn % len(tests)]
        questions: tuple[tuple[str, dict[str, Any]], ...] = (
            ("list_products", {}),
            ("list_tests", {"product_ids": [product]}),
            ("get_test_summary", {"test_id": test}),
            ("list_bugs", {"product_ids": [product]}),
        )
        took = await _timed(bench, client, *questions[turn % len(questions)])
        await asyncio.sleep(max(0, pause - took))


async def _timed(bench: Bench, client: Client[Any], tool: str, arguments: dict[str, Any]) -> float:
    """Seconds that the call took."""
    seen, during, began = bench.seen, bench.is_syncing(), time.perf_counter()
    answer = await client.call_tool(tool, arguments, raise_on_error=False)
    took = time.perf_counter() - began
    during = during or bench.is_syncing()
    seen.times[during].append(took * 1000)
    text = str(answer.content[0])
    if answer.is_error:
        seen.errors[during] += 1
        seen.first_error = seen.first_error or f"{tool}: {text}"
        seen.texts.append(text)
    return took


async def _watch_log(bench: Bench) -> None:
    log = cache_in(bench.home).with_name("cache.db-wal")
    while True:
        if log.exists():
            bench.seen.log = max(bench.seen.log, log.stat().st_size)
        await asyncio.sleep(SAMPLE_SECONDS)


async def _sync_again_and_again(bench: Bench) -> None:
    bugs = [id for (id,) in rows(bench.home, "SELECT id FROM bugs ORDER BY random()")]
    end = time.monotonic() + bench.options.seconds
    turn = 0
    while time.monotonic() < end:
        start = turn * bench.options.changes
        await _change(bench, turn, bugs[start : start + bench.options.changes])
        bench.seen.exits[await _sync(bench)] += 1
        turn += 1


async def _change(bench: Bench, turn: int, bugs: list[int]) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        await move_on(http, bench.url)
        title = {"field": "title", "value": f"Changed before sync {turn}"}
        for id in bugs:
            # The answer is 404 for a bug that was deleted meanwhile.
            field = {"kind": "bug", "id_": id, **title}
            await http.post(control(bench.url, "world/set_field"), json=field)


async def _sync(bench: Bench) -> int:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testio_mcp", "sync", "--force"),
        env=bench.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    bench.seen.texts += [text.decode() for text in await program.communicate()]
    assert program.returncode is not None
    return program.returncode


def _show(bench: Bench) -> None:
    seen = bench.seen
    table = Table("reads", "calls", "errors", "p50", "p95", "max", "p95, as ratio")
    without = _percentile(seen.times[False], 95)
    for during, name in ((False, "no sync runs"), (True, "a sync runs")):
        times = seen.times[during]
        p50, p95 = _percentile(times, 50), _percentile(times, 95)
        table.add_row(
            name,
            str(len(times)),
            str(seen.errors[during]),
            *(f"{value:.1f} ms" for value in (p50, p95, max(times, default=0))),
            f"{p95 / without:.1f}" if without else "",
        )
    CONSOLE.print(table)
    syncs = Table("measured", "figure")
    for (trigger, status), number in sorted(_runs(bench).items()):
        syncs.add_row(f"syncs by {trigger}: {status}", str(number))
    syncs.add_row("left to a sync of another process", str(seen.exits[SYNC_RUNNING]))
    codes = sum(number for code, number in seen.exits.items() if code not in {0, SYNC_RUNNING})
    syncs.add_row("syncs that failed", str(codes))
    syncs.add_row("mentions of a locked cache", str(seen.locked()))
    syncs.add_row("longest write-ahead log", f"{seen.log / 1e6:.1f} MB")
    syncs.add_row("cache file", f"{cache_in(bench.home).stat().st_size / 1e6:.1f} MB")
    CONSOLE.print(syncs)
    if seen.first_error:
        CONSOLE.print(f"First error: {seen.first_error}", markup=False)


def _runs(bench: Bench) -> Counter[tuple[str, str]]:
    return Counter(rows(bench.home, "SELECT trigger, status FROM sync_runs"))


def _percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return sum(values)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
