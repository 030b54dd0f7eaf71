"""Which of the tools a server offers, by the settings."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.types import CallToolRequestParams

from testio_mcp.domain.text import closest, one_line
from testio_mcp.settings import PREFIX, Settings
from testio_mcp.tools import TOOLS
from testio_mcp.tools.diagnostics import get_server_diagnostics

type Tool = Callable[..., Any]

# Whoever switches off too much must still be able to find out.
ALWAYS: tuple[Tool, ...] = (get_server_diagnostics,)
NAMED: Mapping[str, Tool] = {tool.__name__: tool for tool in TOOLS}


@dataclass(frozen=True)
class Selection:
    """`warnings` are sentences about names that change nothing."""

    tools: tuple[Tool, ...]
    warnings: list[str]


def selected(settings: Settings) -> Selection:
    """The enabled tools without the disabled ones; nothing enabled means all."""
    warnings: list[str] = []
    enabled = _named("ENABLED_TOOLS", settings.enabled_tools, warnings)
    disabled = _named("DISABLED_TOOLS", settings.disabled_tools, warnings)
    warnings += [
        f"{PREFIX}DISABLED_TOOLS names {tool.__name__}, which is always offered."
        for tool in ALWAYS
        if tool in disabled
    ]
    wanted = enabled if settings.enabled_tools else set(TOOLS)
    offered = (wanted - disabled) | set(ALWAYS)
    return Selection(tuple(tool for tool in TOOLS if tool in offered), warnings)


def _named(setting: str, names: tuple[str, ...], warnings: list[str]) -> set[Tool]:
    """The tools of these names; a warning for each name that is none."""
    found = set()
    for name in names:
        tool = NAMED.get(name.lower().replace("-", "_"))
        if tool:
            found.add(tool)
            continue
        near = closest(name, NAMED, 1)
        hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(NAMED)}."
        warnings.append(f"{PREFIX}{setting}: there is no tool {one_line(name, 60)!r}.{hint}")
    return found


class RefuseSwitchedOff(Middleware):
    """Says of a tool that it is switched off, which a hint of another tool may name."""

    def __init__(self, missing: Collection[str]) -> None:
        self._missing = missing

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, Any],
    ) -> Any:
        if context.message.name in self._missing:
            raise ToolError(
                f"The tool {context.message.name} is switched off on this server. Answer without "
                f"it, or ask the person to change {PREFIX}ENABLED_TOOLS and {PREFIX}DISABLED_TOOLS."
            )
        return await call_next(context)
