"""Looking into the index of words, past all of our own queries."""

import sqlite3
from contextlib import closing

from testio_mcp.search.index import SEARCHABLE


def wrong_indexes(connection):
    """The indexes whose words are not those of the rows, by SQLite's own check."""
    wrong = []
    for searchable in SEARCHABLE.values():
        # With rank 1 the texts are compared as well.
        check = f"INSERT INTO {searchable.index}({searchable.index}, rank)"
        try:
            connection.execute(f"{check} VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if not error.sqlite_errorname.startswith("SQLITE_CORRUPT"):
                raise
            wrong.append(searchable.index)
    return wrong


def wrong_indexes_of(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return wrong_indexes(connection)


def indexed(path, index):
    """How many things are in an index."""
    with closing(sqlite3.connect(path)) as connection:
        [(number,)] = connection.execute(f"SELECT count(*) FROM {index}_docsize")
        return number
