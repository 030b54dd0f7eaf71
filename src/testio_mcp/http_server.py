"""MCP over HTTP: on which address, who may ask, and how the requests end with the server."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Collection
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from uvicorn import Config, Server

from testio_mcp.errors import ConfigurationError, TestIOMcpError

if TYPE_CHECKING:
    from types import FrameType

    from fastmcp import FastMCP
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from testio_mcp.settings import Loaded

MCP_PATH = "/mcp"
HEALTH_PATH = "/health"
# With those that the app takes to close, a server ends within two seconds.
LAST_REQUESTS_SECONDS = 0.3
SHORTEST_TOKEN = 16


def required_token(loaded: Loaded) -> bytes | None:
    """What clients have to send, if anything; raises ConfigurationError if nobody could send it."""
    if loaded.settings.http_token is None:
        return None
    token = loaded.settings.http_token.get_secret_value().strip()
    if not (token.isascii() and token.isprintable() and token and " " not in token):
        raise ConfigurationError(
            "TESTIO_HTTP_TOKEN is empty or holds characters that no client can send.",
            hint="Use letters, digits, - and _.",
        )
    if len(token) < SHORTEST_TOKEN:
        loaded.warnings.append(
            f"TESTIO_HTTP_TOKEN can be guessed: it has fewer than {SHORTEST_TOKEN} characters."
        )
    return token.encode()


def listening(host: str, port: int, *, is_protected: bool) -> socket.socket:
    """A socket that listens; only this computer reaches it unless a token protects it."""
    try:
        family, address = _resolved(host, port)
        if not (is_protected or ip_address(address[0].partition("%")[0]).is_loopback):
            raise ConfigurationError(
                f"Without a token, everybody who reaches {host or address[0]} could read your "
                "data, so that the server does not start.",
                hint="Set TESTIO_HTTP_TOKEN to a long random value, or leave out --host to serve "
                "this computer only.",
            )
        return socket.create_server(address, family=family)
    except (OSError, UnicodeError) as error:
        # Python adds the address to what the system says.
        reason = (getattr(error, "strerror", None) or "no such name").partition(" (while")[0]
        raise TestIOMcpError(
            f"The server cannot listen on {host} port {port}: {reason}.",
            hint="Choose another one with --host and --port; port 0 takes any that is free.",
        ) from error


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The first address of that name, of version 4 if there is one."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


class HttpServer(Server):
    """One process that serves many clients, without a session for any of them."""

    def __init__(
        self,
        mcp: FastMCP[Any],
        listener: socket.socket,
        *,
        token: bytes | None = None,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._listener = listener
        self._running: set[anyio.CancelScope] = set()
        # The number of the signal that ends it.
        self.ended_by: int | None = None
        mcp.custom_route(HEALTH_PATH, methods=["GET"])(_health)
        middleware = [Middleware(EndWithServer, running=self._running)]
        if token is not None:
            middleware.append(Middleware(AskForToken, token=token))
        # All are given, because FastMCP has environment variables for those that are not.
        app = mcp.http_app(
            path=MCP_PATH,
            stateless_http=True,
            # A plain JSON answer has no room for progress.
            json_response=False,
            host_origin_protection=True,
            allowed_hosts=[*allowed_hosts, *_names(listener)],
            allowed_origins=[],
            middleware=middleware,
        )
        # Without a configuration of logging uvicorn leaves standard output alone.
        super().__init__(
            Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def url(self) -> str:
        host, port, *_ = self._listener.getsockname()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{MCP_PATH}"

    async def run_until_ended(self) -> None:
        await self.serve(sockets=[self._listener])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Unlike uvicorn's, without raising the signal again: the command knows its exit code."""
        self.ended_by = sig
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        cutting_off = loop.call_later(LAST_REQUESTS_SECONDS, self._cut_off)
        await super().shutdown(sockets)
        cutting_off.cancel()

    def _cut_off(self) -> None:
        # uvicorn would cancel the tasks, which does not stop at the shield around a write.
        for scope in self._running:
            scope.cancel()


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _names(listener: socket.socket) -> list[str]:
    """What clients may call this server, beside the addresses that they reach it at."""
    is_loopback = ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback
    return [] if is_loopback else [socket.gethostname()]


class AskForToken:
    """Refuses requests without the token; whether the server lives is no secret."""

    def __init__(self, app: ASGIApp, token: bytes) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["path"] != HEALTH_PATH and not self._is_given(scope):
            answer = JSONResponse(
                {
                    "error": "invalid_token",
                    "error_description": "Send the header Authorization: Bearer TOKEN, with the "
                    "value of TESTIO_HTTP_TOKEN.",
                },
                status_code=401,
                headers={"WWW-Authenticate": 'Bearer realm="testio-mcp"'},
            )
        await answer(scope, receive, send)

    def _is_given(self, scope: Scope) -> bool:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # The comparison takes as long for a good guess as for a bad one.
        is_same = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        return is_same and scheme.lower() == "bearer"


class EndWithServer:
    """Completes the answer of a request that the end of the server cuts off."""

    def __init__(self, app: ASGIApp, running: set[anyio.CancelScope]) -> None:
        self._app = app
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent: list[str] = []

        async def noting(message: Message) -> None:
            sent.append(message["type"] if not message.get("more_body") else "")
            await send(message)

        with anyio.CancelScope() as cancellable:
            self._running.add(cancellable)
            try:
                await self._app(scope, receive, noting)
            finally:
                self._running.discard(cancellable)
        # Streams also end by themselves when they see that the server does.
        if "http.response.body" not in sent:
            await _cut_short(scope, receive, send, has_started=bool(sent))


async def _cut_short(scope: Scope, receive: Receive, send: Send, *, has_started: bool) -> None:
    if has_started:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        stopping = JSONResponse({"error": "The server is stopping."}, status_code=503)
        await stopping(scope, receive, send)
