"""Whose data a sync writes, that only one does, and what is left of one that was cut off."""

import asyncio
import signal

import anyio
import pytest
from pydantic import SecretStr
from tests.caches import (
    BANK,
    GAME,
    change,
    contents,
    defects,
    ids,
    latest_run,
    rows,
    stamps,
    sync,
)
from tests.factories import (
    BugFactory,
    FeatureFactory,
    ProductFactory,
    StampFactory,
    SyncRunFactory,
    TestFactory,
    UserStoryFactory,
)
from tests.programs import start
from tests.watching import until

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import SyncOptions, Trigger
from testio_mcp.errors import ApiUnavailable, ConfigurationError, SyncInProgress
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.settings import Loaded

pytestmark = pytest.mark.usefixtures("unhurried")

BUGS = "bugs"


@pytest.fixture
def fault(sandbox):
    def add(path, kind=FaultKind.STATUS, **options):
        sandbox.faults.add(Fault(path, kind, **options))

    return add


async def test_an_answer_fetched_earlier_never_overwrites_one_fetched_later(synced, world, path):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "locked")
    later = "UPDATE stamps SET at = '2100-01-01 00:00:00.000000' WHERE id = ?"
    change(path, later, test)
    before, stamped = contents(path), stamps(path, Unit.TEST)
    world.set_field("test", test, "title", "Overtaken")
    world.set_field("bug", world.bug_ids(test)[0], "title", "Overtaken")
    await sync(synced, product_ids=(GAME,), force=True)
    assert contents(path) == before
    assert stamps(path, Unit.TEST)[test] == stamped[test]


async def test_a_token_of_another_customer_writes_nothing(synced_path, app):
    change(synced_path, "UPDATE products SET id = id + 5000")
    before = contents(synced_path)
    with pytest.raises(ConfigurationError, match="belongs to another customer"):
        await sync(app)
    assert contents(synced_path) == before


async def test_rows_of_another_customer_are_not_overwritten_but_recorded_as_failed(
    save, app, world, path
):
    test = next(id for id in world.test_ids(GAME) if world.bug_ids(id))
    bug = world.bug_ids(test)[0]
    feature = world.features(GAME)[0]
    foreign = {"customer_id": 9, "title": "Foreign"}
    other_test = next(id for id in world.test_ids(GAME) if id != test)
    await save(ProductFactory(id=1, customer_id=9))
    await save(
        TestFactory(id=other_test, **foreign),
        FeatureFactory(id=feature.id, **foreign),
        UserStoryFactory(id=feature.stories[0].id, **foreign),
    )
    await save(BugFactory(id=bug, test_id=other_test, **foreign))
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "partial"
    assert sorted(report.incomplete) == sorted(
        f"{kind} {id} could not be stored: another customer's row has its id."
        for kind, id in (
            ("Test", other_test),
            ("Feature", feature.id),
            ("User story", feature.stories[0].id),
            ("Bug", bug),
        )
    )
    for table in ("tests", "features", "user_stories", "bugs"):
        assert rows(path, f"SELECT count(*), title FROM {table} WHERE customer_id = 9") == [
            (1, "Foreign")
        ]
    assert ids(path, "bugs", "customer_id = 0 AND test_id = ?", other_test) == []
    assert report.counts["tests"] == {"new": len(world.test_ids(GAME)) - 1, "failed": 1}
    kept = [f"SELECT 1 FROM test_details WHERE test_id = {other_test}"]
    kept += [f"SELECT 1 FROM bug_details WHERE bug_id = {bug}"]
    kept += [f"SELECT 1 FROM payloads WHERE kind = 'tests' AND id = {other_test}"]
    assert [rows(path, statement) for statement in kept] == [[]] * 3
    assert defects(path) == []


async def test_a_product_whose_id_is_another_customers_is_left_out_with_all_it_has(save, app, path):
    await save(ProductFactory(id=GAME, customer_id=9, name="Foreign"))
    report = await sync(app, product_ids=(GAME, BANK))
    assert report.incomplete == [
        f"Product {GAME} could not be stored: another customer's row has its id."
    ]
    assert rows(path, "SELECT customer_id, name FROM products WHERE id = ?", GAME) == [
        (9, "Foreign")
    ]
    assert ids(path, "tests", "product_id = ?", GAME) == []
    assert ids(path, "tests", "product_id = ?", BANK)


