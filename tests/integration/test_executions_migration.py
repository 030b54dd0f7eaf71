"""A cache of the version before learns how tests fared from the answers that it has kept."""

import json
import zlib
from contextlib import contextmanager

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine
from tests.caches import SHOP, change, contents, rows
from tests.reading import reading

from testio_mcp.database.migrations import SCRIPTS

ODD = {
    "features": [
        "a title",
        {"id": "7"},
        {"id": 8, "execution_status": ["failed"], "tester_count": 2**70, "user_stories": "none"},
        {"id": 9, "user_stories": ["a title", {"id": 10, "bug_ids": {"11": 1}, "title": 12}]},
    ],
    "analytics": "none",
}


@contextmanager
def versions(path):
    """Move the file between versions."""
    engine = create_engine(
        f"sqlite:///{path}", poolclass=NullPool, connect_args={"isolation_level": None}
    )
    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", str(SCRIPTS))
    yield lambda move, revision: move(config, revision)
    engine.dispose()


@pytest.fixture
async def read_ids(synced_path, settings, sandbox):
    """Some tests of which it was read how they fared."""
    world = sandbox.world
    ids = [id for id in world.test_ids(SHOP) if world.bug_ids(id)][-3:]
    async with reading(settings, sandbox) as reader:
        for id in ids:
            await reader.test(id)
    return ids


def test_what_was_read_alone_is_known_after_the_upgrade(read_ids, synced_path):
    before = contents(synced_path)
    stamped = rows(synced_path, "SELECT id, at FROM stamps WHERE kind = 'execution' ORDER BY id")
    assert [id for id, _ in stamped] == sorted(read_ids)
    with versions(synced_path) as move:
        move(command.downgrade, "0001")
        assert "execution_status" not in columns(synced_path, "test_features")
        move(command.upgrade, "head")
    assert contents(synced_path) == before
    read = "SELECT id, at FROM stamps WHERE kind = '{}' AND id IN ({}) ORDER BY id"
    marks = ", ".join(map(str, read_ids))
    assert rows(synced_path, read.format("execution", marks)) == rows(
        synced_path, read.format("test", marks)
    )


def columns(path, table):
    return {name for _, name, *_ in rows(path, f"PRAGMA table_info({table})")}


def test_what_a_list_has_changed_since_is_read_again(read_ids, synced_path):
    changed, *others = sorted(read_ids)
    change(
        synced_path,
        "UPDATE payloads SET hash = x'' WHERE kind = 'tests' AND form = 'single' AND id = ?",
        changed,
    )
    with versions(synced_path) as move:
        move(command.downgrade, "0001")
        move(command.upgrade, "head")
    stamped = rows(synced_path, "SELECT id FROM stamps WHERE kind = 'execution' ORDER BY id")
    assert [id for (id,) in stamped] == others


def test_whatever_testio_has_sent_the_upgrade_does_not_fail(read_ids, synced_path):
    with versions(synced_path) as move:
        move(command.downgrade, "0001")
        change(
            synced_path,
            "UPDATE payloads SET body = ? WHERE kind = 'tests' AND form = 'single'",
            zlib.compress(json.dumps(ODD).encode()),
        )
        move(command.upgrade, "head")
    assert rows(synced_path, "SELECT * FROM story_executions") == []
    assert rows(synced_path, "PRAGMA foreign_key_check") == []


def test_people_of_tests_are_found_by_an_index(synced_path):
    for role in ("created_by_id", "submitted_by_id"):
        query = f"SELECT id FROM tests WHERE customer_id = 0 AND {role} = 1"
        [plan] = rows(synced_path, f"EXPLAIN QUERY PLAN {query}")
        assert f"ix_tests_customer_id_{role}" in plan[-1]
