"""Turns names of metrics and dimensions into one SELECT, whatever is asked for together.

Each grain is counted on its own, so that no join multiplies a figure of another one; the parts are
laid under each other and then folded, a row for each combination of keys.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Float, cast, func, null, select, union_all

from testio_mcp.analytics.columns import Columns
from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import Kind, metric
from testio_mcp.analytics.parts import Grouping, Part, Source, positions
from testio_mcp.analytics.scope import filters_of, values_of
from testio_mcp.database.engine import Query
from testio_mcp.domain.figures import UTC_ZONE, Scope
from testio_mcp.tables.constants import constant

# Statements of so many shapes are kept: to write one anew takes longer than SQLite answers it.
SHAPES = 128


def measure(names: Sequence[str], by: Sequence[str], scope: Scope) -> tuple[Query, dict[str, Any]]:
    """One row for each combination of the dimensions, in the order of the keys, nulls last.

    Keys come first, then the metrics by name. With it the values of its parameters.
    """
    # The zone is of no matter where no calendar is.
    zone = scope.zone if any(DIMENSIONS[name].unit for name in by) else UTC_ZONE
    statement = _statement(tuple(names), tuple(by), filters_of(scope), zone)
    return statement, values_of(scope)


@lru_cache(maxsize=SHAPES)
def _statement(
    names: tuple[str, ...], by: tuple[str, ...], filters: frozenset[str], zone: ZoneInfo
) -> Query:
    grouping = Grouping(by, filters, zone)
    counted = dict.fromkeys(part for name in names for part in metric(name).ratio or (name,))
    parts: dict[Part, list[str]] = {}
    for name in counted:
        parts.setdefault(grouping.part_of(metric(name)), []).append(name)
    # Alone, a part has all there is; it need not be folded.
    if len(parts) == 1 and tuple(counted) == names:
        ((part, _),) = parts.items()
        statement = _counted(grouping.source(part), names, names)
    else:
        counts = [_counted(grouping.source(part), counted, of) for part, of in parts.items()]
        statement = _folded(counts, names, by)
    return statement.order_by(*(key.nulls_last() for key in positions(by)))


def _counted(source: Source, names: Iterable[str], own: Collection[str]) -> Query:
    """The metrics of a part, and nulls in the place of the others."""
    values = [_value(name, source.columns) if name in own else null() for name in names]
    labelled = [value.label(name) for name, value in zip(names, values, strict=True)]
    query = source.query.add_columns(*source.keys, *labelled)
    return query.group_by(*positions(source.keys))


def _value(name: str, columns: Columns) -> ColumnElement[Any]:
    write = metric(name).value
    assert write, name
    return write(columns)


def _folded(parts: Sequence[Query], names: Sequence[str], by: Sequence[str]) -> Query:
    """One row where the parts have one each; a count that a part does not have is 0 in it."""
    rows = union_all(*parts).subquery("parts")

    def folded(name: str) -> ColumnElement[Any]:
        found = func.max(rows.c[name])
        return func.coalesce(found, constant(0)) if metric(name).kind is Kind.COUNT else found

    def value(name: str) -> ColumnElement[Any]:
        if ratio := metric(name).ratio:
            part, whole = map(folded, ratio)
            return cast(part, Float) / func.nullif(whole, constant(0))
        return folded(name)

    keys = [rows.c[name] for name in by]
    return select(*keys, *(value(name).label(name) for name in names)).group_by(*keys)
