"""What can be seen of a server without a token: TestIO, or one of ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic

import httpx

from testio_mcp.api.certificates import UNPROXIED, issuer_at, trusted
from testio_mcp.api.trail import Trail
from testio_mcp.errors import ApiError

HEALTH_PATH = "/health"


@dataclass(frozen=True)
class Seen:
    """Without an answer the rest is null: asking with the token says why there is none."""

    # Name and port of what stands in between; None where nothing does.
    proxy: str | None
    milliseconds: int | None = None
    # How far this computer's clock is ahead of TestIO's; None where TestIO does not say.
    ahead: timedelta | None = None
    # Of the certificate; None without one, or where it cannot be seen.
    issuer: str | None = None


async def look(base_url: str, *, within: float) -> Seen:
    """What answers there within so many seconds."""
    url = httpx.URL(base_url)
    trail = Trail(url)
    try:
        async with httpx.AsyncClient(
            verify=trusted(url.scheme), mounts=UNPROXIED, timeout=within
        ) as http:
            began = monotonic()
            response = await http.head(url, extensions={"trace": trail.note})
            seconds = monotonic() - began
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError, ApiError):
        return Seen(trail.proxy)
    issuer = await issuer_at(url) if url.scheme == "https" else None
    ahead = _ahead(response, datetime.now(UTC))
    return Seen(trail.proxy, round(seconds * 1000), ahead, issuer)


async def answers_health(address: str, *, within: float) -> bool:
    """Whether a server of ours answers at that address within so many seconds."""
    try:
        url = httpx.URL(address).copy_with(path=HEALTH_PATH)
        async with httpx.AsyncClient(
            verify=trusted(url.scheme), mounts=UNPROXIED, timeout=within
        ) as http:
            return (await http.get(url)).is_success
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError, ApiError):
        return False


def _ahead(response: httpx.Response, now: datetime) -> timedelta | None:
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return now - (told if told.tzinfo else told.replace(tzinfo=UTC))
