"""The sandbox: a world, an ASGI application that serves it, and faults on request."""

from collections import deque
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from testio_mcp.sandbox.control import Control
from testio_mcp.sandbox.faults import Faults
from testio_mcp.sandbox.gate import PREFIX, Gate
from testio_mcp.sandbox.ledger import Asked, Ledger
from testio_mcp.sandbox.routes import api_routes, explain
from testio_mcp.sandbox.scale import Scale
from testio_mcp.sandbox.world import World


class Sandbox:
    """The same data for the same scale, seed and anchor; `latency` is in seconds a request.

    Without an anchor it is the present hour. Raises ValueError for an anchor without a zone.
    """

    def __init__(
        self,
        scale: Scale = Scale.SMALL,
        seed: int = 1,
        anchor: datetime | None = None,
        token: str = "sandbox",
        latency: float = 0.0,
    ) -> None:
        anchor = anchor or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        if anchor.tzinfo is None:
            raise ValueError("anchor needs a time zone")
        self.host_name = f"sandbox:{scale}:{seed}"
        self.token = token
        self.world = World(scale, seed, anchor)
        self.faults = Faults()
        self._ledger = Ledger()
        control = Control(self.host_name, self.world, self.faults, self._ledger)
        gate = Gate(api_routes(self.world), token, latency, self.faults, self._ledger)
        self.app = Starlette(
            routes=[Mount(PREFIX, gate), Mount("/_control", routes=control.routes())],
            exception_handlers={HTTPException: explain},
        )

    @property
    def requests(self) -> deque[Asked]:
        """The latest requests for the API, oldest first."""
        return self._ledger.requests

    @property
    def request_count(self) -> int:
        return self._ledger.request_count

    @property
    def max_in_flight(self) -> int:
        """How many requests were being answered at the same time, at most."""
        return self._ledger.max_in_flight

    def reset_counts(self) -> None:
        self._ledger.reset()
