"""Turns what went wrong on the wire into our errors, in words for people who don't program."""

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from testio_mcp.errors import (
    ApiError,
    ApiNotFound,
    ApiProtocolError,
    ApiRateLimited,
    ApiTimeout,
    ApiUnauthorized,
    ApiUnavailable,
)

CHECK_TOKEN = "Check TESTIO_CUSTOMER_API_TOKEN."
CHECK_BASE_URL = "Check TESTIO_CUSTOMER_API_BASE_URL."
CHECK_NETWORK = "Check the network connection and the proxy settings (HTTPS_PROXY, NO_PROXY)."
CHECK_PROXY = "Check the proxy and its user name and password (HTTPS_PROXY)."
CHECK_CERTIFICATE = (
    "If your company inspects traffic, install its certificate on this computer "
    "or let SSL_CERT_FILE name its file."
)
TRY_LATER = "Try again in a few minutes."
# Statuses with which a proxy or an edge says that TestIO took too long.
TIME_OUTS = frozenset({HTTPStatus.GATEWAY_TIMEOUT, 524})


class ApiUnreachable(ApiUnavailable):
    """A certificate or a proxy stands in the way; asking again changes nothing."""


def broken(what: str, problem: str, status: int = HTTPStatus.OK) -> ApiProtocolError:
    return ApiProtocolError(
        f"TestIO's answer about {what} {problem}.", hint=TRY_LATER, status=status
    )


def too_many_requests(seconds: float | None) -> ApiRateLimited:
    wait = "" if seconds is None else f", and asks to wait {seconds:.0f} s"
    return ApiRateLimited(f"TestIO answered 429: too many requests{wait}.", retry_after=seconds)


def refusal(response: httpx.Response, path: str, what: str) -> ApiError | None:
    """The error that an answer's status stands for, or None for a success.

    Never the answer's text: it may hold anything.
    """
    status = response.status_code
    if response.is_success:
        return None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return too_many_requests(retry_after(response))
    if status in TIME_OUTS:
        return ApiTimeout(f"TestIO answered {status}.", hint=TRY_LATER, status=status)
    if response.is_server_error:
        return ApiUnavailable(f"TestIO answered {status}.", hint=TRY_LATER, status=status)
    if not response.is_client_error:
        message = f"TestIO answered {status}: it has moved, and redirects are not followed."
        return ApiProtocolError(message, hint=CHECK_BASE_URL, status=status)
    return _denial(status, path, what)


def _denial(status: int, path: str, what: str) -> ApiError:
    if status == HTTPStatus.UNAUTHORIZED:
        return ApiUnauthorized("TestIO refused the API token.", hint=CHECK_TOKEN, status=status)
    if status == HTTPStatus.FORBIDDEN:
        if path == "products":
            message = "The API token may not list products."
            return ApiUnauthorized(message, hint=CHECK_TOKEN, status=status)
        message = f"TestIO does not let this API token read {what}."
        return ApiError(message, hint="It may belong to another customer.", status=status)
    if status == HTTPStatus.NOT_FOUND:
        return ApiNotFound(f"TestIO does not know {what}.", status=status)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return _proxy_refused(status)
    return ApiError(f"TestIO answered {status} when asked for {what}.", status=status)


def unreachable(error: httpx.TransportError, host: str) -> ApiUnavailable:
    """What an exception of httpx means; `host` is named where that helps."""
    if isinstance(error, httpx.TimeoutException):
        return ApiTimeout("TestIO did not answer in time.", hint=TRY_LATER)
    if isinstance(error, httpx.ProxyError):
        status = re.match(r"\d{3}", str(error))
        return _proxy_refused(int(status[0]) if status else None)
    causes = tuple(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        reason = f"its certificate is not trusted ({host})"
        return ApiUnreachable(f"TestIO could not be reached: {reason}.", hint=CHECK_CERTIFICATE)
    return ApiUnavailable(
        f"TestIO could not be reached: {_reason(error, causes)} ({host}).", hint=CHECK_NETWORK
    )


def _reason(error: httpx.TransportError, causes: tuple[BaseException, ...]) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "name not found"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "connection refused"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "no secure connection"
    return "no connection" if isinstance(error, httpx.ConnectError) else "connection dropped"


def _proxy_refused(status: int | None) -> ApiUnreachable:
    code = f" ({status})" if status else ""
    return ApiUnreachable(
        f"TestIO could not be reached: the proxy refused{code}.", hint=CHECK_PROXY, status=status
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything behind it; several addresses fail as a group."""
    yield error
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for behind in (error.__cause__ or error.__context__, *members):
        if behind is not None:
            yield from _causes(behind)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait as the header says, given as seconds or as a date; None without one."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value, re.ASCII):
        return float(value)
    until = _date(value)
    # TestIO's own clock is the better start: this computer's may be wrong by days.
    now = _date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else None


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