async def test_stamps_and_runs_of_another_customer_are_left_alone(save, app, path):
    await save(
        StampFactory(kind=Unit.PRODUCTS, id=0, customer_id=9),
        SyncRunFactory(id=1, customer_id=9, status="running", finished_at=None),
    )
    foreign = "SELECT * FROM {} WHERE customer_id = 9"
    before = [rows(path, foreign.format(table)) for table in ("stamps", "sync_runs")]
    await sync(app, product_ids=(GAME,))
    assert [rows(path, foreign.format(table)) for table in ("stamps", "sync_runs")] == before


async def test_two_syncs_of_one_process_do_not_run_at_once(synced, path):
    options, refused = SyncOptions((GAME,)), []

    async def run():
        try:
            await synced.syncer.run(options, Trigger.TOOL)
        except SyncInProgress as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(run)
    assert len(refused) == 2
    assert rows(path, "SELECT status, count(*) FROM sync_runs GROUP BY status") == [("ok", 2)]


async def test_a_cancelled_sync_says_so_and_keeps_what_it_had(app, fault, world, path):
    fault(BUGS, FaultKind.DELAY, seconds=30)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app.syncer.run, SyncOptions((GAME,)), Trigger.TOOL)
        await until(lambda: ids(path, "tests"))
        tasks.cancel_scope.cancel()
    assert latest_run(path)[0] == "cancelled"
    assert ids(path, "tests") == sorted(world.test_ids(GAME))
    assert app.syncer.current is None
    with app.syncer.lock.held():
        assert defects(path) == []


async def test_a_log_that_grows_is_emptied_while_the_sync_goes_on_and_at_its_end(
    synced, fault, path, monkeypatch
):
    log = path.with_name("cache.db-wal")
    await sync(synced, product_ids=(GAME,))
    assert log.stat().st_size == 0
    monkeypatch.setattr("testio_mcp.sync.run.RECORD_SECONDS", 0.01)
    monkeypatch.setattr("testio_mcp.sync.run.LOG_BYTES", 1)
    before = path.stat().st_mtime_ns
    fault(BUGS, FaultKind.DELAY, seconds=30)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(synced.syncer.run, SyncOptions((GAME,)), Trigger.TOOL)
        # Only what leaves the log reaches the file.
        await until(lambda: path.stat().st_mtime_ns != before)
        tasks.cancel_scope.cancel()


async def test_a_cancelled_sync_does_not_hide_why_the_last_one_failed(synced, fault):
    fault("products", times=3, status=503)
    with pytest.raises(ApiUnavailable):
        await sync(synced)
    fault("products", FaultKind.DELAY, seconds=30)
    with anyio.move_on_after(0.1):
        await sync(synced)
    assert "503" in str(synced.condition.failure)


# Kills itself while bugs are being stored.
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from pydantic import SecretStr
from testio_mcp.app import Source, open_app
from testio_mcp.domain.syncs import SyncOptions, Trigger
from testio_mcp.settings import Loaded, Settings

async def main(home, url, host):
    settings = Settings(_env_file=None, home=Path(home), refresh_interval_seconds=0)
    source = Source(url, SecretStr("sandbox"), host)
    async with open_app(Loaded(settings, [], []), source) as app:
        running = asyncio.create_task(app.syncer.run(SyncOptions(), Trigger.COMMAND))
        while app.syncer.current is None or not app.syncer.current.tally.read("bugs"):
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_sync_leaves_a_sound_cache_and_the_next_one_completes(
    path, sandbox, world, settings, api_url
):
    killed = start(KILLED, path.parent, api_url, sandbox.host_name)
    await asyncio.to_thread(killed.communicate)
    assert killed.returncode == -signal.SIGKILL
    assert defects(path) == []
    assert latest_run(path)[0] == "running"
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    async with open_app(Loaded(settings, [], []), source) as app:
        report = await sync(app)
    assert report.state == "ok"
    assert rows(path, "SELECT status, error FROM sync_runs ORDER BY id") == [
        ("failed", "The process ended."),
        ("ok", None),
    ]
    assert len(ids(path, "tests")) == sum(len(world.test_ids(id)) for id in world.product_ids())
    assert defects(path) == []
