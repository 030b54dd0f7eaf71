"""Turns what went wrong on the wire into our errors, in words for people who don't program."""

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from testio_mcp.api.trail import Trail
from testio_mcp.errors import (
    INTERNAL_SERVER_ERROR,
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
CHECK_PROXY_ADDRESS = (
    "Check the address of the proxy (HTTPS_PROXY); what needs none is named in NO_PROXY."
)
LOG_IN_TO_PROXY = (
    "Set HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT; an @ in the password is written as %40."
)
ALLOW_IN_PROXY = "Ask those who run the proxy (HTTPS_PROXY) to allow TestIO's address."
CHECK_CLOCK = "Check the date and time of this computer; if right, tell those who run the network."
CHECK_CERTIFICATE = (
    "If your company inspects traffic, install its certificate on this computer "
    "or let SSL_CERT_FILE name its file."
)
CHECK_IMPOSTOR = (
    f"{CHECK_BASE_URL} A log-in page of the network or a proxy may have answered in its place."
)
LOOK_IN_BROWSER = (
    "Open {origin} in a browser: if a page to log in or a notice of your company appears, "
    "log in there, or ask those who run the network to allow this address."
)
TRY_LATER = "Try again in a few minutes."
# Statuses with which a proxy or an edge says that TestIO took too long.
TIME_OUTS = frozenset({HTTPStatus.GATEWAY_TIMEOUT, 524})


# By the codes of OpenSSL, Windows and macOS: what is wrong with a certificate, and what to do.
_CERTIFICATES: tuple[tuple[frozenset[int], str, str], ...] = (
    (frozenset({10, 0x800B0101, -67818}), "has expired", CHECK_CLOCK),
    (frozenset({9, -67819}), "is not valid yet", CHECK_CLOCK),
    (frozenset({62, 64, 0x800B010F, -67602}), "is for another name", CHECK_IMPOSTOR),
)
_UNKNOWN_CERTIFICATE = ("is not trusted", CHECK_CERTIFICATE)


# Of refusals: what a log-in page or a block page answers with, as TestIO itself may.
_AS_PAGES_SAY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class ApiUnreachable(ApiUnavailable):
    """A certificate or a proxy stands in the way; asking again changes nothing."""


def is_foreign(response: httpx.Response) -> bool:
    """Whether somebody else has answered: a proxy, a log-in page, a notice of a company.

    TestIO speaks JSON but for errors of its servers (testio-api: Error bodies).
    """
    kind = response.headers.get("Content-Type", "").lower()
    # Only TestIO knows that tokens are what it wants.
    wants_token = response.headers.get("WWW-Authenticate", "").lower().startswith("token")
    return kind != "" and "json" not in kind and not wants_token


def no_json(response: httpx.Response, what: str) -> ApiProtocolError:
    """The error of a success without JSON, which may be a page of TestIO's about its upkeep."""
    problem, status = "is not JSON", response.status_code
    if not is_foreign(response):
        return broken(what, problem, status)
    hint = f"{TRY_LATER} {_look(response)}"
    problem = f"{problem}: something between this computer and TestIO may have answered instead"
    return ApiProtocolError(f"TestIO's answer about {what} {problem}.", hint=hint, status=status)


def _look(response: httpx.Response) -> str:
    return LOOK_IN_BROWSER.format(origin=f"{response.url.scheme}://{response.url.netloc.decode()}")


def _is_intercepted(response: httpx.Response) -> bool:
    status = response.status_code
    may_be = status in _AS_PAGES_SAY or response.is_redirect
    is_told = status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED
    return is_told or (may_be and is_foreign(response))


def _intercepted(response: httpx.Response) -> ApiUnreachable:
    check = CHECK_BASE_URL if response.is_redirect else CHECK_TOKEN
    return ApiUnreachable(
        f"TestIO could not be reached: an answer that is no JSON came instead of its own "
        f"({response.status_code}). A proxy, a guest network's log-in page or a block page stands "
        f"between this computer and TestIO.",
        # Nobody knows for sure that TestIO's own refusals are never pages.
        hint=f"{_look(response)} If it is TestIO's page: {check}",
        status=response.status_code,
    )


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
    if _is_intercepted(response):
        return _intercepted(response)
    if response.is_server_error:
        kind = ApiTimeout if status in TIME_OUTS else ApiUnavailable
        return kind(f"TestIO answered {status}.", hint=TRY_LATER, status=status)
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


def distrusted(error: httpx.TransportError) -> ssl.SSLCertVerificationError | None:
    """What was wrong with a certificate, if that was it."""
    found = (cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError))
    return next(found, None)


def unreachable(error: httpx.TransportError, trail: Trail) -> ApiUnavailable:
    """What an exception of httpx means, and where on its way it was."""
    if isinstance(error, httpx.TimeoutException):
        return _late(error, trail)
    if isinstance(error, httpx.ProxyError):
        status = re.match(r"\d{3}", str(error))
        return _proxy_refused(int(status[0]) if status else None, trail.proxy)
    if certificate := distrusted(error):
        return _not_trusted(certificate, trail)
    reason = _reason(error, tuple(_causes(error)))
    if trail.proxy and not trail.has_connected:
        return _without_proxy(reason, trail.proxy)
    return ApiUnavailable(
        f"TestIO could not be reached: {reason} ({trail.host}).", hint=CHECK_NETWORK
    )


def _late(error: httpx.TimeoutException, trail: Trail) -> ApiUnavailable:
    if not isinstance(error, httpx.ConnectTimeout):
        return ApiTimeout("TestIO did not answer in time.", hint=TRY_LATER)
    if trail.proxy and not trail.has_connected:
        return _without_proxy("no answer in time", trail.proxy)
    message = f"TestIO did not answer in time: no connection to {trail.host}."
    return ApiTimeout(message, hint=CHECK_NETWORK)


def _without_proxy(reason: str, proxy: str) -> ApiUnavailable:
    message = f"The proxy {proxy} could not be reached: {reason}."
    return ApiUnavailable(message, hint=CHECK_PROXY_ADDRESS)


def _not_trusted(certificate: ssl.SSLCertVerificationError, trail: Trail) -> ApiUnreachable:
    code = getattr(certificate, "verify_code", None)
    reason, hint = next(
        (said for codes, *said in _CERTIFICATES if code in codes), _UNKNOWN_CERTIFICATE
    )
    issuer = f"; it was issued by {trail.issuer!r}" if trail.issuer else ""
    return ApiUnreachable(
        f"TestIO could not be reached: its certificate {reason} ({trail.host}){issuer}.", hint=hint
    )


def _reason(error: httpx.TransportError, causes: tuple[BaseException, ...]) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "name not found"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "connection refused"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "no secure connection"
    return "no connection" if isinstance(error, httpx.ConnectError) else "connection dropped"


def _proxy_refused(status: int | None, proxy: str | None = None) -> ApiUnavailable:
    code = f" ({status})" if status else ""
    at = f" ({proxy})" if proxy else ""
    if status and status >= INTERNAL_SERVER_ERROR:
        message = f"TestIO could not be reached: the proxy could not reach it either{code}{at}."
        # Without the status, which would be taken for one of TestIO's.
        return ApiUnavailable(message, hint=TRY_LATER)
    message, hint = f"TestIO could not be reached: the proxy refused{code}", CHECK_PROXY
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        message, hint = f"{message}: it wants a user name and password", LOG_IN_TO_PROXY
    elif status == HTTPStatus.FORBIDDEN:
        hint = ALLOW_IN_PROXY
    return ApiUnreachable(f"{message}{at}.", hint=hint, status=status)


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
