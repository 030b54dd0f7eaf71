"""Words and numbers of ours, as they stand in the SQL."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, literal_column


def constant(value: str | int) -> ColumnElement[Any]:
    """What every run of a statement has in common; as a parameter it would be bound each time.

    Never for what somebody else has written.
    """
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        return literal_column(f"'{quoted}'", String)
    return literal_column(str(int(value)), Integer)


def constants(values: Iterable[str | int]) -> list[ColumnElement[Any]]:
    return [constant(value) for value in values]
