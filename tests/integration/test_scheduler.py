"""The background sync: when it runs, when it leaves it, and that nothing ends it."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from tests.caches import GAME, rows
from tests.factories import SyncRunFactory

from testio_mcp.domain.syncs import RunStatus, SyncOptions
from testio_mcp.errors import ApiUnavailable
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.sync.lock import SyncLock
from testio_mcp.sync.scheduler import FIRST_RETRY, cycle, keep_fresh

HOUR = timedelta(hours=1)
WANTED = SyncOptions((GAME,))
ALL = {"product_ids": [], "since": None, "force": False}

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.fixture
def recorded(save):
    """Record a run that began some time ago."""

    async def recorded(ago, status=RunStatus.OK, **options):
        began = datetime.now(UTC) - ago
        await save(SyncRunFactory(started_at=began, status=status, options=ALL | options))

    return recorded


@pytest.fixture
def pauses(monkeypatch):
    """How many seconds were to be waited, instead of waiting them."""
    asked = []

    async def record(seconds):
        asked.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("testio_mcp.sync.scheduler.anyio.sleep", record)
    return asked


async def test_a_cache_never_synced_is_synced_at_once(app, path):
    assert await cycle(app.syncer, WANTED, HOUR) == HOUR
    assert rows(path, "SELECT trigger, status FROM sync_runs") == [("background", "ok")]


@pytest.mark.parametrize(
    ("ago", "status", "options"),
    [
        (HOUR / 2, RunStatus.OK, {}),
        (HOUR / 2, RunStatus.PARTIAL, {}),
        (HOUR / 2, RunStatus.OK, {"product_ids": [GAME]}),
        (HOUR / 2, RunStatus.OK, {"product_ids": [1001, GAME], "force": True}),
    ],
)
async def test_a_run_within_the_interval_is_enough(app, sandbox, recorded, ago, status, options):
    await recorded(ago, status, **options)
    pause = await cycle(app.syncer, WANTED, HOUR)
    assert timedelta(minutes=29) < pause <= HOUR / 2
    assert sandbox.request_count == 0


@pytest.mark.parametrize(
    ("ago", "status", "options"),
    [
        (HOUR * 2, RunStatus.OK, {}),
        (-HOUR * 24, RunStatus.OK, {}),
        (HOUR / 2, RunStatus.FAILED, {}),
        (HOUR / 2, RunStatus.CANCELLED, {}),
        (HOUR / 2, RunStatus.RUNNING, {}),
        (HOUR / 2, RunStatus.OK, {"product_ids": [1001]}),
        (HOUR / 2, RunStatus.OK, {"since": "2026-11-01T00:00:00+00:00"}),
    ],
    ids=["old", "future", "failed", "cancelled", "dead", "other product", "part of the time"],
)
async def test_any_other_run_is_not(app, sandbox, recorded, ago, status, options):
    await recorded(ago, status, **options)
    assert await cycle(app.syncer, WANTED, HOUR) == HOUR
    assert sandbox.request_count > 0


async def test_a_run_for_one_product_does_not_stand_for_all_of_them(app, sandbox, recorded):
    await recorded(HOUR / 2, product_ids=[GAME])
    assert await cycle(app.syncer, SyncOptions(), HOUR) == HOUR
    assert sandbox.request_count > 0


async def test_a_run_that_reached_back_further_is_enough(app, sandbox, recorded):
    await recorded(HOUR / 2, since="2026-10-01T00:00:00+00:00")
    wanted = SyncOptions((GAME,), datetime(2026, 11, 1, tzinfo=UTC))
    await cycle(app.syncer, wanted, HOUR)
    assert sandbox.request_count == 0


async def test_while_another_process_syncs_it_is_left_to_that(app, sandbox, path):
    with SyncLock(path).held():
        assert await cycle(app.syncer, WANTED, HOUR) == HOUR
    assert sandbox.request_count == 0
    assert rows(path, "SELECT * FROM sync_runs") == []


async def test_a_failure_is_told_to_who_keeps_it_going(app, sandbox):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, status=503))
    with pytest.raises(ApiUnavailable):
        await cycle(app.syncer, WANTED, HOUR)


@pytest.mark.parametrize("error", [ApiUnavailable("TestIO answered 503."), ZeroDivisionError()])
async def test_after_failures_it_waits_ever_longer_until_one_succeeds(pauses, caplog, error):
    outcomes = [error] * 8 + [None, error]

    async def sync_once():
        if not outcomes:
            tasks.cancel_scope.cancel()
            await anyio.lowlevel.checkpoint()
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return HOUR

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_fresh, sync_once, HOUR)
    minutes = [seconds / FIRST_RETRY.total_seconds() for seconds in pauses]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1]
    assert "Background sync failed" in caplog.text


async def test_it_never_waits_longer_than_the_interval(pauses):
    async def sync_once():
        if len(pauses) == 3:
            tasks.cancel_scope.cancel()
        raise ApiUnavailable("TestIO answered 503.")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_fresh, sync_once, timedelta(seconds=10))
    assert pauses[:3] == [10, 10, 10]


async def test_a_sync_that_failed_is_tried_again(app, sandbox, path):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, status=503, times=3))

    async def sync_once():
        pause = await cycle(app.syncer, WANTED, HOUR)
        tasks.cancel_scope.cancel()
        return pause

    async with anyio.create_task_group() as tasks:
        # Without an interval no pause is longer than none.
        tasks.start_soon(keep_fresh, sync_once, timedelta(0))
    assert rows(path, "SELECT status FROM sync_runs ORDER BY id") == [("failed",), ("ok",)]
    assert app.condition.failure is None
