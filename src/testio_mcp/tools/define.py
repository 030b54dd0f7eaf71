"""How a tool is declared: its annotations, the service it talks to, how its answer is written."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from inspect import signature
from typing import Any
from zoneinfo import ZoneInfo

from fastmcp.dependencies import Depends
from fastmcp.server.dependencies import get_context
from fastmcp.tools import ToolResult, tool
from mcp.types import ContentBlock, TextContent, ToolAnnotations

from testio_mcp.domain.periods import Period, parse_period
from testio_mcp.errors import InvalidRequest
from testio_mcp.rendering.limits import MOST_TOKENS, USUAL_TOKENS, told
from testio_mcp.services.products import ProductService
from testio_mcp.tools.inputs import ProductName
from testio_mcp.views.base import View

# Whose services the tools use: FastMCP's lifespan provides it under this name.
APP = "app"
# What the tools are given; that all of it can be built is checked when the app opens.
SERVICES: set[type] = set()

# Parameters in which products stand.
PRODUCTS = ("product_id", "product_ids")
# Parameters that say how long an answer may be.
SIZES = ("page_size", "limit")

type Renderer[V: View] = Callable[[V, ZoneInfo], str]
type Answer[**P, V: View] = Callable[P, Awaitable[V]]
type Report = Callable[[int, int, str], Awaitable[None]]
type Pictures[V: View] = Callable[[V], Awaitable[list[ContentBlock]]]


def read_tool[**P, V: View](
    render: Renderer[V], *, strangers_text: bool = False, pictures: Pictures[V] | None = None
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
        pictures,
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


def report_tool[**P, V: View](
    render: Renderer[V],
) -> Callable[[Answer[P, V]], Callable[P, Awaitable[ToolResult]]]:
    """Declare a tool that reads, tells what testers wrote, and may write a file or replace one."""
    return _declared(
        render,
        ToolAnnotations(
            readOnlyHint=False, destructiveHint=True, idempotentHint=False, openWorldHint=True
        ),
    )


def service[S](service_type: type[S]) -> Any:
    """Inject a service whose session closes when the tool call ends."""
    SERVICES.add(service_type)

    @asynccontextmanager
    async def opened() -> AsyncIterator[S]:
        app = await current_app()
        async with app.services.open(service_type, progress_report()) as instance:
            yield instance

    return Depends(opened)


def progress_report() -> Report:
    """Tells the client of the running call how far it is, whichever task is at work."""
    context = get_context()

    async def report(done: int, total: int, words: str) -> None:
        await context.report_progress(done, total, words)

    return report


async def current_app() -> Any:
    """The app behind the running call; waits until it is open."""
    return await get_context().lifespan_context[APP].get()


async def read_period(text: str) -> Period | None:
    """The period in the zone of the settings; None for all time."""
    if not text.strip():
        return None
    zone = (await current_app()).settings.zone
    period = parse_period(text, now=datetime.now(UTC), zone=zone)
    return period if period.start or period.end else None


async def read_since(text: str) -> datetime | None:
    """When a period begins; None where none is named."""
    if not text.strip():
        return None
    period = await read_period(text)
    if period is None or period.start is None:
        raise InvalidRequest(
            "changed_since must begin somewhere.", hint='For example "since monday" or "yesterday".'
        )
    return period.start


async def _find_products(arguments: dict[str, Any]) -> None:
    """Put ids in place of the names of products, whichever parameters they stand in."""
    given = {name: value for name, value in arguments.items() if name in PRODUCTS}
    names = {
        word
        for value in given.values()
        for word in (value if isinstance(value, tuple) else (value,))
        if isinstance(word, ProductName)
    }
    if not names:
        return
    async with (await current_app()).services.open(ProductService) as products:
        ids = await products.resolve(names)
    for name, value in given.items():
        if isinstance(value, tuple):
            arguments[name] = tuple(dict.fromkeys(ids.get(word, word) for word in value))
        else:
            arguments[name] = ids.get(value, value)


def _declared[**P, V: View](
    render: Renderer[V], annotations: ToolAnnotations, pictures: Pictures[V] | None = None
) -> Callable[[Answer[P, V]], Callable[P, Awaitable[ToolResult]]]:
    def declare(answer: Answer[P, V]) -> Callable[P, Awaitable[ToolResult]]:
        usual = {name: given.default for name, given in signature(answer).parameters.items()}
        size = next((name for name in SIZES if name in usual), "")

        @functools.wraps(answer)
        async def answered(*args: P.args, **kwargs: P.kwargs) -> ToolResult:
            await _find_products(kwargs)
            view = await answer(*args, **kwargs)
            zone = (await current_app()).settings.zone
            asks_for_more = kwargs.get(size, 0) > usual.get(size, 0)
            tokens = MOST_TOKENS if asks_for_more else USUAL_TOKENS
            found = told(view, lambda view: render(view, zone), tokens, size)
            text = TextContent(type="text", text=found.text)
            beside = await pictures(view) if pictures else []
            return ToolResult(content=[text, *beside], structured_content=found.data)

        answered.__annotations__ = {**answer.__annotations__, "return": ToolResult}
        title = answer.__name__.replace("_", " ").capitalize()
        return tool(title=title, annotations=annotations, output_schema=None)(answered)

    return declare
