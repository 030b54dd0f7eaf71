"""Serve MCP tools: over stdio, for an MCP client to start, or over HTTP, for a team or a script.

The cache is synced in the background, at start and then every TESTIO_REFRESH_INTERVAL_SECONDS.
"""

import argparse
import asyncio
import gc
import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.logs import log_requests, log_to
from testio_mcp.errors import ConfigurationError, InvalidRequest
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings, load_settings
from testio_mcp.tools.selection import Tool, selected

if TYPE_CHECKING:
    from testio_mcp.app import App
    from testio_mcp.http_server import HttpServer

# How many objects are made before the collector of garbage looks for some.
RARELY = (10_000, 10, 10)
HOST, PORT = "127.0.0.1", 8000
HIGHEST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transport", choices=("stdio", "http"), default="stdio", help="how clients connect"
    )
    parser.add_argument("--host", help=f"with http: address to listen on; {HOST} unless given")
    parser.add_argument(
        "--port", type=_port, help=f"with http: port to listen on; {PORT} unless given, 0 takes any"
    )
    parser.add_argument(
        "--allowed-hosts",
        type=_names,
        metavar="NAME,NAME",
        help="with http: further names by which clients may address the server",
    )
    parser.add_argument("--demo", action="store_true", help="serve invented data; needs no token")
    parser.add_argument(
        "--offline", action="store_true", help="answer from the copy and never open a connection"
    )


def run(options: argparse.Namespace) -> int:
    loaded = load_settings(options.env_file, **({"offline": True} if options.offline else {}))
    log_to(loaded, verbose=options.verbose, quiet=options.quiet)
    # The demo shows everything, whatever the settings say.
    offered = selected(Settings.model_construct() if options.demo else loaded.settings)
    loaded.warnings.extend(offered.warnings)
    opening = Opening(lambda: _opened(loaded, demo=options.demo))
    if options.transport == "http":
        server = _http_server(options, loaded, opening, offered.tools)
        if not options.quiet:
            log_requests(loaded)
        print(f"Serving MCP on {server.url}", file=sys.stderr, flush=True)
        asyncio.run(_serve_http(server, opening))
    elif any(given is not None for given in (options.host, options.port, options.allowed_hosts)):
        raise InvalidRequest("--host, --port and --allowed-hosts need --transport http.")
    asyncio.run(_serve(opening, offered.tools))
    sys.stdout.flush()
    # A thread that waits for a lock or for stdin must not keep the process alive.
    os._exit(ExitCode.OK)


async def _serve(opening: Opening, tools: tuple[Tool, ...]) -> None:
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
    await create_server(opening, tools).run_stdio_async(show_banner=False)


def _http_server(
    options: argparse.Namespace, loaded: Loaded, opening: Opening, tools: tuple[Tool, ...]
) -> "HttpServer":
    """It listens already, but answers nobody yet; raises what keeps it from doing so."""
    # Only here, because a client waits for a server over stdio to start.
    from testio_mcp.http_server import HttpServer, listening, required_token  # noqa: PLC0415

    token = required_token(loaded)
    if token is None:
        _refuse_unread(options, loaded)
    host, port = (HOST if options.host is None else options.host), options.port
    listener = listening(host, PORT if port is None else port, is_protected=token is not None)
    names = options.allowed_hosts or ()
    server = create_server(opening, tools)
    return HttpServer(server, listener, token=token, allowed_hosts=names)


async def _serve_http(server: "HttpServer", opening: Opening) -> NoReturn:
    # Nobody waits for a first reply, and the first client had better find the cache open.
    opening.start_soon()
    await server.run_until_ended()
    # See above; the event loop would wait for its threads.
    os._exit(ExitCode.INTERRUPTED if server.ended_by == signal.SIGINT else ExitCode.OK)


def _refuse_unread(options: argparse.Namespace, loaded: Loaded) -> None:
    """A file that was not read may be the one that holds the token."""
    home = loaded.settings.home / ".env"
    files = [options.env_file] if options.env_file else []
    files += [home] if os.path.lexists(home) else []
    for file in files:
        if Path(os.path.expanduser(file)).absolute() not in loaded.files:
            raise ConfigurationError(
                f"{file} cannot be read, and TESTIO_HTTP_TOKEN may stand in it.",
                hint="Mend or remove the file, or set TESTIO_HTTP_TOKEN in the environment.",
            )


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= HIGHEST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port such as {PORT}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@asynccontextmanager
async def _opened(loaded: Loaded, *, demo: bool) -> AsyncIterator["App"]:
    # Imported beside the event loop, which has requests to answer.
    module = await asyncio.to_thread(importlib.import_module, "testio_mcp.app")
    opened: AbstractAsyncContextManager[App] = (
        module.open_demo(loaded) if demo else module.open_app(loaded, serving=True)
    )
    async with opened as app:
        # What is there by now stays. Looking at it again and again keeps answers waiting.
        gc.freeze()
        gc.set_threshold(*RARELY)
        app.start_keeping_fresh()
        yield app
