"""One writer, many readers, and what is left when one of them is cut off."""

import asyncio
import shutil
import sqlite3
import threading
from contextlib import closing

import anyio
import pytest
from sqlalchemy import func, insert, select, text, update
from sqlmodel import col
from tests.caches import change
from tests.factories import NOON, BugFactory, ProductFactory, TestFactory
from tests.reading import reading
from tests.watching import until

from testio_mcp.database.engine import BUSY_TIMEOUT_SECONDS, READERS, Database, fetch
from testio_mcp.errors import DatabaseError
from testio_mcp.sync.statements import upsert
from testio_mcp.tables import Product, Test, fence

# Long enough to be cut in the middle, whatever the machine: some two million steps.
LONG = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) "
    "SELECT count(*) FROM n"
)


async def ids(database):
    async with database.read() as session:
        return [id for (id,) in await fetch(session, select(col(Product.id)))]


def log_can_be_emptied(path):
    """Whether no transaction is open: a reader pins the write-ahead log, a writer locks it."""
    with closing(sqlite3.connect(path, timeout=0)) as other:
        (busy, _, _), *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy


async def test_a_reader_cannot_write(database):
    with pytest.raises(DatabaseError, match="cannot be written"):
        async with database.read() as session:
            await session.exec(insert(Product).values(id=1, customer_id=0, name="Shop"))
    assert await ids(database) == []


async def test_a_row_added_to_a_read_session_is_not_stored(database):
    async with database.read() as session:
        session.add(ProductFactory(id=1))
    assert await ids(database) == []


async def test_what_is_written_is_seen_by_the_next_read(database, save):
    assert await ids(database) == []
    await save(ProductFactory(id=1))
    assert await ids(database) == [1]


async def test_a_read_sees_one_moment_however_long_it_lasts(database, save):
    async with database.read() as session:
        assert await fetch(session, select(col(Product.id))) == []
        await save(ProductFactory(id=1))
        assert await fetch(session, select(col(Product.id))) == []
    assert await ids(database) == [1]


async def test_a_write_that_fails_leaves_nothing(database, save):
    with pytest.raises(DatabaseError):
        await save(ProductFactory(id=1), BugFactory(id=1, product_id=1, test_id=5))
    assert await ids(database) == []


async def test_many_writers_at_once_lose_nothing(database, save, path):
    other = Database(path, fence(0))
    await save(ProductFactory(id=1), TestFactory(id=1, section_id=0))

    async def count_up(writer):
        for _ in range(20):
            async with writer.write() as session:
                [(value,)] = await fetch(session, select(col(Test.section_id)))
                await session.exec(update(Test).values(section_id=value + 1))

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            # As from two processes: each engine has a writer of its own.
            tasks.start_soon(count_up, database if number % 2 else other)
    await other.close()
    async with database.read() as session:
        assert await fetch(session, select(col(Test.section_id))) == [(160,)]


async def test_a_write_lets_readers_finish_first(database, monkeypatch):
    monkeypatch.setattr("testio_mcp.domain.turns.LONGEST_WAIT", 60)
    done = []

    async def write():
        async with database.write() as session:
            session.add(ProductFactory(id=1))
        done.append("written")

    other = Database(database.path, fence(0))
    async with anyio.create_task_group() as tasks, database.read() as session:
        await fetch(session, select(col(Product.id)))
        tasks.start_soon(write)
        # Writes of somebody else, each of which takes as long as that one would.
        for number in range(5, 10):
            async with other.write() as another:
                another.add(ProductFactory(id=number))
        done.append("read")
    await other.close()
    assert done == ["read", "written"]


async def goes_on(task):
    """Whether it ends although the reader does not, however often others have their turn."""
    for _ in range(200):
        await anyio.lowlevel.checkpoint()
    return task.done()


