"""The tables of the local copy and their columns, read from their declarations."""

import inspect
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from testio_mcp.resources.tables import table
from testio_mcp.tables import TABLES

INTRODUCTION = """\
# The schema of the local copy

Tables and columns of the SQLite file that answers come from. It is for reading along: the tools ask
it for you, and no tool takes SQL. All times are in UTC.
"""


def schema_page() -> str:
    return f"{INTRODUCTION}\n{schema()}"


def schema() -> str:
    return "\n".join(_described(model) for model in TABLES)


def _described(model: type[SQLModel]) -> str:
    columns_of: Table = model.metadata.tables[str(model.__tablename__)]
    notes = _notes(model)
    columns = (
        (f"`{column.name}`", _stored(column), _keys(column), notes.get(column.name, ""))
        # Inherited columns come first in a table, whatever they are about.
        for column in sorted(columns_of.columns, key=lambda column: not column.primary_key)
    )
    unique = [c for c in columns_of.constraints if isinstance(c, UniqueConstraint)]
    rest = [
        *sorted(f"- Index on {_names(index.columns)}" for index in columns_of.indexes),
        *sorted(f"- Unique: {_names(constraint.columns)}" for constraint in unique),
    ]
    lines = [
        f"## {columns_of.name}\n",
        f"{inspect.cleandoc(model.__doc__ or '')}\n",
        table(("Column", "Type", "Key", "Note"), columns),
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
