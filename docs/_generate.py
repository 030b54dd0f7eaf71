"""What the documentation says about the code, read from the code; `cog` puts it into the pages.

Nothing here depends on the terminal, the home folder, the environment or the working directory.
"""

import asyncio
import io
import os
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from testio_mcp.cli import COMMANDS, build_parser
from testio_mcp.cli.exit_codes import MEANINGS
from testio_mcp.cli.problematic import ACTIONS
from testio_mcp.clients.locations import TITLES, ClientName, Computer, locations
from testio_mcp.prompts import PROMPTS
from testio_mcp.resources import create_resources
from testio_mcp.resources import metrics as measured
from testio_mcp.resources import schema as stored
from testio_mcp.resources.tables import table
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import PREFIX, THRESHOLD, Settings

ROOT = Path(__file__).parents[1]
# argparse wraps by the terminal and, from Python 3.14 on, colours.
TERMINAL = {"COLUMNS": "92", "NO_COLOR": "1", "PYTHON_COLORS": "0"}


def tool_list() -> str:
    """A row a tool: its name and what it is for."""
    return table(
        ("Tool", "What it does"),
        ((f"`{tool.name}`", re.split(r"(?<=\.)\s", tool.description)[0]) for tool in _tools()),
    )


def tools() -> str:
    return "\n".join(_tool(tool) for tool in _tools())


def _tools() -> list[Any]:
    server = create_server(Opening(nullcontext))
    # In a thread of its own, because this one may have an event loop already.
    with ThreadPoolExecutor(1) as threads:
        return list(threads.submit(lambda: asyncio.run(server.list_tools())).result())


def _tool(tool: Any) -> str:
    hints = tool.annotations
    lines = [
        f"### {tool.title}\n",
        f"`{tool.name}`: {' '.join(tool.description.split())}\n",
        "Reads only." if hints.read_only_hint else "Changes the local copy, and nothing at TestIO.",
    ]
    parameters = tool.parameters.get("properties", {})
    if not parameters:
        return "\n".join([*lines, "It has no parameters.\n"])
    required = tool.parameters.get("required", ())
    rows = (
        (
            f"`{name}`",
            _type(schema),
            "required" if name in required else _default(name, schema),
            _meaning(schema),
        )
        for name, schema in parameters.items()
    )
    return "\n".join([*lines, "", table(("Parameter", "Type", "Default", "Meaning"), rows)])


def _default(name: str, schema: dict[str, Any]) -> str:
    """In words where it is the number that stands for no id."""
    default = schema.get("default")
    if name.endswith("_id") and default == 0:
        return "all" if "all" in schema["description"] else "none"
    return _code(default)


def _type(schema: dict[str, Any]) -> str:
    if schema["type"] == "array":
        return f"list of {schema['items']['type']}s"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return str(schema["type"])
    above = f"from {low:,.0f}" if high is None else f"{low:,.0f} to {high:,.0f}"
    return f"{schema['type']}, {above}"


def _meaning(schema: dict[str, Any]) -> str:
    words = schema.get("enum") or schema.get("items", {}).get("enum")
    allowed = f" One of {', '.join(_code(word) for word in words)}." if words else ""
    return schema.get("description", "") + allowed


def settings(*names: str) -> str:
    """A row a setting: these, or all."""
    fields = Settings.model_fields
    rows = (
        (
            f"`{PREFIX}{name.upper()}`",
            _code(_plain(fields[name].get_default())) or "none",
            fields[name].description,
            _code((fields[name].examples or [""])[0]),
        )
        for name in names or fields
    )
    return table(("Variable", "Default", "Meaning", "Example"), rows)


def thresholds() -> str:
    return settings(*(name for name in Settings.model_fields if name.startswith(THRESHOLD)))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:g}"
    return value.as_posix() if isinstance(value, Path) else value


