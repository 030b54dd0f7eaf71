"""How long a client waits for the first answer, against bare FastMCP servers.

    uv run python benchmarks/startup.py

Each round starts every server in turn and takes the time from the start of the process to the
reply to `initialize`, and on to the reply to `tools/list`. The ratio is that of the medians.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import CONSOLE
from fastmcp import Client
from mcp.types import Tool
from rich.table import Table

from testio_mcp.server import Opening, create_server

ROUNDS = 15
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}

BARE = """
import gc
gc.disable()
from typing import Annotated, Any, Literal
from pydantic import Field
from fastmcp import FastMCP

server = FastMCP("bare", version="1")

{tools}
gc.enable()
server.run(show_banner=False)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sources = _signatures()
        servers = {
            "bare server, one tool": _bare(home / "one.py", sources[:1]),
            "bare server, same signatures": _bare(home / "same.py", sources),
            "testio-mcp serve": [sys.executable, "-m", "testio_mcp", "serve"],
            "testio-mcp serve, no cache yet": [sys.executable, "-m", "testio_mcp", "serve"],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for _ in range(ROUNDS + 1):
            for name, command in servers.items():
                if name.endswith("no cache yet"):
                    shutil.rmtree(home / ".testio-mcp", ignore_errors=True)
                times[name].append(_first_answers(command, home))
    _show({name: measured[1:] for name, measured in times.items()})


def _first_answers(command: list[str], home: Path) -> tuple[float, float]:
    environment = {**os.environ, "HOME": str(home), "FASTMCP_SHOW_SERVER_BANNER": "false"}
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        initialized = time.perf_counter() - began
        for message in (INITIALIZED, LIST):
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        listed = time.perf_counter() - began
        process.stdin.close()
        process.wait()
    return initialized, listed


def _signatures() -> list[str]:
    """The source of a function with the parameters of each of our tools."""

    async def listed() -> list[Tool]:
        async with Client(create_server(Opening(_never))) as client:
            return await client.list_tools()

    return [_source(t.name, t.description or "", t.input_schema) for t in asyncio.run(listed())]


@asynccontextmanager
async def _never() -> AsyncIterator[Any]:
    yield None


def _source(name: str, description: str, schema: dict) -> str:
    parameters = [
        f"    {parameter}: Annotated[{_type(field)}, Field({_constraints(field)})]"
        + (f" = {_default(field)}" if "default" in field else "")
        for parameter, field in schema.get("properties", {}).items()
    ]
    signature = ",\n".join(parameters)
    head = f"@server.tool(output_schema=None)\nasync def {name}(\n{signature}\n) -> Any:"
    return f"{head}\n    {description!r}\n"


def _type(field: dict) -> str:
    if field["type"] == "array":
        return f"tuple[{_type(field['items'])}, ...]"
    if "enum" in field:
        return f"Literal[{', '.join(map(repr, field['enum']))}]"
    return {"boolean": "bool", "integer": "int", "number": "float", "string": "str"}[field["type"]]


def _constraints(field: dict) -> str:
    names = {"minimum": "ge", "maximum": "le", "description": "description"}
    return ", ".join(f"{names[key]}={field[key]!r}" for key in names if key in field)


def _default(field: dict) -> str:
    return repr(tuple(field["default"]) if field["type"] == "array" else field["default"])


def _bare(path: Path, sources: list[str]) -> list[str]:
    path.write_text(BARE.format(tools="\n\n".join(sources)), encoding="utf-8")
    return [sys.executable, str(path)]


def _show(times: dict[str, list[tuple[float, float]]]) -> None:
    medians = {
        name: [statistics.median(column) for column in zip(*measured, strict=True)]
        for name, measured in times.items()
    }
    table = Table("server", "initialize", "tools/list", "against one tool", "against the same")
    for name, (initialized, listed) in medians.items():
        table.add_row(
            name,
            f"{initialized:.2f} s",
            f"{listed:.2f} s",
            f"{initialized / medians['bare server, one tool'][0]:.2f}",
            f"{initialized / medians['bare server, same signatures'][0]:.2f}",
        )
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
