"""Brings the cache file to the current schema, in process; free when it is current.

Alembic is imported only when there is something to migrate: it takes longer to import
than the server may take to answer its first request.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from testio_mcp.errors import DatabaseError, DatabaseNewer
from testio_mcp.settings import shown

_PACKAGE = Path(__file__).parents[1]
# Beside the package when installed, at the repository root when developing.
_FOLDERS = (_PACKAGE / "alembic", _PACKAGE.parents[1] / "alembic")
SCRIPTS = next((folder for folder in _FOLDERS if (folder / "versions").is_dir()), _FOLDERS[0])
# Lets SQLite see how the rows are spread; with a limit of few hundred it would take the rows of a
# customer, which are all, for as few. So many of each index take some 50 ms.
ANALYZE = ("PRAGMA analysis_limit = 100000", "ANALYZE")
# What the errors of SQLite begin with when only a new file helps.
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Derived(Protocol):
    """What is made of the tables and kept beside them, such as an index of words.

    It follows no revision: it is made anew where it is not as this program declares it.
    """

    def is_current(self, connection: sqlite3.Connection, /) -> bool: ...

    def apply(self, connection: sqlite3.Connection, /) -> None: ...

    def remove(self, connection: sqlite3.Connection, /) -> None:
        """Before the tables change: a view would keep SQLite from replacing what it reads."""


class DatabaseDamaged(DatabaseError):
    """The file is no SQLite database any more."""


def head_revision() -> str:
    """The newest revision this program knows. Files are numbered: 0001_baseline.py, …"""
    return max(script.name for script in (SCRIPTS / "versions").glob("[0-9]*.py"))[:4]


def current_revision(path: Path) -> str | None:
    """The file's revision; None where it holds no tables yet or does not exist.

    Raises DatabaseDamaged for a file that SQLite cannot read, DatabaseError for another
    program's database.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    if _mark(path).exists():
        raise DatabaseDamaged(f"The cache file {shown(path)} is damaged.")
    try:
        with _connected(path) as reader:
            tables = {name for (name,) in reader.execute("SELECT name FROM sqlite_master")}
            if "alembic_version" in tables:
                row = reader.execute("SELECT version_num FROM alembic_version").fetchone()
                return str(row[0]) if row else None
    except sqlite3.OperationalError as error:
        raise DatabaseError(
            f"The cache file {shown(path)} cannot be opened.",
            hint="Check that its folder exists and may be written, or set TESTIO_DB_PATH.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise DatabaseDamaged(f"The cache file {shown(path)} is damaged.") from error
    if tables:
        raise DatabaseError(
            f"{shown(path)} is another program's database.",
            hint="Set TESTIO_DB_PATH to a file of its own; it will be created.",
        )
    return None


def migrate(path: Path, *, lock_timeout: float, derived: Derived | None = None) -> None:
    """Create the file or bring it to the current schema, with what is `derived` from it.

    `lock_timeout` is in seconds: how long to wait for another process that migrates.
    """
    try:
        if _is_current(path, derived):
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = path.with_name(f"{path.name}.migration.lock")
        with FileLock(lock, timeout=lock_timeout, mode=0o600):
            if not _is_current(path):
                _upgrade(path, derived)
            if derived and not _is_current(path, derived):
                _derive(path, derived, timeout=lock_timeout)
    except Timeout as error:
        raise DatabaseError(
            f"Another process has been upgrading the cache for over {lock_timeout:g} s.",
            hint="Try again in a minute; TESTIO_LOCK_TIMEOUT says how long to wait.",
        ) from error
    except OSError as error:
        raise DatabaseError(
            f"The cache folder {shown(path.parent)} cannot be used: {error.strerror}.",
            hint="Set TESTIO_HOME or TESTIO_DB_PATH to a place that may be written.",
        ) from error


def mark_damaged(path: Path) -> None:
    """Have the next start move the file aside: it may look sound where it is looked at then."""
    # A disk that is full or read-only is what the caller reports anyway.
    with suppress(OSError):
        _mark(path).touch(mode=0o600)


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def move_aside(path: Path, *, now: datetime) -> Path:
    """Move a damaged file and its logs out of the way. Hold the sync lock while calling."""
    target = path.with_name(f"{path.name}.damaged-{now:%Y%m%d-%H%M%S}")
    # The logs first: a new file must never meet the old one's log.
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.replace(target.with_name(target.name + suffix))
    _mark(path).unlink(missing_ok=True)
    return target


def _is_current(path: Path, derived: Derived | None = None) -> bool:
    found, head = current_revision(path), head_revision()
    if found is not None and found > head:
        raise DatabaseNewer(
            f"The cache file {shown(path)} was written by a newer testio-mcp.",
            hint="Update testio-mcp, or set TESTIO_DB_PATH to another file.",
        )
    if found != head or derived is None:
        return found == head
    with _connected(path) as reader:
        return derived.is_current(reader)


@contextmanager
def _connected(path: Path, *, timeout: float = 5) -> Iterator[sqlite3.Connection]:
    """A connection that creates no file; `timeout` is how long it waits for a lock."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)) as opened:
        # Moving the log into the file is up to the holder of the sync lock.
        opened.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        opened.execute("PRAGMA wal_autocheckpoint = 0")
        yield opened


def _derive(path: Path, derived: Derived, *, timeout: float) -> None:
    try:
        with _connected(path, timeout=timeout) as writer:
            # Closed before its end, it leaves what was there.
            writer.execute("BEGIN IMMEDIATE")
            derived.apply(writer)
            writer.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith(DAMAGED):
            raise DatabaseDamaged(f"The cache file {shown(path)} is damaged.") from error
        raise _refused(path) from error


def _refused(path: Path) -> DatabaseError:
    return DatabaseError(
        f"The cache file {shown(path)} could not be upgraded.",
        hint="Nothing was changed. Check free disk space and permissions, then restart.",
    )


def _upgrade(path: Path, derived: Derived | None) -> None:
    from alembic import command  # noqa: PLC0415  see the module's docstring
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    # What is marked was deleted by hand since.
    _mark(path).unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(
        "sqlite://",
        poolclass=NullPool,
        hide_parameters=True,
        creator=lambda: sqlite3.connect(path, isolation_level=None),
    )
    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    try:
        with closing(sqlite3.connect(path)) as new:
            # Wider pages make bulk writes faster; this has an effect before the first table only.
            new.execute("PRAGMA page_size = 8192")
            new.execute("PRAGMA journal_mode = WAL")
            if derived:
                derived.remove(new)
        command.upgrade(config, "head")
        with closing(sqlite3.connect(path)) as upgraded:
            for statement in ANALYZE:
                upgraded.execute(statement)
    except (DBAPIError, sqlite3.Error) as error:
        raise _refused(path) from error
