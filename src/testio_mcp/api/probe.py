"""What can be seen of TestIO without a token."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic

import httpx

from testio_mcp.api.certificates import UNPROXIED, issuer_at, trusted


@dataclass(frozen=True)
class Seen:
    milliseconds: int
    # How far this computer's clock is ahead of TestIO's; None where TestIO does not say.
    ahead: timedelta | None
    # Of the certificate; None without one.
    issuer: str | None


async def look(base_url: str, *, within: float) -> Seen | None:
    """None where there is no answer within so many seconds: asking with the token says why."""
    url = httpx.URL(base_url)
    try:
        async with httpx.AsyncClient(
            verify=trusted(url.scheme), mounts=UNPROXIED, timeout=within
        ) as http:
            began = monotonic()
            response = await http.head(url)
            seconds = monotonic() - began
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError):
        return None
    issuer = await issuer_at(url) if url.scheme == "https" else None
    return Seen(round(seconds * 1000), _ahead(response, datetime.now(UTC)), issuer)


def _ahead(response: httpx.Response, now: datetime) -> timedelta | None:
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return now - (told if told.tzinfo else told.replace(tzinfo=UTC))
