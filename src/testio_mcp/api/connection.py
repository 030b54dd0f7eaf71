"""One pool of connections to TestIO: slots, retries, pauses, and JSON out of answers."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import httpx
import stamina
from pydantic import SecretStr
from pydantic_core import from_json
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from testio_mcp.api.certificates import UNPROXIED, issuer_at, trusted
from testio_mcp.api.failures import (
    CHECK_BASE_URL,
    CHECK_PROXY,
    CHECK_TOKEN,
    ApiUnreachable,
    broken,
    distrusted,
    no_json,
    refusal,
    retry_after,
    too_many_requests,
    unreachable,
)
from testio_mcp.api.limiter import Limiter
from testio_mcp.api.trail import Trail
from testio_mcp.errors import (
    ApiError,
    ApiNotFound,
    ApiProtocolError,
    ApiRateLimited,
    ApiTimeout,
    ApiUnauthorized,
    ApiUnavailable,
)

# Seconds. Whoever is asked to wait longer is told so, instead of being kept waiting.
LONGEST_WAIT = 60.0
LONGEST_BACKOFF = 10.0
LONGEST_CONNECT = 10.0
# A refusal for being too fast says nothing about the request: it has attempts of its own.
RATE_LIMIT_ATTEMPTS = 5

type Params = Mapping[str, str | int | Sequence[str | int]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask for: `what` names it in messages, `root` is the key of the answer."""

    path: str
    root: str
    what: str
    params: Params = field(default_factory=dict)
    is_list: bool = True
    # Whether to ask for less after a time-out, rather than for the same again.
    is_divisible: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The value under the root key; `began` is when the request that brought it was sent."""

    value: Any
    began: datetime


class Connection:
    """Counters are for diagnostics: `last_error` is the message of the latest failed attempt."""

    def __init__(
        self,
        base_url: str,
        token: SecretStr,
        *,
        timeout: float,
        max_concurrent: int,
        reserved: int,
        attempts: int,
        backoff: float,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._timeout = timeout
        self._max_concurrent = max_concurrent
        self._attempts = attempts
        self._backoff = backoff
        self._limiter = Limiter(max_concurrent, reserved)
        self._barred_until = 0.0
        self._http: httpx.AsyncClient | None = None
        self.requests_sent = 0
        self.last_error: str | None = None

    @property
    def requests_in_flight(self) -> int:
        return self._limiter.in_flight

    async def aclose(self) -> None:
        if self._http:
            await self._http.aclose()

    async def ask(
        self, question: Question, *, user_facing: bool, attempts: int | None = None
    ) -> Answer:
        """Raises ApiError when the attempts are used up, or at once if more would not help."""
        retrying = self._retrying(attempts or self._attempts)
        may_help = _may_pass_undivided if question.is_divisible else _may_pass
        return await retrying(may_help, self._ask_patiently, question, user_facing)

    async def _ask_patiently(self, question: Question, user_facing: bool) -> Answer:
        retrying = self._retrying(RATE_LIMIT_ATTEMPTS)
        return await retrying(_asks_to_wait, self._ask_once, question, user_facing)

    def _retrying(self, attempts: int) -> stamina.AsyncRetryingCaller:
        return stamina.AsyncRetryingCaller(
            attempts=attempts,
            timeout=None,
            wait_initial=self._backoff,
            wait_jitter=self._backoff,
            wait_max=max(LONGEST_BACKOFF, self._backoff),
        )

    async def _ask_once(self, question: Question, user_facing: bool) -> Answer:
        try:
            return await self._exchange(question, user_facing)
        except ApiError as error:
            if not isinstance(error, ApiNotFound):
                self.last_error = error.message
            raise

    async def _exchange(self, question: Question, user_facing: bool) -> Answer:
        http = self._opened()
        async with self._limiter.slot(user_facing=user_facing):
            self._refuse_while_barred()
            began = datetime.now(UTC)
            self.requests_sent += 1
            response = await self._get(http, question)
            # While the slot is still held, or the next in line would slip through.
            self._heed(response)
        if error := refusal(response, question.path, question.what):
            raise error
        return Answer(_value(response, question), began)

    async def _get(self, http: httpx.AsyncClient, question: Question) -> httpx.Response:
        trail = Trail(http.base_url)
        extensions = {"trace": trail.note}
        try:
            return await http.get(question.path, params=question.params, extensions=extensions)
        except httpx.TransportError as error:
            if distrusted(error):
                trail.issuer = await issuer_at(http.base_url)
            raise unreachable(error, trail) from error
        except httpx.DecodingError as error:
            raise broken(question.what, "cannot be unpacked") from error

    def _heed(self, response: httpx.Response) -> None:
        seconds = retry_after(response)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._hold(self._backoff if seconds is None else seconds)
        elif response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and seconds:
            self._limiter.pause(min(seconds, LONGEST_WAIT))

    def _hold(self, seconds: float) -> None:
        if seconds <= LONGEST_WAIT:
            self._limiter.pause(seconds)
        else:
            self._barred_until = time.monotonic() + seconds

    def _refuse_while_barred(self) -> None:
        remaining = self._barred_until - time.monotonic()
        if remaining > 0:
            self._hold(remaining)
            raise too_many_requests(remaining)

    def _opened(self) -> httpx.AsyncClient:
        """The client of httpx, made when first needed."""
        if self._http is None:
            self._http = self._open()
        return self._http

    def _open(self) -> httpx.AsyncClient:
        most = self._max_concurrent
        headers = {
            "Authorization": f"Token {_sendable(self._token)}",
            "Accept": "application/json",
            "User-Agent": f"testio-mcp/{version('testio-mcp')}",
        }
        base_url = _usable(self._base_url)
        verify = trusted(base_url.scheme)
        try:
            return httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, LONGEST_CONNECT)),
                limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
                verify=verify,
                mounts=UNPROXIED,
                # A redirect would carry the token to wherever it points.
                follow_redirects=False,
            )
        except ImportError:
            raise ApiUnreachable(
                "TestIO could not be reached: proxies that speak SOCKS are not supported.",
                hint="Set HTTPS_PROXY to a proxy that speaks HTTP, and unset ALL_PROXY.",
            ) from None
        except (ValueError, httpx.InvalidURL):
            # Without the cause, whose text may hold the proxy's password.
            raise ApiUnreachable(
                "TestIO could not be reached: the proxy settings cannot be used.",
                hint=CHECK_PROXY,
            ) from None


def _usable(base_url: str) -> httpx.URL:
    try:
        return httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ApiUnreachable(
            "TestIO could not be reached: its address makes no sense.", hint=CHECK_BASE_URL
        ) from error


def _sendable(token: SecretStr) -> str:
    value = token.get_secret_value().strip()
    if not (value and value.isascii() and value.isprintable()):
        raise ApiUnauthorized(
            "The API token is empty or holds characters that no token has.", hint=CHECK_TOKEN
        )
    return value


def _value(response: httpx.Response, question: Question) -> Any:
    """What stands under the root key; raises ApiProtocolError if that is not what was asked for."""
    try:
        body = _decoded(response.content)
    except (ValueError, RecursionError) as error:
        raise no_json(response, question.what) from error
    value = body.get(question.root) if isinstance(body, dict) else None
    if not isinstance(value, list if question.is_list else dict):
        problem = f"has no {question.root!r}"
        raise broken(question.what, problem, response.status_code)
    return value


def _decoded(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        # Text cut in the middle of an emoji is JSON that only a lenient parser reads.
        lenient = json.loads(content.decode("utf-8-sig", "replace"), parse_constant=lambda _: None)
        return from_json(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ApiProtocolError):
        # A broken answer of a success; a redirect stays one.
        return error.status is not None and error.status < HTTPStatus.MULTIPLE_CHOICES
    return isinstance(error, ApiUnavailable) and not isinstance(error, ApiUnreachable)


def _may_pass_undivided(error: Exception) -> bool:
    return _may_pass(error) and not isinstance(error, ApiTimeout)


def _asks_to_wait(error: Exception) -> bool:
    return isinstance(error, ApiRateLimited) and (error.retry_after or 0.0) <= LONGEST_WAIT


def _log_retry(details: RetryDetails) -> None:
    logger.info("%s Trying again in %.1f s.", details.caused_by, details.wait_for)


# stamina's own line says neither what failed nor why.
set_on_retry_hooks([_log_retry])
