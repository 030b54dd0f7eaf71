"""The cache database: many concurrent readers, one writer, nothing left to SQLite's defaults."""

import sqlite3
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NewType, cast

import anyio
import anyio.lowlevel
from pydantic_core import to_json
from sqlalchemy import URL, AsyncAdaptedQueuePool, Row, Select, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from testio_mcp.database.driver import Connection, Reader, Writer, connect
from testio_mcp.database.memory import Memory
from testio_mcp.database.migrations import ANALYZE, head_revision, mark_damaged
from testio_mcp.domain.turns import LONGEST_WAIT, Turns, TurnsWithin
from testio_mcp.errors import DatabaseError, DatabaseNewer

ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", ReadSession)
# A query over columns, however many.
type Query = Select[*tuple[Any, ...]]
type Record = Row[*tuple[Any, ...]]
Fence = Callable[[ORMExecuteState], None]

READERS = 4
BUSY_TIMEOUT_SECONDS = 5
CHECKPOINT_SECONDS = 0.5
# Some 16 MB.
LOG_PAGES = 2000
# Where a session keeps the path of its file, what was asked before of its connection, how many rows
# it has read, and who goes first.
PATH = "path"
MEMORY = "memory"
ROWS = "rows"
TURNS = "turns"
# Connections read the statistics with the schema, and again only where that has changed.
TELL_EVERYBODY = ("BEGIN IMMEDIATE", "CREATE TABLE news (id)", "DROP TABLE news", "COMMIT")
# What SQLite says of a file that only a new one replaces.
DAMAGE = {"SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX", "SQLITE_NOTADB"}