async def test_a_write_lets_readers_go_first_also_between_its_statements(database, monkeypatch):
    monkeypatch.setattr("testio_mcp.domain.turns.WORK_PER_WAIT", 0)
    monkeypatch.setattr("testio_mcp.database.engine.LONGEST_WAIT", 60)
    rows = [ProductFactory(id=1).model_dump()]
    async with database.write() as session:
        async with database.read() as reader:
            await fetch(reader, select(col(Product.id)))
            task = asyncio.create_task(upsert(session, Product, rows))
            assert not await goes_on(task)
        await task
    assert await ids(database) == [1]


async def test_what_testio_sends_is_read_after_readers_are_through(settings, sandbox, monkeypatch):
    """The client and the copy of one app have the same turns."""
    monkeypatch.setattr("testio_mcp.domain.turns.LONGEST_WAIT", 60)
    async with reading(settings, sandbox) as server:
        async with server.app.services._database.read() as session:
            await fetch(session, select(col(Product.id)))
            client = server.app.services._means.client
            task = asyncio.create_task(client.products())
            await until(lambda: client.requests_sent and not client.requests_in_flight)
            assert not await goes_on(task)
        assert len((await task).items) == 4


async def test_a_write_does_not_wait_for_ever(database):
    async with database.read() as session:
        await fetch(session, select(col(Product.id)))
        async with database.write() as other:
            other.add(ProductFactory(id=1))
    assert await ids(database) == [1]


async def test_readers_that_are_open_use_new_statistics(database, save, path):
    """Or whoever starts on an empty file would go on as if there were none."""
    wanted = "customer_id = 0 AND status = '1' AND testing_type = '1'"

    async def plan():
        async with database.read() as session:
            # To explain is not to read: SQLite would not look whether the schema has changed.
            number = len(await fetch(session, select(col(Test.status)).distinct()))
            query = f"SELECT title FROM tests WHERE {wanted} LIMIT {number}"
            steps = await session.exec(text(f"EXPLAIN QUERY PLAN {query}"))
            return " ".join(step[-1] for step in steps)

    await save(ProductFactory(id=1), *(TestFactory(id=id, product_id=1) for id in range(1, 100)))
    for many, few in (("status", "testing_type"), ("testing_type", "status")):
        change(path, f"UPDATE tests SET {many} = id, {few} = '1'")
        await database.analyze()
        assert f"customer_id_{many}" in await plan()


async def test_a_write_that_is_cancelled_is_finished_first(database):
    with anyio.CancelScope() as scope:
        async with database.write() as session:
            scope.cancel()
            session.add(ProductFactory(id=1))
            await session.flush()
            session.add(ProductFactory(id=2))
        await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await ids(database) == [1, 2]


@pytest.mark.parametrize("statement", [LONG, update(Product).values(name="x").returning(Product)])
async def test_after_a_write_that_was_cancelled_in_a_statement_the_next_one_works(
    database, save, statement
):
    await save(ProductFactory(id=1))
    begun = anyio.Event()

    async def write():
        async with database.write() as session:
            begun.set()
            await session.exec(statement)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await begun.wait()
        tasks.cancel_scope.cancel()
    await save(ProductFactory(id=2))
    assert await ids(database) == [1, 2]


def connections():
    """Each has a thread of its own."""
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}


async def test_a_read_that_is_cancelled_leaves_no_transaction_and_costs_no_connection(
    database, save, path
):
    await save(ProductFactory(id=1))
    assert await ids(database) == [1]
    before = connections()
    begun = anyio.Event()

    async def read():
        async with database.read() as session:
            await fetch(session, select(col(Product.id)))
            begun.set()
            await session.exec(LONG)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await begun.wait()
        tasks.cancel_scope.cancel()
    await save(ProductFactory(id=2))
    assert log_can_be_emptied(path)
    assert await ids(database) == [1, 2]
    assert connections() == before


async def test_more_calls_than_readers_are_all_served(database, save):
    await save(ProductFactory(id=1))
    assert await asyncio.gather(*(ids(database) for _ in range(READERS * 5))) == [[1]] * 20


async def test_a_database_error_says_nothing_of_statements_and_rows(database, save):
    await save(ProductFactory(id=1))
    with pytest.raises(DatabaseError) as raised:
        await save(ProductFactory(id=1, name="Secret plan"))
    said = str(raised.value)
    assert "Secret" not in said
    assert "INSERT" not in said
    assert "SQLITE_CONSTRAINT" in said


