"""The index of words is right after whatever happens to the rows, the schema or itself."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.caches import SHOP, change, rows, sync
from tests.factories import (
    BugDetailsFactory,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    TestDetailsFactory,
    TestFactory,
)
from tests.indexes import indexed, wrong_indexes, wrong_indexes_of
from tests.programs import finish, start

from testio_mcp.database.migrations import SCRIPTS, current_revision, head_revision, migrate
from testio_mcp.domain.search import SearchKind
from testio_mcp.errors import DatabaseError
from testio_mcp.search import index
from testio_mcp.search.index import SEARCHABLE
from testio_mcp.tables import metadata

EVENTS = ("_insert", "_update", "_delete")
INDEXES = [searchable.index for searchable in SEARCHABLE.values()]
SOURCES = [source for searchable in SEARCHABLE.values() for source in searchable.sources]


@pytest.fixture
def made(path):
    """A migrated, empty cache with its index."""
    migrate(path, lock_timeout=1, derived=index)
    return path


@pytest.fixture
async def filled(made, save):
    """Some things of each kind."""
    await save(ProductFactory(id=1, name="Shop"), ProductFactory(id=2, name="Bank"))
    await save(TestFactory(id=1, title="Checkout"), FeatureFactory(id=1, title="Coupons"))
    await save(BugFactory(id=1, title="Crash"), BugFactory(id=2, title="Freeze"))
    await save(TestDetailsFactory(test_id=1), BugDetailsFactory(bug_id=1))
    await save(BugDetailsFactory(bug_id=2))
    return made


def found(path, kind, match):
    name = SEARCHABLE[kind].index
    return [id for (id,) in rows(path, f"SELECT rowid FROM {name} WHERE {name} MATCH ?", match)]


def replaced_index(path):
    """With the details of bugs left out of what is indexed, as another version may have it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("DROP TRIGGER search_bug_details_after_update")
        writer.execute("DROP TABLE search_features")
        writer.execute("CREATE VIRTUAL TABLE search_features USING fts5(title)")
        writer.execute("CREATE VIRTUAL TABLE search_comments USING fts5(body)")
        writer.execute("UPDATE bug_details SET steps = 'Unheard of.'")


def test_what_is_declared_is_there():
    assert set(SEARCHABLE) == set(SearchKind)
    for source in SOURCES:
        columns = metadata.tables[source.table].c
        assert {source.id, *source.columns} <= set(columns.keys())
    for searchable in SEARCHABLE.values():
        assert len(set(searchable.columns)) == len(searchable.columns)


def test_the_index_is_made_with_the_file_and_then_left_alone(tmp_path):
    path = tmp_path / "new" / "cache.db"
    migrate(path, lock_timeout=1, derived=index)
    assert wrong_indexes_of(path) == []
    before = path.read_bytes()
    migrate(path, lock_timeout=1, derived=index)
    assert path.read_bytes() == before


async def test_a_cache_from_before_the_index_gets_one(path, save):
    await save(ProductFactory(id=1, name="Shop"))
    migrate(path, lock_timeout=1, derived=index)
    assert found(path, SearchKind.PRODUCT, "shop") == [1]
    assert current_revision(path) == head_revision()


async def test_a_stale_index_is_seen(filled):
    """Or that none is found would prove nothing."""
    change(filled, "DROP TRIGGER search_bugs_after_update")
    change(filled, "UPDATE bugs SET title = 'Another' WHERE id = 1")
    assert wrong_indexes_of(filled) == ["search_bugs"]


@pytest.mark.parametrize("name", index._declared())
async def test_whatever_part_is_missing_is_made_again_at_the_next_start(filled, name):
    before = rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name")
    with closing(sqlite3.connect(filled, isolation_level=None)) as writer:
        index._drop(writer, [name])
        # Without the index itself nobody could write.
        if name.endswith(EVENTS):
            writer.execute("UPDATE bug_details SET steps = 'Unheard of.'")
            writer.execute("UPDATE tests SET title = 'Unheard of'")
            writer.execute(
                "INSERT INTO products (id, customer_id, name, sections) VALUES (3, 0, 'New', '[]')"
            )
            writer.execute("DELETE FROM features")
    migrate(filled, lock_timeout=1, derived=index)
    assert rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert wrong_indexes_of(filled) == []


async def test_what_another_version_declared_is_replaced(filled):
    before = rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name")
    replaced_index(filled)
    migrate(filled, lock_timeout=1, derived=index)
    assert rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert wrong_indexes_of(filled) == []
    assert found(filled, SearchKind.BUG, "unheard") == [1, 2]


async def test_an_index_that_cannot_be_made_is_said_so_and_leaves_the_old_one(filled):
    change(filled, "DROP TRIGGER search_bugs_after_insert")
    before = rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name")
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="Nothing was changed"):
            migrate(filled, lock_timeout=0.1, derived=index)
        other.execute("ROLLBACK")
    assert rows(filled, "SELECT name, sql FROM sqlite_master ORDER BY name") == before


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"

def upgrade():
    for table in ("products", "bugs", "bug_details"):
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.add_column(sa.Column("colour", sa.String()))
    op.execute("UPDATE bug_details SET steps = 'Unheard of.'")
    {end}
