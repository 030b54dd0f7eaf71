"""What the benchmarks share: a sandbox, servers of a copy, and how a table is shown."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from rich.console import Console

# As wide as the widest table, also where nobody watches.
CONSOLE = Console(width=130)


@contextmanager
def sandbox(scale: str, latency: float) -> Iterator[str]:
    """The address of a sandbox in a process of its own; latency in milliseconds."""
    command = [sys.executable, "-m", "testio_mcp", "sandbox", "--port", "0", "--scale", scale]
    command += ["--latency-ms", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        found = re.search(r"=(http\S+)", said)
        if found is None:
            raise RuntimeError(f"the sandbox said {said!r}")
        try:
            yield found[1]
        finally:
            process.terminate()


def control(url: str, path: str) -> str:
    """Where a sandbox is told what to do."""
    return url.replace("/customer/v2", f"/_control/{path}")


async def move_on(http: httpx.AsyncClient, url: str) -> None:
    """Have something change upstream."""
    now = datetime.now(UTC).isoformat()
    (await http.post(control(url, "world/move_on"), json={"at": now})).raise_for_status()


def environment(home: Path, url: str, **settings: object) -> dict[str, str]:
    """That of a program whose copy lies in `home` and comes from the sandbox at `url`."""
    return {
        **os.environ,
        "HOME": str(home),
        "TESTIO_CUSTOMER_API_BASE_URL": url,
        "TESTIO_CUSTOMER_API_TOKEN": "sandbox",
        **{f"TESTIO_{name.upper()}": str(value) for name, value in settings.items()},
    }


def cache_in(home: Path) -> Path:
    return home / ".testio-mcp" / "cache.db"


def rows(home: Path, statement: str) -> list[Any]:
    # With mode=ro closing it never moves the log into the file.
    uri = f"{cache_in(home).as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reader:
        return reader.execute(statement).fetchall()


@asynccontextmanager
async def served(environment: dict[str, str], log: Path) -> AsyncIterator[Client[Any]]:
    """A client of a server over stdio that has opened its copy."""
    transport = StdioTransport(
        sys.executable,
        ["-m", "testio_mcp", "serve"],
        env=environment,
        keep_alive=False,
        log_file=log,
    )
    async with Client(transport) as client:
        await client.call_tool("list_products")
        yield client


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