def command_list() -> str:
    rows = ((f"`testio-mcp {name}`", purpose) for name, purpose in COMMANDS.items())
    return table(("Command", "What it does"), rows)


def commands() -> str:
    """The help of the program, of each command and of its actions."""
    actions = [("problematic", action) for action in ACTIONS]
    return "\n".join(
        f"## {' '.join(('testio-mcp', *words))}\n\n```text\n{_help(words)}```\n"
        for words in ((), *sorted([*((name,) for name in COMMANDS), *actions], key=_order))
    )


def _order(words: tuple[str, ...]) -> int:
    """As the program lists its commands, actions behind their command."""
    return list(COMMANDS).index(words[0])


def _help(words: tuple[str, ...]) -> str:
    printed = io.StringIO()
    with patch.dict(os.environ, TERMINAL), redirect_stdout(printed), suppress(SystemExit):
        build_parser().parse_args([*words, "--help"])
    return printed.getvalue()


def exit_codes() -> str:
    rows = ((f"{code:d}", f"{meaning}") for code, meaning in MEANINGS.items())
    return table(("Code", "Meaning"), rows)


def schema() -> str:
    return stored.schema()


def metrics() -> str:
    return measured.metrics()


def dimensions() -> str:
    return measured.dimensions()


def prompts() -> str:
    """A row a prompt: what it is for and what it asks."""
    rows = (
        (f"`{text.name}`", text.description, ", ".join(f"`{name}`" for name in text.arguments))
        for text in PROMPTS
    )
    return table(("Prompt", "What it does", "Arguments"), rows)


def resources() -> str:
    rows = ((f"`{resource.uri}`", resource.description) for resource in create_resources(_never))
    return table(("Resource", "What it holds"), rows)


def client_files() -> str:
    """A row a client: where it keeps its configuration on each system."""
    systems = {
        "macOS": Computer("darwin", Path("~"), {}),
        "Windows": Computer("win32", Path("%USERPROFILE%"), {"APPDATA": "%APPDATA%"}),
        "Linux": Computer("linux", Path("~"), {}),
    }
    rows = (
        (TITLES[client], *(_code(_file(system, client)) for system in systems.values()))
        for client in ClientName
    )
    return table(("Client", *systems), rows)


def _file(computer: Computer, client: ClientName) -> str:
    (file,) = (place.file for place in locations(computer) if place.client == client)
    return str(file).replace("/", "\\") if computer.platform == "win32" else str(file)


def decisions() -> str:
    """A line a decision, as its page is called."""
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    titles = (page.read_text("utf-8").partition("\n")[0].removeprefix("# ") for page in pages)
    return "".join(
        f"- [{title}](decisions/{page.name})\n" for title, page in zip(titles, pages, strict=True)
    )


async def _never() -> None:
    """Stands for the app, which nothing here asks for."""


def limits() -> str:
    """The numbers that the code is held to."""
    lint = _project()["ruff"]
    return (
        f"- A file has at most {_number('MAX_FILE_LINES')} lines, "
        f"a function at most {_number('MAX_FUNCTION_LINES')}, "
        f"a line at most {lint['line-length']} characters.\n"
        f"- A function's complexity is at most {lint['lint']['mccabe']['max-complexity']}.\n"
    )


def rules() -> str:
    """The tests of style, as sentences."""
    names = re.findall(r"^def test_(\w+)", _style(), re.MULTILINE)
    return "".join(f"- {name.replace('_', ' ').capitalize()}.\n" for name in names)


def contracts() -> str:
    """The contracts between the layers."""
    return "".join(
        f"- {contract['name']}.\n" for contract in _project()["importlinter"]["contracts"]
    )


def _number(name: str) -> str:
    found = re.search(rf"^{name} = (\d+)$", _style(), re.MULTILINE)
    assert found, name
    return found[1]


def _style() -> str:
    return (ROOT / "tests/architecture/test_style.py").read_text("utf-8")


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]


def _code(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return ""
    return f"`{value}`"