"""
MIGRATE = """
import sys
from pathlib import Path
from testio_mcp.database import migrations
from testio_mcp.search import index
migrations.SCRIPTS = Path(sys.argv[2])
migrations.migrate(Path(sys.argv[1]), lock_timeout=30, derived=index)
"""
KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def next_version(tmp_path):
    """The migrations of a later version, which replaces tables; `end` is how its last one ends."""

    def write(end):
        scripts = tmp_path / f"scripts-{len(end)}"
        shutil.copytree(SCRIPTS, scripts)
        new = NEXT.format(head=head_revision(), end=end)
        (scripts / "versions" / "9001_next.py").write_text(new, encoding="utf-8")
        return scripts

    return write


async def test_a_migration_that_replaces_tables_keeps_the_index_right(filled, next_version):
    finish(start(MIGRATE, filled, next_version("pass")))
    assert current_revision(filled) == "9001"
    assert wrong_indexes_of(filled) == []
    assert found(filled, SearchKind.BUG, "unheard") == [1, 2]
    change(filled, "UPDATE products SET name = 'Market' WHERE id = 1")
    assert found(filled, SearchKind.PRODUCT, "market") == [1]


async def test_a_migration_cut_off_half_way_leaves_what_the_next_start_mends(filled, next_version):
    cut_off = start(MIGRATE, filled, next_version(KILLED))
    cut_off.communicate(timeout=60)
    assert cut_off.returncode != 0
    change(filled, "UPDATE bugs SET title = 'Meanwhile' WHERE id = 2")
    migrate(filled, lock_timeout=1, derived=index)
    assert current_revision(filled) == head_revision()
    assert wrong_indexes_of(filled) == []
    assert found(filled, SearchKind.BUG, "meanwhile") == [2]


async def test_four_processes_that_start_at_once_make_one_index(path, save):
    await save(ProductFactory(id=1, name="Shop"))
    for program in [start(MIGRATE, path, SCRIPTS) for _ in range(4)]:
        finish(program)
    assert wrong_indexes_of(path) == []
    assert [indexed(path, name) for name in INDEXES] == [1, 0, 0, 0]


async def test_a_sync_keeps_it_right_whatever_changes(app, sandbox, settings):
    path = settings.database_path
    await sync(app)
    assert wrong_indexes_of(path) == []
    assert indexed(path, "search_bugs") == rows(path, "SELECT count(*) FROM bugs")[0][0] > 0
    world = sandbox.world
    test = next(id for id in world.test_ids(SHOP) if world.status(id) == "locked")
    first, second, *_ = world.bug_ids(test)
    world.set_field("bug", first, "title", "Quokka in the cart")
    world.set_field("bug", second, "steps", ["Feed the wombat"])
    world.set_field("test", test, "goal_text", "Numbats only.")
    await sync(app)
    assert wrong_indexes_of(path) == []
    assert found(path, SearchKind.BUG, "quokka") == [first]
    assert found(path, SearchKind.BUG, "wombat") == [second]
    assert found(path, SearchKind.TEST, "numbats") == [test]
    world.delete_bug(first)
    await sync(app, force=True)
    assert wrong_indexes_of(path) == []
    await sync(app)
    assert wrong_indexes_of(path) == []


# Any history of writes

TEXTS = (
    st.none()
    | st.text(max_size=12)
    | st.sampled_from(
        ["", "Crash", "crash crash", "\u00dcberblick", "sign-in", "'; drop", '"', "\U0001f41b"]
    )
)
IDS = st.integers(1, 3)
WRITES = st.tuples(
    st.sampled_from(["upsert", "update", "delete", "rename", "soft", "rollback"]),
    st.sampled_from(SOURCES),
    IDS,
    st.lists(TEXTS, min_size=4, max_size=4),
)


@pytest.fixture(scope="module")
def bare(template, tmp_path_factory):
    """Tables that take any row, whose index is the real one."""
    path = tmp_path_factory.mktemp("bare") / "cache.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for source in SOURCES:
            columns = ", ".join(source.columns)
            writer.execute(
                f"CREATE TABLE {source.table} ({source.id} INTEGER PRIMARY KEY, {columns}, other)"
            )
        index.apply(writer)
    return path


def write(connection, how, source, id, texts):
    """One statement; in whatever order things and their details come."""
    values = texts[: len(source.columns)]
    names, key, table = ", ".join(source.columns), source.id, source.table
    if how in {"upsert", "rollback"}:
        marks = ", ".join("?" * len(values))
        news = ", ".join(f"{name} = excluded.{name}" for name in source.columns)
        connection.execute(
            f"INSERT INTO {table} ({key}, {names}) VALUES (?, {marks}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {news}",
            [id, *values],
        )
    elif how == "update":
        connection.execute(
            f"UPDATE {table} SET {source.columns[0]} = ? WHERE {key} <= ?", [values[0], id]
        )
    elif how == "soft":
        connection.execute(f"UPDATE {table} SET other = ? WHERE {key} = ?", [values[0], id])
    elif how == "delete":
        connection.execute(f"DELETE FROM {table} WHERE {key} = ?", [id])
    else:
        connection.execute(f"UPDATE OR IGNORE {table} SET {key} = ? WHERE {key} = 1", [id])


@given(st.lists(st.lists(WRITES, max_size=8), max_size=6))
def test_any_history_of_writes_leaves_it_right(bare, history):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        with closing(sqlite3.connect(bare)) as origin:
            origin.backup(connection)
        for transaction in history:
            connection.execute("BEGIN")
            for how, source, id, texts in transaction:
                connection.execute("SAVEPOINT one")
                write(connection, how, source, id, texts)
                if how == "rollback":
                    connection.execute("ROLLBACK TO one")
                connection.execute("RELEASE one")
            connection.execute("COMMIT")
            assert wrong_indexes(connection) == []
