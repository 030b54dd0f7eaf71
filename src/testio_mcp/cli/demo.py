"""See it work: sync invented data, ask five questions, show how to connect a client.

Needs no token and no network, and leaves nothing running.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from rich.console import Console
from rich.panel import Panel

from testio_mcp.app import App, open_demo
from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.logs import log_to
from testio_mcp.cli.output import NOTES, drawn
from testio_mcp.cli.progress import sync_with_progress
from testio_mcp.settings import Loaded, load_settings

RESULTS = Console(highlight=False)
# Its border and padding.
PANEL_WIDTH = 4


def _busiest(tests: list[dict[str, Any]]) -> int:
    """The id of the test with the most bugs."""
    return int(max(tests, key=lambda test: test["bugs"]["total"] or 0)["id"])


@dataclass(frozen=True)
class Question:
    """What a person asks, and the call a model makes of it; ids come from earlier answers."""

    words: str
    tool: str
    arguments: Callable[[dict[str, Any]], dict[str, Any]]


QUESTIONS = (
    Question(
        "What runs right now?",
        "list_tests",
        lambda _: {"statuses": ["running"], "page_size": 5},
    ),
    Question(
        "How is the one with the most bugs going?",
        "get_test_summary",
        lambda seen: {"test_id": _busiest(seen["list_tests"]["items"])},
    ),
    Question(
        "Which critical bugs are still open?",
        "list_bugs",
        lambda _: {"statuses": ["open"], "severities": ["critical"], "page_size": 5},
    ),
    Question("Which products are tested, and how much?", "list_products", lambda _: {}),
    Question(
        "Are the figures current, and is anything missing?", "get_server_diagnostics", lambda _: {}
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo has none of its own."""


def run(options: argparse.Namespace) -> int:
    loaded = load_settings(options.env_file)
    log_to(loaded, verbose=options.verbose, quiet=options.quiet)
    asyncio.run(_demo(loaded, options))
    return ExitCode.OK


async def _demo(loaded: Loaded, options: argparse.Namespace) -> None:
    async with open_demo(loaded) as app:
        await _synced(app, lambda: _sync(app, quiet=options.quiet))
    await _ask(options)
    _show_configuration()


async def _synced(app: App, sync: Callable[[], Awaitable[object]]) -> None:
    NOTES.print("Syncing invented data into a cache of its own.")
    await sync()
    if app.demo and app.demo.move_on():
        NOTES.print("Some time later: syncing what has changed.")
        await sync()


async def _sync(app: App, *, quiet: bool) -> None:
    await sync_with_progress(app, app.options(), quiet=quiet)


async def _ask(options: argparse.Namespace) -> None:
    """Put the questions to the server that a client would start."""
    arguments = ["-m", "testio_mcp", "serve", "--demo", "--quiet"]
    if options.env_file:
        arguments += ["--env-file", str(options.env_file)]
    transport = StdioTransport(sys.executable, arguments, env=dict(os.environ))
    seen: dict[str, Any] = {}
    async with Client(transport) as client:
        for question in QUESTIONS:
            call = question.arguments(seen)
            answer = await client.call_tool(question.tool, call)
            seen[question.tool] = answer.structured_content
            RESULTS.print()
            RESULTS.print(f"[bold]{question.words}[/bold]")
            RESULTS.print(f"  {question.tool}({json.dumps(call)})", style="dim", markup=False)
            RESULTS.print(Panel(drawn(answer.content[0].text, RESULTS.width - PANEL_WIDTH)))


def _show_configuration() -> None:
    """How to go on: with real data, or with this demo in Claude Desktop."""
    RESULTS.print("\n[bold]To ask this about your own data[/bold]")
    RESULTS.print("testio-mcp setup asks for your token, keeps it, and connects your clients.")
    RESULTS.print("\n[bold]To ask this about the demo in Claude Desktop[/bold]")
    RESULTS.print("Settings > Developer > Edit Config, then restart it:\n")
    # A line that is broken inside a string could not be pasted.
    RESULTS.print(_configuration(), markup=False, soft_wrap=True)


def _configuration() -> str:
    server = {"command": sys.executable, "args": ["-m", "testio_mcp", "serve", "--demo"]}
    return json.dumps({"mcpServers": {"testio": server}}, indent=2, ensure_ascii=False)