class Database:
    """An open cache file. `fence` limits every ORM read to one customer's rows."""

    def __init__(self, path: Path, fence: Fence, turns: Turns | None = None) -> None:
        self.path = path
        self._turns = turns or Turns()
        self._file = _identity(path)
        self._revision = head_revision()
        self._readers = _create_engine(path, Reader, pool_size=READERS)
        self._reading = _fenced(fence)
        # Writers queue here in the process instead of meeting "database is locked".
        self._writer = _create_engine(path, Writer, pool_size=1)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """Everything read inside is of one moment, and nothing can be written.

        Never await the network between two statements: the moment would pin the write-ahead log.
        """
        self._refuse_another_file()
        session = _Unbroken(
            self._readers,
            sync_session_class=self._reading,
            info={PATH: self.path, TURNS: self._turns},
        )
        async with session:
            yield ReadSession(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One transaction: committed on success, rolled back on error, never cut by cancellation.

        Never await the network inside; it would block every other writer.
        """
        self._refuse_another_file()
        # A write cancelled inside a statement would keep the file locked until it is collected.
        with anyio.CancelScope(shield=True), _translated(self.path):
            await self._turns.give_way()
            # Others wait for the file meanwhile, also in other processes.
            turns = self._turns.within(LONGEST_WAIT)
            async with (
                AsyncSession(self._writer, expire_on_commit=False, info={TURNS: turns}) as session,
                session.begin(),
            ):
                await self._refuse_newer(session)
                yield WriteSession(ReadSession(session))

    async def checkpoint(self, *, above: int = 0) -> None:
        """Move the write-ahead log into the file when it has more than `above` bytes.

        Only the holder of the sync lock may call it.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        if not log.exists() or log.stat().st_size <= above:
            return
        # While it waits for readers nobody can write, but without a wait a file that somebody
        # always reads would keep its log for ever.
        await self._run(
            f"PRAGMA busy_timeout = {CHECKPOINT_SECONDS * 1000:.0f}",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
        )

    @asynccontextmanager
    async def short_log(self) -> AsyncIterator[None]:
        """Let every write move the log into the file as it grows.

        Only the holder of the sync lock may call it.
        """
        await self._run(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        try:
            yield
        finally:
            await self._run("PRAGMA wal_autocheckpoint = 0")

    async def analyze(self) -> None:
        """After many writes, or SQLite takes one index for as good as another."""
        await self._run(*ANALYZE, *TELL_EVERYBODY)

    async def _run(self, *statements: str) -> None:
        """Run statements that are transactions of their own."""
        with anyio.CancelScope(shield=True), _translated(self.path):
            async with self._writer.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                for statement in statements:
                    await driver.execute_fetchall(statement)

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._readers.dispose()
            await self._writer.dispose()

    def _refuse_another_file(self) -> None:
        """A file that was removed can be read and written for ever, and nobody sees it."""
        if _identity(self.path) != self._file:
            raise DatabaseError(
                "The cache file was removed or replaced while it was in use.",
                hint="Restart the client (or this command) to use the new one.",
            )

    async def _refuse_newer(self, session: AsyncSession) -> None:
        connection = await session.connection()
        found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found != self._revision:
            raise DatabaseNewer(
                "The cache was upgraded by a newer testio-mcp while this one was running.",
                hint="Restart the client (or this command) to use the new version.",
            )


async def fetch(session: ReadSession, query: Query, **parameters: Any) -> list[Record]:
    """All rows of a query over columns."""
    # SQLModel types its own `select`, which knows a few columns only.
    rows = list((await session.exec(cast(Any, query), params=parameters or None)).all())
    session.info[ROWS] = session.info.get(ROWS, 0) + len(rows)
    return rows


async def give_way(session: ReadSession) -> None:
    """Between two steps of a long work, let people go first who wait for what they read."""
    turns: Turns | TurnsWithin = session.info[TURNS]
    await turns.give_way()


async def recall[T](session: ReadSession, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers, or answered before where nobody has written since.

    It must depend on what is in the file and in the question, and on nothing else.
    """
    memory = await _memory_of(session)
    if memory is None:
        return await ask()
    if question in memory:
        known: T = memory.recall(question)
        return known
    before = session.info.get(ROWS, 0)
    answer = await ask()
    memory.keep(question, answer, session.info.get(ROWS, 0) - before)
    return answer


async def _memory_of(session: ReadSession) -> Memory | None:
    """What the connection of a reader's transaction remembers."""
    if not isinstance(session, _Unbroken):
        return None
    await session.begin_now()
    memory: Memory = session.info[MEMORY]
    return memory


def _fenced(fence: Fence) -> type[Session]:
    class Reading(Session):
        """Limits what it reads, knows what was read before, and has its turn."""

    event.listen(Reading, "do_orm_execute", fence)

    @event.listens_for(Reading, "after_begin")
    def begin(session: Session, _transaction: object, connection: Any) -> None:
        session.info[MEMORY] = _reader(connection.connection).memory
        session.info[TURNS].begin()

    @event.listens_for(Reading, "after_transaction_end")
    def end(session: Session, _transaction: object) -> None:
        # Without a connection it has not begun.
        if session.info.pop(MEMORY, None) is not None:
            session.info[TURNS].end()

    return Reading


def _reader(pooled: Any) -> Reader:
    """What a connection of the readers' pool asks SQLite through."""
    connection: Connection = pooled.driver_connection
    assert connection.reader
    return connection.reader


class _Unbroken(AsyncSession):
    """Finishes a statement that has begun, so that a cancelled call leaves no open transaction."""

    async def begin_now(self) -> None:
        # One that could not begin is in a transaction too, as SQLAlchemy sees it.
        if MEMORY in self.info:
            return
        await anyio.lowlevel.checkpoint_if_cancelled()
        with anyio.CancelScope(shield=True), _translated(self.info[PATH]):
            await self.connection()

    async def rollback(self) -> None:
        # What was remembered of it would have to be read again.
        self.expunge_all()
        await super().rollback()

    async def exec(self, *args: Any, **kwargs: Any) -> Any:
        await anyio.lowlevel.checkpoint_if_cancelled()
        with anyio.CancelScope(shield=True), _translated(self.info[PATH]):
            return await super().exec(*args, **kwargs)

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        await anyio.lowlevel.checkpoint_if_cancelled()
        with anyio.CancelScope(shield=True), _translated(self.info[PATH]):
            return await super().get(*args, **kwargs)

    async def close(self) -> None:
        if not self.in_transaction():
            # There is nothing to wait for.
            self.sync_session.close()
            return
        with anyio.CancelScope(shield=True):
            await super().close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create_engine(path: Path, factory: type[Writer], *, pool_size: int) -> AsyncEngine:
    query_only = factory is Reader
    # mode=rw: a reader on a missing file would silently create an empty one.
    url = URL.create(
        "sqlite+aiosqlite",
        database=path.absolute().as_uri(),
        query={"mode": "rw", "uri": "true"},
    )
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        # Errors would otherwise print the text of rows.
        hide_parameters=True,
        json_serializer=_json,
        # The connection that answered last remembers most.
        pool_use_lifo=True,
        connect_args={
            "async_creator_fn": connect,
            "factory": factory,
            "isolation_level": None,
            "timeout": BUSY_TIMEOUT_SECONDS,
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        for pragma in (
            "synchronous = NORMAL",
            "foreign_keys = ON",
            # KB of each connection; the operating system keeps the file in memory too.
            f"cache_size = {-8_000 if query_only else -32_000}",
            "temp_store = MEMORY",
            "journal_size_limit = 67108864",
            "wal_autocheckpoint = 0",
            f"query_only = {'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("deflate", 1, _deflate)

    # sqlite3's own transaction handling begins late and loses updates; this begins when told.
    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        if query_only:
            _reader(connection.connection).begin()
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _deflate(body: bytes) -> bytes:
    return zlib.compress(body, 1)


def _json(value: Any) -> str:
    return to_json(value).decode()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """The one place where errors of SQLAlchemy and SQLite become ours."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if getattr(cause, "sqlite_errorname", None) in DAMAGE:
            mark_damaged(path)
        raise DatabaseError(explain(cause)) from error
    except PoolTimeout as error:
        raise DatabaseError(
            "Too much is asked of the cache at once.", hint="Try again in a moment."
        ) from error


def explain(error: BaseException | None) -> str:
    """What an error of SQLite means to a person, without SQL or row text."""
    code = getattr(error, "sqlite_errorname", "") or ""
    meanings = {
        "SQLITE_FULL": "The disk is full, so the cache could not be written. Free some space.",
        "SQLITE_BUSY": "Another process kept the cache locked. Try again in a moment.",
        "SQLITE_READONLY": "The cache cannot be written. Check the permissions of its folder.",
        "SQLITE_CANTOPEN": "The cache file cannot be opened. Check TESTIO_DB_PATH and permissions.",
        "SQLITE_CORRUPT": "The cache file is damaged. Restart: it is then moved aside and rebuilt.",
        "SQLITE_NOTADB": "The cache file is damaged. Restart: it is then moved aside and rebuilt.",
        "SQLITE_IOERR": "The disk reported an error while the cache was used.",
    }
    for name, meaning in meanings.items():
        if code.startswith(name):
            return meaning
    return f"The cache could not be used ({code or type(error).__name__})."
