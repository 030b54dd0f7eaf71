"""Whether the index of words says what the rows say, and making it say so again."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from testio_mcp.search.index import SEARCHABLE, apply, is_current

WRONG = ("SQLITE_CORRUPT", "SQLITE_CORRUPT_VTAB")


def is_right(connection: sqlite3.Connection) -> bool:
    """Reads every text; nobody can write meanwhile. Raises sqlite3.Error when that takes long."""
    if not is_current(connection):
        return False
    # The check is an INSERT that inserts nothing.
    with _undone(connection):
        return all(_agrees(connection, kind.index) for kind in SEARCHABLE.values())


def rebuild(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    apply(connection)
    for kind in SEARCHABLE.values():
        connection.execute(f"INSERT INTO {kind.index}({kind.index}) VALUES ('rebuild')")
    connection.execute("COMMIT")


def _agrees(connection: sqlite3.Connection, index: str) -> bool:
    try:
        connection.execute(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") in WRONG:
            return False
        raise
    return True


@contextmanager
def _undone(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
