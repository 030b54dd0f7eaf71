"""What every request for the API passes: the record, faults, latency and the token."""

import asyncio
from contextlib import suppress
from hmac import compare_digest
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testio_mcp.sandbox.faults import Fault, FaultKind, Faults, Suffered
from testio_mcp.sandbox.ledger import Asked, Ledger
from testio_mcp.sandbox.routes import MET, error

PREFIX = "/customer/v2"
# Put into a request's state by serving.py.
TRANSPORT = "sandbox.transport"
STOPPING = "sandbox.stopping"

_HTML = "<!doctype html><html><body><h1>{}</h1><p>We are back soon.</p></body></html>"


class Gate:
    def __init__(
        self, api: ASGIApp, token: str, latency: float, faults: Faults, ledger: Ledger
    ) -> None:
        self._api = api
        self._expected = f"Token {token}".encode()
        self._latency = latency
        self._faults = faults
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(PREFIX).lstrip("/")
        query = scope["query_string"].decode("latin-1")
        with self._ledger.counted(Asked(scope["method"], path, query)):
            met = self._faults.meet(path, dict(parse_qsl(query, keep_blank_values=True)))
            delay = met.of(FaultKind.DELAY)
            await _pause(self._latency + (delay.seconds if delay else 0), scope)
            await self._answer(met, scope, receive, send)

    async def _answer(self, met: Suffered, scope: Scope, receive: Receive, send: Send) -> None:
        usual: ASGIApp = self._api if self._is_allowed(scope) else error(401, "Unauthorized")
        scope[MET] = met
        fault = met.replacing
        if fault is not None and fault.kind is FaultKind.DROPPED_CONNECTION:
            await _drop(fault, usual, scope, receive, send)
        elif fault is not None:
            await _replacement(fault)(scope, receive, send)
        elif met.of(FaultKind.TRUNCATED_JSON):
            await _truncate(usual, scope, receive, send)
        else:
            await usual(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get("authorization", "")
        return compare_digest(given.encode("latin-1", "replace"), self._expected)


def _replacement(fault: Fault) -> Response:
    if fault.kind is FaultKind.HTML_BODY:
        return HTMLResponse(_HTML.format("Maintenance"))
    if fault.kind is FaultKind.RATE_LIMITED:
        limited = error(429, "Too many requests")
        if fault.retry_after is not None:
            limited.headers["Retry-After"] = f"{fault.retry_after:g}"
        return limited
    if fault.html:
        return HTMLResponse(_HTML.format(fault.status), fault.status)
    return error(fault.status, "Something went wrong")


async def _pause(seconds: float, scope: Scope) -> None:
    if seconds <= 0:
        return
    stopping = scope.get("state", {}).get(STOPPING) or asyncio.Event()
    # A server that stops does not wait for its slowest answer.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The start of an answer, and all of its body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start, *parts = messages
    return start, b"".join(part.get("body", b"") for part in parts)


async def _truncate(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    start, body = await _whole(app, scope, receive)
    half = body[: len(body) // 2]
    MutableHeaders(scope=start)["content-length"] = str(len(half))
    await send(start)
    await send({"type": "http.response.body", "body": half})


async def _drop(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("dropped on request")
    if fault.midway:
        start, body = await _whole(app, scope, receive)
        await send(start)
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )
        transport.close()
    else:
        transport.abort()
    # Only when the server knows that the peer is gone does it not complain about a missing answer.
    while (await receive())["type"] != "http.disconnect":
        pass
