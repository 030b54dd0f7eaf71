"""Where a request went before it failed, which the error of httpx does not say."""

from collections.abc import Mapping
from typing import Any

import httpx

_PORTS = {"https": 443, "http": 80}


class Trail:
    """Follows one request to `url`; `issuer` is of a certificate that was not trusted."""

    def __init__(self, url: httpx.URL) -> None:
        self.host = url.host
        self.issuer: str | None = None
        self.has_connected = False
        self._wanted = (url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme))
        self._asked = self._wanted

    @property
    def proxy(self) -> str | None:
        """Name and port of what stands in between; None where nothing does."""
        host, port = self._asked
        return None if self._asked == self._wanted else f"{host}:{port}"

    async def note(self, event: str, details: Mapping[str, Any]) -> None:
        """What httpx calls with every step, as its `trace` extension."""
        if event == "connection.connect_tcp.started":
            self._asked = (details["host"], details["port"])
        elif event == "connection.connect_tcp.complete":
            self.has_connected = True
