"""In which thread SQLite is asked: that of the event loop only for what takes no time."""

import sqlite3
import threading

import pytest

from testio_mcp.database import driver
from testio_mcp.database.driver import Reader, Writer, connect

SELECT = "SELECT 1"


@pytest.fixture
async def connection(tmp_path, request):
    path = tmp_path / "file.db"
    sqlite3.connect(path).close()
    connection = connect(
        str(path), factory=request.param, isolation_level=None, check_same_thread=False
    )
    await connection
    yield connection
    await connection.close()


@pytest.fixture
async def threads(connection):
    """Of the statements that ran, in which thread: here or its own."""
    here, found = threading.get_ident(), []

    def note(_statement):
        found.append("here" if threading.get_ident() == here else "its own")

    await connection.set_trace_callback(note)
    return found


of_reader = pytest.mark.parametrize("connection", [Reader], indirect=True)


@of_reader
async def test_what_was_quick_runs_here_the_next_time(connection, threads, monkeypatch):
    monkeypatch.setattr(driver, "QUICK", 3600)
    for _ in range(3):
        assert (await connection.answer(SELECT, ())).rows == [(1,)]
    assert threads == ["its own", "here", "here"]


@of_reader
async def test_what_took_long_stays_in_its_thread(connection, threads, monkeypatch):
    monkeypatch.setattr(driver, "QUICK", 0)
    for _ in range(3):
        await connection.answer(SELECT, ())
    assert threads == ["its own"] * 3


@of_reader
async def test_what_took_long_once_is_not_trusted_at_once(connection, monkeypatch):
    """One statement is quick for some values and slow for others."""
    await connection.answer(SELECT, ())
    connection.reader._took[SELECT] = 5.0
    monkeypatch.setattr(driver, "QUICK", 1)
    quick = []
    for _ in range(4):
        quick.append(connection.reader.is_quick(SELECT))
        await connection.answer(SELECT, ())
    assert quick == [False, False, False, True]


@of_reader
async def test_a_transaction_begins_and_ends_here(connection, threads):
    connection.reader.begin()
    await connection.rollback()
    assert set(threads) == {"here"}
    assert not connection.reader.in_transaction


@of_reader
async def test_it_does_not_know_more_and_more_statements(connection, monkeypatch):
    monkeypatch.setattr(driver, "TIMED", 2)
    for number in range(10):
        await connection.answer(f"SELECT {number}", ())
    assert len(connection.reader._took) <= 3


@pytest.mark.parametrize("connection", [Writer], indirect=True)
async def test_whoever_writes_may_have_to_wait_and_never_does_it_here(
    connection, threads, monkeypatch
):
    monkeypatch.setattr(driver, "QUICK", 3600)
    for _ in range(2):
        await connection.answer("BEGIN IMMEDIATE", ())
        await connection.rollback()
    assert set(threads) == {"its own"}
