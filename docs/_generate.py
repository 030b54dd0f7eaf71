"""What the documentation says about the code, read from the code; `cog` puts it into the pages.

Nothing here depends on the terminal, the home folder, the environment or the working directory.
"""

import asyncio
import inspect
import io
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.cli import COMMANDS, build_parser
from testio_mcp.cli.exit_codes import MEANINGS
from testio_mcp.cli.problematic import ACTIONS
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import PREFIX, Settings
from testio_mcp.tables import TABLES

ROOT = Path(__file__).parents[1]
# argparse wraps by the terminal and, from Python 3.14 on, colours.
TERMINAL = {"COLUMNS": "92", "NO_COLOR": "1", "PYTHON_COLORS": "0"}


def tool_list() -> str:
    """A row a tool: its name and what it is for."""
    return _table(
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
        f"## {tool.title}\n",
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
            "required" if name in required else _code(schema.get("default")),
            _meaning(schema),
        )
        for name, schema in parameters.items()
    )
    return "\n".join([*lines, "", _table(("Parameter", "Type", "Default", "Meaning"), rows)])


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
    return _table(("Variable", "Default", "Meaning", "Example"), rows)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:g}"
    return value.as_posix() if isinstance(value, Path) else value


def command_list() -> str:
    rows = ((f"`testio-mcp {name}`", purpose) for name, purpose in COMMANDS.items())
    return _table(("Command", "What it does"), rows)


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
    return _table(("Code", "Meaning"), rows)


def schema() -> str:
    return "\n".join(_described(model) for model in TABLES)


def _described(model: type[SQLModel]) -> str:
    table: Table = model.metadata.tables[str(model.__tablename__)]
    notes = _notes(model)
    columns = (
        (f"`{column.name}`", _stored(column), _keys(column), notes.get(column.name, ""))
        # Inherited columns come first in a table, whatever they are about.
        for column in sorted(table.columns, key=lambda column: not column.primary_key)
    )
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    rest = [
        *sorted(f"- Index on {_names(index.columns)}" for index in table.indexes),
        *sorted(f"- Unique: {_names(constraint.columns)}" for constraint in unique),
    ]
    lines = [
        f"## {table.name}\n",
        f"{inspect.cleandoc(model.__doc__ or '')}\n",
        _table(("Column", "Type", "Key", "Note"), columns),
        *rest,
    ]
    return "\n".join([*lines, ""] if rest else lines)


def _names(columns: Iterable[Column[Any]]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _stored(column: Column[Any]) -> str:
    stored = column.type.compile(dialect=sqlite.dialect())
    return f"{stored} or null" if column.nullable else str(stored)


def _keys(column: Column[Any]) -> str:
    keys = ["primary"] if column.primary_key else []
    for key in column.foreign_keys:
        deleted = f", on delete {key.ondelete.lower()}" if key.ondelete else ""
        keys.append(f"to `{key.target_fullname}`{deleted}")
    return "; ".join(keys)


def _notes(model: type[SQLModel]) -> dict[str, str]:
    """The comments directly above the fields."""
    notes: dict[str, str] = {}
    pending: list[str] = []
    for line in inspect.getsource(model).splitlines():
        if (text := line.strip()).startswith("#"):
            pending.append(text.removeprefix("#").strip())
            continue
        if pending and (field := re.match(r"(\w+):", text)):
            notes[field[1]] = " ".join(pending)
        pending = []
    return notes


def metrics() -> str:
    rows = ((f"`{name}`", metric.definition) for name, metric in METRICS.items())
    return _table(("Metric", "Definition"), rows)


def dimensions() -> str:
    rows = ((f"`{name}`", dimension.description) for name, dimension in DIMENSIONS.items())
    return _table(("Dimension", "What it is"), rows)


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


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    def lines() -> Iterator[str]:
        columns = list(head)
        yield f"| {' | '.join(columns)} |"
        yield f"| {' | '.join('---' for _ in columns)} |"
        for row in rows:
            # A bar inside a cell would end it.
            yield f"| {' | '.join(str(cell).replace('|', '\\|') for cell in row)} |"

    return "".join(f"{line}\n" for line in lines())
