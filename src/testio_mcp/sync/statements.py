"""What a sync asks of SQLite again and again: SQLAlchemy writes the SQL once, values go as tuples.

Its own way looks at every statement and every value of every row again: most of a first sync.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import batched, chain
from typing import Any, cast

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    ColumnElement,
    Executable,
    SQLColumnExpression,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

from testio_mcp.database.engine import ReadSession, WriteSession, give_way
from testio_mcp.sync.mapping import Row

DIALECT = sqlite.dialect(paramstyle="qmark")

# The index of words is stored once a statement: one for several rows takes a fraction of the time
# of one for each, and with more of them people would wait for longer.
ROWS_A_STATEMENT = 25


@dataclass(frozen=True)
class _Batch:
    sql: str
    # Name and conversion of each parameter, in the order of the SQL.
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    def values(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            row[name] if convert is None or row[name] is None else convert(row[name])
            for name, convert in self.parameters
        )


class Prepared:
    """A statement with named parameters; values come back as SQLite has them."""

    def __init__(self, statement: Executable) -> None:
        compiled = cast(Any, statement).compile(dialect=DIALECT)
        self._sql = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._defaults: Mapping[str, Any] = compiled.params

    async def __call__(self, session: ReadSession, **values: Any) -> list[tuple[Any, ...]]:
        """Its rows, if it has any; an instant or a collection is given as it is."""
        given = {**self._defaults, **{name: _plain(value) for name, value in values.items()}}
        await give_way(session)
        connection = await session.connection()
        result = await connection.exec_driver_sql(
            self._sql, tuple(given[name] for name in self._names)
        )
        return [tuple(row) for row in result] if result.returns_rows else []


def within(column: SQLColumnExpression[Any], name: str) -> ColumnElement[bool]:
    """That a column is one of a collection, which is the parameter of this name."""
    values = func.json_each(bindparam(name, type_=Text)).table_valued("value")
    return column.in_(select(values.c.value))


async def upsert(session: WriteSession, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows, or update those with the same key; all rows have the same columns.

    A row of another customer is never touched, an unchanged one never rewritten.
    """
    if rows:
        await _execute(session, _batch(model, tuple(rows[0]), _or_update), rows)


async def insert_missing(session: WriteSession, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not taken, and leave the others alone."""
    if rows:
        await _execute(session, _batch(model, tuple(rows[0]), _or_nothing), rows)


def among(column: SQLColumnExpression[Any], ids: Collection[int]) -> ColumnElement[bool]:
    """That a column is one of the ids: one parameter, however many there are."""
    values = func.json_each(to_json(list(ids)).decode()).table_valued("value")
    return column.in_(select(values.c.value))


def table_of(model: type[SQLModel]) -> Table:
    table: Table = model.metadata.tables[str(model.__tablename__)]
    return table


async def _execute(session: WriteSession, batch: _Batch, rows: Iterable[Row]) -> None:
    connection = await session.connection()
    for some in batched(map(batch.values, rows), ROWS_A_STATEMENT):
        await give_way(session)
        await connection.exec_driver_sql(
            _repeated(batch.sql, len(some)), tuple(chain.from_iterable(some))
        )


@lru_cache(maxsize=1_000)
def _repeated(sql: str, times: int) -> str:
    """The statement for so many rows."""
    insert, values, conflict = re.split(r" (?=VALUES )| (?=ON CONFLICT)", sql)
    return f"{insert} VALUES {', '.join([values.removeprefix('VALUES ')] * times)} {conflict}"


@cache
def _batch(
    model: type[SQLModel],
    columns: tuple[str, ...],
    conflict: Callable[[Insert, Table, tuple[str, ...]], Insert],
) -> _Batch:
    table = table_of(model)
    statement = conflict(insert(table), table, columns)
    compiled = statement.compile(dialect=DIALECT, column_keys=columns)
    names = tuple(compiled.positiontup or ())
    return _Batch(str(compiled), tuple((name, _conversion(table, name)) for name in names))


def _or_nothing(statement: Insert, _table: Table, _columns: tuple[str, ...]) -> Insert:
    return statement.on_conflict_do_nothing()


def _or_update(statement: Insert, table: Table, columns: tuple[str, ...]) -> Insert:
    old, new = table.c, statement.excluded
    keys = [column.name for column in table.primary_key]
    kept = {*keys, "customer_id", "first_seen_at", "status_changed_at"}
    values: dict[str, Any] = {name: new[name] for name in columns if name not in kept}
    differs = _any(old[name].is_distinct_from(new[name]) for name in values)
    if "previous_status" in old:
        moved = old.status != new.status
        values["previous_status"] = case((moved, old.status), else_=old.previous_status)
        values["status_changed_at"] = case(
            (moved, new.status_changed_at), else_=old.status_changed_at
        )
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_=values,
        where=(old.customer_id == new.customer_id) & differs,
    )


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *rest = conditions
    for condition in rest:
        first = first | condition
    return first


def _conversion(table: Table, name: str) -> Callable[[Any], Any] | None:
    """How a value is stored where sqlite3 would not store it as the tables read it."""
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return _as_json
    return _as_text if isinstance(kind, UTCDateTime) else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _as_text(value)
    return (
        _as_json(list(value))
        if isinstance(value, Collection) and not isinstance(value, str | bytes)
        else value
    )


def _as_json(value: Any) -> str:
    return to_json(value).decode()


def _as_text(value: datetime) -> str:
    """The one form of all stored times, or text order would lie."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