async def test_a_dangling_reference_is_refused(save):
    with pytest.raises(DatabaseError, match="CONSTRAINT_FOREIGNKEY"):
        await save(BugFactory(id=1, product_id=5, test_id=5))


async def test_reading_a_missing_file_does_not_create_it(tmp_path):
    missing = tmp_path / "missing.db"
    before = set(threading.enumerate())
    database = Database(missing, fence(0))
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await ids(database)
    await database.close()
    assert not missing.exists()
    # The thread of a connection that failed ends by itself; it needs this event loop to do so.
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def test_times_come_back_with_their_zone(database, save):
    await save(ProductFactory(id=1, deleted_at=None), TestFactory(id=1, first_seen_at=NOON))
    async with database.read() as session:
        [(seen,)] = await fetch(session, select(func.max(col(Test.first_seen_at))))
    assert (seen, seen.tzinfo is not None) == (NOON, True)


async def test_a_checkpoint_empties_the_log(database, save, path):
    await save(ProductFactory(id=1))
    log = path.with_name("cache.db-wal")
    assert log.stat().st_size > 0
    await database.checkpoint()
    assert log.stat().st_size == 0


async def test_a_checkpoint_does_not_wait_for_a_reader(database, save, path):
    await save(ProductFactory(id=1))
    async with database.read() as session:
        await fetch(session, select(col(Product.id)))
        await save(ProductFactory(id=2))
        with anyio.fail_after(BUSY_TIMEOUT_SECONDS / 2):
            await database.checkpoint()
        await save(ProductFactory(id=3))
    assert await ids(database) == [1, 2, 3]


async def test_closing_leaves_the_log_to_the_holder_of_the_sync_lock(path):
    database = Database(path, fence(0))
    async with database.write() as session:
        session.add(ProductFactory(id=1))
    await database.close()
    assert path.with_name("cache.db-wal").stat().st_size > 0


@pytest.mark.parametrize("replace", [False, True])
async def test_a_file_that_was_removed_is_neither_read_nor_written(
    database, save, path, template, replace
):
    await save(ProductFactory(id=1))
    path.unlink()
    if replace:
        shutil.copy(template, path)
    with pytest.raises(DatabaseError, match="removed or replaced"):
        await ids(database)
    with pytest.raises(DatabaseError, match="removed or replaced"):
        await save(ProductFactory(id=2))


def always_reading(path, begun, stop):
    """Two connections take turns: one begins to read before the other ends."""
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as first,
        closing(sqlite3.connect(path, isolation_level=None)) as second,
    ):
        reading, resting = first, second
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM products").fetchall()
        while not stop.is_set():
            resting.execute("BEGIN")
            resting.execute("SELECT count(*) FROM products").fetchall()
            reading.execute("COMMIT")
            reading, resting = resting, reading
            begun.set()
        reading.execute("COMMIT")


async def test_the_log_is_emptied_although_somebody_reads_at_any_moment(database, save, path):
    await save(ProductFactory())
    begun, stop = threading.Event(), threading.Event()
    reader = threading.Thread(target=always_reading, args=(path, begun, stop))
    reader.start()
    begun.wait()
    try:
        await database.checkpoint()
        assert path.with_name("cache.db-wal").stat().st_size == 0
    finally:
        stop.set()
        reader.join()


async def test_a_short_log_starts_again_as_soon_as_it_is_in_the_file(
    database, save, path, monkeypatch
):
    monkeypatch.setattr("testio_mcp.database.engine.LOG_PAGES", 1)
    log = path.with_name("cache.db-wal")
    async with database.short_log():
        await save(ProductFactory(id=1))
        size = log.stat().st_size
        for id in range(2, 12):
            await save(ProductFactory(id=id))
        assert log.stat().st_size == size
    for id in range(12, 22):
        await save(ProductFactory(id=id))
    assert log.stat().st_size > size
