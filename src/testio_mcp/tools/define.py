"""How a tool is declared: its annotations, the service it talks to, how its answer is written."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastmcp.dependencies import Depends
from fastmcp.server.dependencies import get_context
from fastmcp.tools import ToolResult, tool
from mcp.types import ToolAnnotations

from testio_mcp.domain.periods import Period, parse_period
from testio_mcp.views.base import View

# Whose services the tools use: FastMCP's lifespan provides it under this name.
APP = "app"
# What the tools are given; that all of it can be built is checked when the app opens.
SERVICES: set[type] = set()

type Renderer[V: View] = Callable[[V, ZoneInfo], str]
type Answer[**P, V: View] = Callable[P, Awaitable[V]]


def read_tool[**P, V: View](
    render: Renderer[V], *, strangers_text: bool = False
) -> Callable[[Answer[P, V]], Callable[P, Awaitable[ToolResult]]]:
    """Declare a tool that reads; `strangers_text` for answers that hold what testers wrote."""
    return _declared(
        render,
        ToolAnnotations(
            readOnlyHint=True,
            destructiveHint=False,
            idempotentHint=True,
            openWorldHint=strangers_text,
        ),
    )


def sync_tool[**P, V: View](
    render: Renderer[V],
) -> Callable[[Answer[P, V]], Callable[P, Awaitable[ToolResult]]]:
    """Declare a tool that asks TestIO and changes the cache, and nothing at TestIO."""
    return _declared(
        render,
        ToolAnnotations(
            readOnlyHint=False, destructiveHint=False, idempotentHint=True, openWorldHint=True
        ),
    )


def service[S](service_type: type[S]) -> Any:
    """Inject a service whose session closes when the tool call ends."""
    SERVICES.add(service_type)

    @asynccontextmanager
    async def opened() -> AsyncIterator[S]:
        app, context = await current_app(), get_context()

        async def report(done: int, total: int, words: str) -> None:
            await context.report_progress(done, total, words)

        async with app.services.open(service_type, report) as instance:
            yield instance

    return Depends(opened)


async def current_app() -> Any:
    """The app behind the running call; waits until it is open."""
    return await get_context().lifespan_context[APP].get()


async def read_period(text: str) -> Period | None:
    """The period in the zone of the settings; None for all time."""
    if text.strip().lower() in ("", "all"):
        return None
    zone = (await current_app()).settings.zone
    return parse_period(text, now=datetime.now(UTC), zone=zone)


def _declared[**P, V: View](
    render: Renderer[V], annotations: ToolAnnotations
) -> Callable[[Answer[P, V]], Callable[P, Awaitable[ToolResult]]]:
    def declare(answer: Answer[P, V]) -> Callable[P, Awaitable[ToolResult]]:
        @functools.wraps(answer)
        async def answered(*args: P.args, **kwargs: P.kwargs) -> ToolResult:
            view = await answer(*args, **kwargs)
            zone = (await current_app()).settings.zone
            return ToolResult(
                content=render(view, zone), structured_content=view.model_dump(mode="json")
            )

        answered.__annotations__ = {**answer.__annotations__, "return": ToolResult}
        title = answer.__name__.replace("_", " ").capitalize()
        return tool(title=title, annotations=annotations, output_schema=None)(answered)

    return declare
