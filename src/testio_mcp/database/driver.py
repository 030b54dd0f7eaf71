"""Connections to SQLite: a statement is one hop to its thread, or none where it is quick."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, Self

import aiosqlite

from testio_mcp.database.memory import Memory

# What takes less, in seconds, runs on the event loop; of so many statements it is known.
QUICK, TIMED = 0.01, 1_000


class Answer(NamedTuple):
    """What a statement came to."""

    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


class Writer(sqlite3.Connection):
    """A connection that leaves checkpoints to the holder of the sync lock.

    Several processes that checkpoint one file at the same moment can damage it
    (SQLite before 3.51.3), and closing the last connection would be such a moment.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)

    def answer(self, sql: str, parameters: Sequence[Any]) -> Answer:
        return _answer(self.execute(sql, parameters))

    def answer_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> Answer:
        return _answer(self.executemany(sql, rows))


class Reader(Writer):
    """Knows what was asked of it until the file changes, and which statements take no time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.memory = Memory()
        self._took: dict[str, float] = {}

    def answer(self, sql: str, parameters: Sequence[Any]) -> Answer:
        began = perf_counter()
        answer = super().answer(sql, parameters)
        if len(self._took) > TIMED:
            self._took.clear()
        # The same statement takes longer for other values: what was slow stays so for a while.
        self._took[sql] = max(perf_counter() - began, self._took.get(sql, 0) / 2)
        return answer

    def is_quick(self, sql: str) -> bool:
        """Whether the statement was, the last times."""
        return self._took.get(sql, QUICK) < QUICK

    def begin(self) -> None:
        """Begin a transaction, and forget what others have changed since the last one."""
        self.execute("BEGIN")
        # It is the first read of the transaction, whose moment it fixes.
        self.memory.begin(self.execute("PRAGMA data_version").fetchone())


def _answer(cursor: sqlite3.Cursor) -> Answer:
    rows = cursor.fetchall() if cursor.description else []
    found = Answer(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return found


def connect(database: str, **options: Any) -> "Connection":
    """What SQLAlchemy connects with; `factory` is Reader or Writer."""
    connection = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    # As SQLAlchemy does it: a connection that was forgotten must not keep the process alive.
    connection._thread.daemon = True
    return connection


class Connection(aiosqlite.Connection):
    """Hands out cursors that take one hop where aiosqlite's take four.

    A reader's transaction takes none, and its quick statements neither: they are through in
    microseconds, a hop takes hundreds of them, and more while another thread works.
    """

    # Not awaited by anybody but SQLAlchemy, which enters what it is given.
    def cursor(self) -> "Cursor":  # type: ignore[override]
        return Cursor(self)

    @property
    def reader(self) -> Reader | None:
        """What SQLite is asked through, where nothing is written."""
        return self._conn if isinstance(self._conn, Reader) else None

    async def rollback(self) -> None:
        if self.reader:
            self.reader.rollback()
        else:
            await super().rollback()

    async def answer(self, sql: str, parameters: Sequence[Any]) -> Answer:
        if self.reader and self.reader.is_quick(sql):
            return self.reader.answer(sql, parameters)
        return await self._in_thread(partial(self._ours.answer, sql, parameters))

    async def answer_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> Answer:
        return await self._in_thread(partial(self._ours.answer_many, sql, rows))

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        # aiosqlite has no public way to do two things in one hop, and types none of its own.
        found: Answer = await self._execute(work)  # type: ignore[no-untyped-call]
        return found

    @property
    def _ours(self) -> Writer:
        assert isinstance(self._conn, Writer)
        return self._conn


@dataclass
class Cursor:
    """As much of a cursor as SQLAlchemy uses."""

    connection: Connection
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1
    _rows: Sequence[Any] = ()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        return self._taken(await self.connection.answer(sql, parameters))

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Self:
        return self._taken(await self.connection.answer_many(sql, rows))

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """There is nothing to close: the statement is over."""

    def _taken(self, answer: Answer) -> Self:
        self._rows, self.description, self.rowcount, self.lastrowid = answer
        return self
