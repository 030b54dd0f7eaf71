"""Serve MCP tools over stdio, for an MCP client to start.

The cache is synced in the background, at start and then every TESTIO_REFRESH_INTERVAL_SECONDS.
"""

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.logs import log_to
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, load_settings

if TYPE_CHECKING:
    from testio_mcp.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="serve invented data; needs no token")
    parser.add_argument(
        "--offline", action="store_true", help="answer from the copy and never open a connection"
    )


def run(options: argparse.Namespace) -> int:
    loaded = load_settings(options.env_file, **({"offline": True} if options.offline else {}))
    log_to(loaded, verbose=options.verbose, quiet=options.quiet)
    asyncio.run(_serve(Opening(lambda: _opened(loaded, demo=options.demo))))
    sys.stdout.flush()
    # A thread that waits for a lock or for stdin must not keep the process alive.
    os._exit(ExitCode.OK)


async def _serve(opening: Opening) -> None:
    ending: set[asyncio.Task[None]] = set()

    async def end(code: int) -> None:
        await opening.close()
        os._exit(code)

    def ended_by(code: int) -> None:
        # stdin may never end, so that the server would wait for it after a signal.
        ending.add(asyncio.create_task(end(code)))

    loop = asyncio.get_running_loop()
    for number, code in ((signal.SIGTERM, ExitCode.OK), (signal.SIGINT, ExitCode.INTERRUPTED)):
        # Windows has no such handlers; there the process is ended from outside.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, ended_by, code)
    await create_server(opening).run_stdio_async(show_banner=False)


@asynccontextmanager
async def _opened(loaded: Loaded, *, demo: bool) -> AsyncIterator["App"]:
    # Imported beside the event loop, which has requests to answer.
    module = await asyncio.to_thread(importlib.import_module, "testio_mcp.app")
    opened: AbstractAsyncContextManager[App] = (
        module.open_demo(loaded) if demo else module.open_app(loaded, serving=True)
    )
    async with opened as app:
        app.start_keeping_fresh()
        yield app
