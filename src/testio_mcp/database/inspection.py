"""Looks at a cache file as it lies there; nothing is created, upgraded or checkpointed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BUSY_SECONDS = 2
SHOWN = 3


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that exists; raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(
        sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    ) as connection:
        # Moving the log into the file is up to the holder of the sync lock.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        yield connection


def is_sound(path: Path) -> bool:
    """Whether SQLite finds everything in its place; reads the whole file."""
    try:
        with opened(path) as connection:
            found = connection.execute(f"PRAGMA integrity_check({SHOWN})").fetchall()
    except sqlite3.OperationalError:
        # Locked, or not to be read: that says nothing of what is in it.
        raise
    except sqlite3.DatabaseError:
        return False
    return found == [("ok",)]


def has_fts5() -> bool:
    """Whether this SQLite can keep an index of words."""
    with closing(sqlite3.connect(":memory:")) as connection:
        options = {name for (name,) in connection.execute("PRAGMA compile_options")}
    return "ENABLE_FTS5" in options


def owners(path: Path) -> list[tuple[int, str]]:
    """The customers whose data the file holds, and the host it came from."""
    with opened(path) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'customers'")
        if known.fetchone() is None:
            return []
        return connection.execute("SELECT id, host FROM customers ORDER BY id").fetchall()
