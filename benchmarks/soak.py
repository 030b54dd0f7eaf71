"""Whether servers stay as they are under load: errors, memory, files, threads, the log of SQLite.

    uv run python benchmarks/soak.py [--minutes 10] [--clients 4] [--calls 20000] [--scale medium]

A server for each client over stdio and one over HTTP share a cache. All sync in the background
every few seconds, and before each time something changes upstream. The calls are spread over the
minutes; a slow machine takes longer, and makes them all. The first third warms up; of the rest the
last two quarters are compared. Ends with 1 if a call or a sync failed or anything grew.
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
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from bench import CONSOLE, cache_in, environment, meanwhile, move_on, rows, sandbox, served
from fastmcp import Client
from rich.table import Table

INTERVAL_SECONDS, TTL_SECONDS = 5, 30
SAMPLE_SECONDS = 1.0
WARM_UP = 1 / 3
QUARTERS = 4
# What the median may grow by in the last quarter: caches fill for minutes, and then no more.
# Connections to TestIO come and go, ten at most; what is left of every sync or call is more.
TOLERATED = {"memory": 2.0, "files": 10, "threads": 3, "log": 4.0}
UNITS = {"memory": " MB", "log": " MB"}
# What a log says of a call or a sync that went wrong.
WRONG = re.compile(r"^.*(?:Traceback|ERROR|CRITICAL|sync failed).*$", re.MULTILINE)
HTTP = "HTTP"


@dataclass(frozen=True)
class Sample:
    """Of one server at one time, memory and log in megabytes; the log is that of all."""

    seconds: float
    memory: float
    files: int
    threads: int
    log: float


@dataclass
class Seen:
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    changes: int = 0


@dataclass
class Bench:
    options: argparse.Namespace
    home: Path
    url: str
    seen: Seen = field(default_factory=Seen)
    # When the load began, and how many calls were begun.
    began: float = 0.0
    called: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return environment(
            self.home,
            self.url,
            refresh_interval_seconds=INTERVAL_SECONDS,
            cache_ttl_seconds=TTL_SECONDS,
            log_level="warning",
        )

    @property
    def is_over(self) -> bool:
        return self.called >= self.options.calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4, help="over stdio, a server each")
    parser.add_argument("--http-clients", type=int, default=2, help="of one server over HTTP")
    parser.add_argument("--calls", type=int, default=20_000, help="by all clients together")
    parser.add_argument("--scale", default="medium")
    options = parser.parse_args()
    with sandbox(options.scale, 0) as url, tempfile.TemporaryDirectory() as home:
        bench = Bench(options, Path(home), url)
        _sync(bench)
        asyncio.run(_soak(bench))
        sys.exit(_show(bench))


def _sync(bench: Bench) -> None:
    command = [sys.executable, "-m", "testio_mcp", "sync"]
    subprocess.run(command, env=bench.environment, capture_output=True, check=True)


async def _soak(bench: Bench) -> None:
    options, servers = bench.options, dict[str, psutil.Process]()
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(1, options.clients + 1):
            name = f"stdio {number}"
            server = served(bench.environment, bench.home / f"{name}.log")
            with _new_child() as found:
                clients.append(await stack.enter_async_context(server))
            [servers[name]] = found
        with _new_child() as found:
            url = await stack.enter_async_context(_over_http(bench))
        [servers[HTTP]] = found
        for _ in range(options.http_clients):
            clients.append(await stack.enter_async_context(Client(url)))
        bench.began = time.monotonic()
        await stack.enter_async_context(meanwhile(_change(bench)))
        await stack.enter_async_context(meanwhile(_watch(bench, servers)))
        await asyncio.gather(*[_ask(bench, client, n) for n, client in enumerate(clients)])


@contextmanager
def _new_child() -> Iterator[list[psutil.Process]]:
    """Filled with the processes that were started inside."""
    found: list[psutil.Process] = []
    before = set(psutil.Process().children())
    yield found
    found.extend(set(psutil.Process().children()) - before)


@asynccontextmanager
async def _over_http(bench: Bench) -> AsyncIterator[str]:
    """The address of the server."""
    command = [sys.executable, "-m", "testio_mcp", "serve", "--transport", "http", "--port", "0"]
    path = bench.home / f"{HTTP}.log"
    with path.open("w") as log:
        server = await asyncio.create_subprocess_exec(*command, env=bench.environment, stderr=log)
    try:
        while not (said := re.search(r"Serving MCP on (\S+)", path.read_text())):
            if server.returncode is not None:
                raise RuntimeError(f"the server ended: {path.read_text()}")
            await asyncio.sleep(0.1)
        yield said[1]
    finally:
        server.terminate()
        await server.wait()


async def _ask(bench: Bench, client: Client[Any], number: int) -> None:
    questions = _questions(bench, number)
    while not bench.is_over:
        turn, bench.called = bench.called, bench.called + 1
        due = bench.began + bench.options.minutes * 60 * turn / bench.options.calls
        await asyncio.sleep(max(0, due - time.monotonic()))
        tool, arguments = next(questions)
        began = time.perf_counter()
        answer = await client.call_tool(tool, arguments, raise_on_error=False)
        bench.seen.times.append((time.perf_counter() - began) * 1000)
        if answer.is_error:
            bench.seen.errors.append(f"{tool} {arguments}: {answer.content[0]}")


def _questions(bench: Bench, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    products = [id for (id,) in rows(bench.home, "SELECT id FROM products ORDER BY id")]
    # Those that a round of changes never deletes.
    tests = [id for (id,) in rows(bench.home, "SELECT id FROM tests ORDER BY id LIMIT 500")]
    bugs = [id for (id,) in rows(bench.home, "SELECT id FROM bugs ORDER BY id LIMIT 500")]
    by = {"metrics": ["bug_count"], "by": ["severity"]}
    for turn in itertools.count(number):
        product = products[turn % len(products)]
        yield "list_products", {}
        yield "list_tests", {"product_ids": [product]}
        yield "get_test_summary", {"test_id": tests[turn % len(tests)]}
        yield "list_bugs", {"product_ids": [product]}
        yield "get_bug_summary", {"bug_id": bugs[turn % len(bugs)]}
        yield "list_features", {"product_id": product}
        yield "query_metrics", {**by, "product_ids": [product]}
        yield "search", {"query": "login"}


async def _change(bench: Bench) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        while True:
            await move_on(http, bench.url)
            bench.seen.changes += 1
            await asyncio.sleep(INTERVAL_SECONDS)


async def _watch(bench: Bench, servers: dict[str, psutil.Process]) -> None:
    log = cache_in(bench.home).with_name("cache.db-wal")
    while True:
        for name, server in servers.items():
            with server.oneshot():
                sample = Sample(
                    time.monotonic() - bench.began,
                    server.memory_info().rss / 1e6,
                    server.num_fds(),
                    server.num_threads(),
                    log.stat().st_size / 1e6 if log.exists() else 0.0,
                )
            bench.seen.samples.setdefault(name, []).append(sample)
        await asyncio.sleep(SAMPLE_SECONDS)


def _show(bench: Bench) -> int:
    """Prints the figures; the exit code."""
    seen = bench.seen
    wrong = [line for log in bench.home.glob("*.log") for line in WRONG.findall(log.read_text())]
    figures, grown = _growth(seen)
    CONSOLE.print(figures)
    table = Table("measured", "figure")
    seconds = max(sample.seconds for of in seen.samples.values() for sample in of)
    table.add_row("time", f"{seconds / 60:.1f} min")
    table.add_row("calls", f"{len(seen.times):,}, {len(seen.errors)} of them errors")
    p50, p95 = (statistics.quantiles(seen.times, n=100)[percent - 1] for percent in (50, 95))
    table.add_row("a call", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {max(seen.times):.0f} ms")
    table.add_row("rounds of changes upstream", str(seen.changes))
    runs = Counter(status for (status,) in rows(bench.home, "SELECT status FROM sync_runs"))
    table.add_row("the latest syncs", ", ".join(f"{n} {status}" for status, n in runs.items()))
    longest = max(sample.log for of in seen.samples.values() for sample in of)
    table.add_row("longest write-ahead log", f"{longest:.1f} MB")
    table.add_row("cache file", f"{cache_in(bench.home).stat().st_size / 1e6:.1f} MB")
    table.add_row("errors in the servers' logs", str(len(wrong)))
    CONSOLE.print(table)
    failed = runs["failed"] + runs["partial"]
    for problem in [*seen.errors[:3], *wrong[:3], *[f"{one} has grown" for one in grown]]:
        CONSOLE.print(problem, markup=False)
    return 1 if seen.errors or wrong or failed or grown else 0


def _growth(seen: Seen) -> tuple[Table, list[str]]:
    """Medians of the quarters after the warm-up, and what grew from the first to the last."""
    table, grown = Table("server", *TOLERATED), []
    for server, samples in seen.samples.items():
        cells = []
        for name, tolerated in TOLERATED.items():
            medians = _medians([float(getattr(sample, name)) for sample in _warm(samples)])
            digits, unit = (1, UNITS[name]) if name in UNITS else (0, "")
            cells.append(" → ".join(f"{value:.{digits}f}" for value in medians) + unit)
            if medians[-1] - medians[-2] > tolerated:
                grown.append(f"{name} of {server}")
        table.add_row(server, *cells)
    return table, grown


def _medians(values: Sequence[float]) -> list[float]:
    size = max(1, len(values) // QUARTERS)
    starts = range(0, size * QUARTERS, size)
    return [statistics.median(values[start : start + size]) for start in starts]


def _warm(samples: Sequence[Sample]) -> list[Sample]:
    end = samples[-1].seconds
    return [sample for sample in samples if sample.seconds >= end * WARM_UP]


if __name__ == "__main__":
    main()
