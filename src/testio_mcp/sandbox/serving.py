"""Serving a sandbox over HTTP, inside a running event loop or as a command."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from testio_mcp.sandbox.gate import PREFIX, STOPPING, TRANSPORT
from testio_mcp.sandbox.sandbox import Sandbox

_LOOPBACK = "127.0.0.1"
# An answer being generated when the server stops is soon ready; this is for the rest.
_LAST_ANSWERS_SECONDS = 5


class _Protocol(H11Protocol):
    """Lets a request close its own connection, and writes no access log."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        self.access_log = False


def serving(sandbox: Sandbox, port: int = 0) -> AbstractAsyncContextManager[str]:
    """Serve on the loopback interface while entered; gives the base URL."""
    return _listening(sandbox, _LOOPBACK, port)


def run(
    sandbox: Sandbox,
    host: str = _LOOPBACK,
    port: int = 8765,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready` is given the base URL."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_until_told_to_end(sandbox, host, port, on_ready))


async def _until_told_to_end(
    sandbox: Sandbox, host: str, port: int, on_ready: Callable[[str], None]
) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers: there Ctrl-C arrives as KeyboardInterrupt.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with _listening(sandbox, host, port) as url:
        on_ready(url)
        await told.wait()


@asynccontextmanager
async def _listening(sandbox: Sandbox, host: str, port: int) -> AsyncIterator[str]:
    """uvicorn's protocol without its server, which polls, sleeps and takes over signals."""
    # Neither of uvicorn's loggers is touched: the process may run another uvicorn.
    config = Config(
        sandbox.app,
        log_config=None,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    state = ServerState()
    stopping = asyncio.Event()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Protocol(config, state, {STOPPING: stopping}), host, port
    )
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}{PREFIX}"
    finally:
        server.close()
        stopping.set()
        for connection in list(state.connections):
            cast(H11Protocol, connection).transport.abort()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=_LAST_ANSWERS_SECONDS)
        await server.wait_closed()
