"""What a reader remembers, and when it forgets."""

import sqlite3
from contextlib import closing

import pytest

from testio_mcp.database.driver import REMEMBERED, REMEMBERED_ROWS, Reader, Writer

ALL = "SELECT id FROM things ORDER BY id"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE things (id INTEGER)")
        connection.execute("INSERT INTO things VALUES (1)")
    return path


@pytest.fixture
def writer(path):
    with closing(sqlite3.connect(path, factory=Writer, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def reader(path):
    with closing(sqlite3.connect(path, factory=Reader, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def selects(reader):
    """The queries that reached SQLite."""
    found = []

    def note(statement):
        if statement.startswith("SELECT"):
            found.append(statement)

    reader.set_trace_callback(note)
    return found


def test_what_was_asked_before_is_not_asked_again(reader, selects):
    assert reader.answer(ALL, ()).rows == reader.answer(ALL, ()).rows == [(1,)]
    assert selects == [ALL]


def test_what_was_asked_with_other_values_is(reader, selects):
    query = "SELECT id FROM things WHERE id = ?"
    assert [reader.answer(query, (id,)).rows for id in (1, 2, 1)] == [[(1,)], [], [(1,)]]
    assert len(selects) == 2


def test_what_others_commit_is_seen_at_once(reader, writer):
    reader.answer(ALL, ())
    writer.execute("INSERT INTO things VALUES (2)")
    assert reader.answer(ALL, ()).rows == [(1,), (2,)]


def test_what_others_have_not_committed_is_not_seen(reader, writer):
    reader.answer(ALL, ())
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO things VALUES (2)")
    assert reader.answer(ALL, ()).rows == [(1,)]
    writer.execute("ROLLBACK")


def test_a_transaction_stays_at_its_moment(reader, writer):
    reader.execute("BEGIN")
    reader.answer(ALL, ())
    writer.execute("INSERT INTO things VALUES (2)")
    other = "SELECT count(*) FROM things"
    assert (reader.answer(ALL, ()).rows, reader.answer(other, ()).rows) == ([(1,)], [(1,)])
    reader.execute("ROLLBACK")
    assert (reader.answer(ALL, ()).rows, reader.answer(other, ()).rows) == ([(1,), (2,)], [(2,)])


def test_the_moment_begins_with_the_first_query(reader, writer):
    reader.answer(ALL, ())
    reader.execute("BEGIN")
    writer.execute("INSERT INTO things VALUES (2)")
    assert reader.answer(ALL, ()).rows == [(1,), (2,)]


def test_it_remembers_the_latest_of_many_queries(reader, selects):
    queries = [f"SELECT {number}" for number in range(REMEMBERED + 1)]
    for query in queries + queries[1:]:
        reader.answer(query, ())
    assert len(selects) == len(queries)
    reader.answer(queries[0], ())
    assert len(selects) == len(queries) + 1


def test_it_does_not_keep_long_answers(reader, writer, selects):
    for id in range(REMEMBERED_ROWS):
        writer.execute("INSERT INTO things VALUES (?)", (id,))
    reader.answer(ALL, ())
    reader.answer(ALL, ())
    assert selects == [ALL, ALL]
