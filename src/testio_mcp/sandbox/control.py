"""Endpoints under /_control/ that steer the sandbox from another process; JSON in and out.

- `GET  /_control/`           scale, seed, anchor, requests so far, active faults
- `POST /_control/faults`     add a fault, as `{"path": "bugs", "kind": "status", "status": 503}`
- `DELETE /_control/faults`   clear all faults
- `GET  /_control/requests`   what was asked: method, path, query
- `DELETE /_control/requests` forget it, and begin to count anew
- `POST /_control/world/NAME` call a change of the world with its parameters by name, as
  `/_control/world/move_bug` with `{"bug_id": 1000000, "status": "rejected"}`; answers
  `{"result": …}`. NAME is one of `CHANGES`.

They need no token: the sandbox listens on the loopback interface and holds invented data.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from json import JSONDecodeError

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.faults import Fault, Faults
from testio_mcp.sandbox.ledger import Ledger
from testio_mcp.sandbox.rounds import Round
from testio_mcp.sandbox.world import World

CHANGES: tuple[str, ...] = (
    "add_test",
    "add_bug",
    "move_test",
    "move_bug",
    "delete_product",
    "restore_product",
    "delete_test",
    "restore_test",
    "delete_bug",
    "delete_feature",
    "restore_feature",
    "move_on",
    "set_field",
    "drop_field",
    "poison_test",
    "heal_test",
)


class Control:
    def __init__(self, name: str, world: World, faults: Faults, ledger: Ledger) -> None:
        self._name = name
        self._world = world
        self._faults = faults
        self._ledger = ledger
        self._changes: dict[str, Callable[..., object]] = {
            change: getattr(world, change) for change in CHANGES
        }

    def routes(self) -> list[Route]:
        return [
            Route("/", self.state),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
            Route("/requests", self.requests),
            Route("/requests", self.forget_requests, methods=["DELETE"]),
            Route("/world/{change}", self.change, methods=["POST"]),
        ]

    async def state(self, request: Request) -> Response:
        return JSONResponse(
            {
                "name": self._name,
                "anchor": self._world.anchor.isoformat(),
                "request_count": self._ledger.request_count,
                "max_in_flight": self._ledger.max_in_flight,
                "faults": [asdict(fault) for fault in self._faults.active()],
            }
        )

    async def add_fault(self, request: Request) -> Response:
        try:
            self._faults.add(Fault(**await _arguments(request)))
        except (TypeError, ValueError) as problem:
            raise HTTPException(400, str(problem)) from problem
        return JSONResponse({}, 201)

    async def clear_faults(self, request: Request) -> Response:
        self._faults.clear()
        return JSONResponse({})

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"requests": [asked._asdict() for asked in self._ledger.requests]})

    async def forget_requests(self, request: Request) -> Response:
        self._ledger.reset()
        return JSONResponse({})

    async def change(self, request: Request) -> Response:
        change = self._changes.get(request.path_params["change"])
        if change is None:
            raise HTTPException(404, f"One of {', '.join(CHANGES)}")
        arguments = await _arguments(request)
        try:
            # The only parameter that JSON has no word for.
            if "at" in arguments:
                arguments["at"] = datetime.fromisoformat(arguments["at"])
            result = change(**arguments)
        except LookupError as problem:
            raise HTTPException(404, str(problem)) from problem
        except (TypeError, ValueError) as problem:
            raise HTTPException(400, str(problem)) from problem
        return JSONResponse({"result": asdict(result) if isinstance(result, Round) else result})


async def _arguments(request: Request) -> Json:
    """An empty body means no arguments."""
    if not await request.body():
        return {}
    try:
        arguments = await request.json()
    except JSONDecodeError as problem:
        raise HTTPException(400, "The body is no JSON") from problem
    if not isinstance(arguments, dict):
        raise HTTPException(400, "The body is no JSON object")
    return arguments
