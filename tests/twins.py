"""A cache that met faults beside its undisturbed twin: whether they hold the same rows."""

import shutil
import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta

import time_machine

from testio_mcp.sandbox import Sandbox, Scale
from testio_mcp.tables import metadata
from tests.caches import BANK, GAME, OF_EVERY_RUN, OF_FAILURES, SHOP, apart, copy_cache, fill
from tests.conftest import ANCHOR

THIRD = 1003
# Of every phase one at least, with few bugs.
KEPT = {GAME: (100_087, 100_083, 100_079, 100_067, 100_063), BANK: (100_085, 100_081, 100_057)}
DELETED, RUNNING, ENDING, CANCELLED, ARCHIVED = KEPT[GAME]
RENAMED = KEPT[BANK][1]
# A bug of the running test that stays as it is.
RUNNING_BUG = 1_008_302
# When rows were seen, which differs from cache to cache; that they were does not.
CLOCKS = {"first_seen_at", "status_changed_at", "deleted_at"}
# Their ids are our own, in the order in which they were met.
USERS = {"created_by_id", "submitted_by_id", "reporter_id"}
# Of our ids, or of a test that somebody asked for alone, which no list says.
OURS = {"hash", "execution_status", "tester_count", "analytics"}
TABLES = [
    table
    for name, table in metadata.tables.items()
    if name not in {*OF_EVERY_RUN, *OF_FAILURES, "story_executions", "users"}
]
# What is not known, or of a feature that only tests name.
LACKING = (None, "[]", True)
FIRST_SYNC, LATER = ANCHOR + timedelta(hours=4), ANCHOR + timedelta(hours=6)


def small_sandbox():
    """Two products, one of them with sections, and eight tests."""
    sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)
    for product in (SHOP, THIRD):
        sandbox.world.delete_product(product)
    for product, kept in KEPT.items():
        for id in set(sandbox.world.test_ids(product)) - set(kept):
            sandbox.world.delete_test(id)
    return sandbox


def move_on(world):
    """Something of every kind is new, changed or gone."""
    rejected, deleted, *_ = world.bug_ids(RUNNING)
    for test in (RUNNING, world.add_test(GAME, title="Sign-up once more")):
        world.add_bug(test, severity="critical")
    world.move_bug(rejected, "rejected", comment="Out of scope.")
    world.delete_bug(deleted)
    world.move_test(ENDING, "locked")
    world.set_field("test", RENAMED, "title", "Renamed")
    world.delete_test(DELETED)
    world.delete_feature(world.features(GAME)[-1].id)


@contextmanager
def at(instant):
    """Only the wall clock moves: time-outs go by another."""
    with time_machine.travel(instant, tick=True):
        yield


def twins(template, new_folder):
    """Homes of caches that met no fault: before the changes, after them, first synced after."""
    homes = {name: new_folder(name) for name in ("before", "after", "first")}

    async def grow():
        sandbox = small_sandbox()
        for name in ("before", "first"):
            shutil.copy(template, homes[name] / "cache.db")
        with at(FIRST_SYNC):
            await fill(homes["before"], sandbox)
        copy_cache(homes["before"], homes["after"] / "cache.db")
        move_on(sandbox.world)
        with at(LATER):
            await fill(homes["after"], sandbox)
            await fill(homes["first"], sandbox)

    apart(grow())
    return homes


def known(path):
    """By table and key, all that lists say of TestIO; nothing of when or in which order."""
    with closing(sqlite3.connect(path)) as reader:
        names = dict(reader.execute("SELECT id, type || ' ' || name FROM users").fetchall())
        found = {"users": {name: {"name": name} for name in names.values()}}
        for table in TABLES:
            found[table.name] = _of_table(reader, table, names)
    return found


def _of_table(reader, table, names):
    columns = [column.name for column in table.columns if column.name not in OURS]
    keys = [column.name for column in table.primary_key]
    found = {}
    for row in reader.execute(f"SELECT {', '.join(columns)} FROM {table.name}"):
        values = dict(zip(columns, row, strict=True))
        for name in values.keys() & CLOCKS:
            values[name] = values[name] is not None
        for name in values.keys() & USERS:
            values[name] = names.get(values[name])
        if values.get("form") != "single":
            found[tuple(values[key] for key in keys)] = values
    return found


def invented(found, *twins, unknown=None):
    """Rows that none of the twins has; `unknown` columns of a table may be lacking."""
    unknown = unknown or {}
    return [
        (table, row)
        for table, kept in found.items()
        for key, row in kept.items()
        if not any(_agrees(row, twin[table].get(key), unknown.get(table, ())) for twin in twins)
    ]


def _agrees(row, other, unknown):
    return other is not None and all(
        value == other[name] or (name in unknown and value in LACKING)
        for name, value in row.items()
    )


def lost(found, *twins):
    """Keys of rows that all of the twins have."""
    first, *others = twins
    return [
        (table, key)
        for table, kept in first.items()
        for key in kept
        if key not in found[table] and all(key in twin[table] for twin in others)
    ]


def differing(found, twin):
    twin = twin or {table: {} for table in found}
    return [*invented(found, twin), *lost(found, twin)]
