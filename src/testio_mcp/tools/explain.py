"""Turns errors of a call into text that tells a model what to do next."""

from typing import Any

from fastmcp.exceptions import NotFoundError, ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.types import CallToolRequestParams
from pydantic import ValidationError as PydanticError

from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import expected


class ExplainErrors(Middleware):
    """Expected errors reach the model in full; anything else stays masked."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, Any],
    ) -> Any:
        try:
            return await call_next(context)
        except ValidationError as error:
            parameters = await _parameters(context)
            raise ToolError(_invalid(error.__cause__, parameters)) from error
        except NotFoundError:
            raise ToolError(await _unknown_tool(context)) from None
        except ToolError as error:
            found = expected(error)
            if found:
                raise ToolError(str(found)) from found
            raise ToolError(
                "The server failed on this call; the details are in its log. "
                "Call get_server_diagnostics to see whether anything is wrong with it."
            ) from error


async def _parameters(context: MiddlewareContext[CallToolRequestParams]) -> list[str]:
    assert context.fastmcp_context is not None
    tool = await context.fastmcp_context.fastmcp.get_tool(context.message.name)
    return list(tool.parameters.get("properties", {})) if tool else []


async def _unknown_tool(context: MiddlewareContext[CallToolRequestParams]) -> str:
    assert context.fastmcp_context is not None
    names = [tool.name for tool in await context.fastmcp_context.fastmcp.list_tools()]
    asked = context.message.name
    near = closest(asked, names) or names
    return f"There is no tool {one_line(asked, 60)!r}. Closest: {', '.join(near)}."


def _invalid(cause: BaseException | None, parameters: list[str]) -> str:
    if not isinstance(cause, PydanticError):
        return "The arguments do not fit the tool's schema."
    problems = cause.errors(include_url=False)
    return " ".join(_sentence(problem, parameters) for problem in problems[:5])


def _sentence(problem: Any, parameters: list[str]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else "arguments"
    match problem["type"]:
        case "unexpected_keyword_argument" | "unexpected_positional_argument":
            near = closest(name, parameters) or parameters
            return f"There is no argument {one_line(name, 60)!r}. Closest: {', '.join(near)}."
        case "missing_argument" | "missing_keyword_only_argument":
            return f"The argument {name!r} is missing."
        case "enum":
            return _not_allowed(name, problem["input"], problem["ctx"]["expected"])
    message = problem["msg"].removeprefix("Value error, ")
    given = one_line(str(problem["input"]), 60)
    return f"{name}={given!r} is not valid: {message[:1].lower()}{message[1:]}."


def _not_allowed(name: str, given: Any, expected: str) -> str:
    # pydantic writes the words as 'a', 'b' or 'c'.
    words = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
    words = [word for word in words if word]
    near = closest(str(given), words, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    allowed = ", ".join(words)
    return f"{name} cannot be {one_line(str(given), 60)!r}.{hint} Allowed: {allowed}."
