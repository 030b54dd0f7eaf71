"""Fills the text of a prompt with what its arguments resolve to."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from testio_mcp.domain.health import Thresholds
from testio_mcp.domain.periods import Period, parse_period
from testio_mcp.domain.text import one_line
from testio_mcp.errors import InvalidRequest, TestIOMcpError
from testio_mcp.prompts.products import Asked, asked_products
from testio_mcp.rendering.answers import period_line
from testio_mcp.rendering.health import thresholds_table
from testio_mcp.rendering.markdown import date, inline
from testio_mcp.services.pages import resolved
from testio_mcp.services.products import ProductService

if TYPE_CHECKING:
    from testio_mcp.app import App

# The app, loosely typed: its module imports SQLAlchemy, for which the first reply does not wait.
type GetApp = Callable[[], Awaitable[Any]]

LONGEST = 300  # characters of an argument
FOLDER = Path(__file__).parent


async def filled(name: str, asked: Mapping[str, str], app: App, missing: Collection[str]) -> str:
    """The text of a prompt for these arguments; `missing` are tools that are not offered."""
    # Read only when somebody asks for it, as the server starts for many who never do.
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    values = {argument: _plain(value) for argument, value in asked.items()}
    now, zone = datetime.now(UTC), app.settings.zone
    return Template(text).substitute(
        {argument: inline(value) for argument, value in values.items()}
        | await _products(values["products"], app)
        | _period(values.get("period", ""), app, now)
        | {
            "today": date(now, zone),
            "zone": zone.key,
            "thresholds": thresholds_table(Thresholds(app.settings.limits)),
            "not_offered": _not_offered(text, missing),
        }
    )


async def product_names(app: App) -> dict[int, str]:
    """By id, from the copy alone; raises what keeps it closed."""
    async with app.services.open(ProductService) as products:
        return await products.names()


async def _products(text: str, app: App) -> dict[str, str]:
    try:
        async with app.services.open(ProductService) as products:
            asked = await asked_products(text, products)
    except TestIOMcpError as error:
        doubt = (
            f"The local copy cannot be read: {inline(str(error))} Call `get_server_diagnostics()`."
        )
        asked = Asked({}, (), (doubt,))
    lines = [f"- Products: {asked.as_text}"]
    if asked.doubts:
        lines += [
            "- **Settle this with the person first, then go on with the right ids:**",
            *(f"  - {doubt}" for doubt in asked.doubts),
        ]
    return {"products": "\n".join(lines), "product_ids": asked.as_argument}


def _period(text: str, app: App, now: datetime) -> dict[str, str]:
    zone = app.settings.zone
    if not text:
        return {}
    try:
        period = parse_period(text, now=now, zone=zone)
    except InvalidRequest as error:
        doubt = f"- **Settle this with the person first:** {inline(str(error))}"
        return {"period": '"a period"', "bounds": doubt}
    return {"period": json.dumps(period.text), "bounds": f"- {_bounds(period, app)}"}


def _bounds(period: Period, app: App) -> str:
    zone = app.settings.zone
    return period_line(resolved(period, "end_at", zone.key), zone) or ""


def missing_in(text: str, missing: Collection[str]) -> str:
    """Those of the missing tools that the text names, so that nobody looks for them."""
    return ", ".join(sorted(name for name in missing if re.search(rf"\b{name}\b", text)))


def _not_offered(text: str, missing: Collection[str]) -> str:
    named = missing_in(text, missing)
    if not named:
        return ""
    return (
        f"\nSwitched off on this server: {named}. Leave out what needs them, and say in "
        "the answer what it therefore does not cover.\n"
    )


def _plain(value: str) -> str:
    return one_line(value, LONGEST)
