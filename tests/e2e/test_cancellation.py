"""Clients that cancel or leave in the middle of a call: nothing is left open, held or lost."""

import asyncio
import gc
import threading
from heapq import heapify

import anyio
import pytest
from sqlalchemy import event
from sqlmodel.ext.asyncio.session import AsyncSession
from tests.caches import GAME, change, defects, sync
from tests.e2e.asking import questions
from tests.reading import OLD, reading, served
from tests.watching import until

from testio_mcp.database.engine import READERS
from testio_mcp.sync.freshness import FreshnessReader
from testio_mcp.sync.lock import SyncLock

CALLS = 100
# More steps of the event loop than a call takes that waits for nothing.
LONGEST = 60


@pytest.fixture
def test_id(sandbox):
    world = sandbox.world
    return next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)


async def cut_off(client, tool, arguments, steps):
    """Call a tool, and cancel the call after some steps of the event loop."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, tool, arguments)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


def connections():
    """Each connection to the cache has a thread."""
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}


def watch_connections(reader):
    """Connections that were cut off in a statement, so that nobody can use them any more."""
    found = []
    database = reader.app.services._database
    for engine in (database._readers, database._writer):
        event.listen(engine.sync_engine, "invalidate", lambda *cut_off: found.append(cut_off))
    return found


@pytest.fixture
def left_over():
    """Gives what only lives as long as a call, and was not there before the test."""
    # To ask each of a million objects whether it is an instance takes a minute.
    kinds = {AsyncSession, *AsyncSession.__subclasses__(), FreshnessReader}

    def alive():
        gc.collect()
        return [thing for thing in gc.get_objects() if type(thing) in kinds]

    others = alive()

    def left_over():
        # A timer that was cancelled keeps its call until its time comes.
        timers = asyncio.get_running_loop()._scheduled
        timers[:] = [timer for timer in timers if not timer.cancelled()]
        heapify(timers)
        return [thing for thing in alive() if all(thing is not other for other in others)]

    return left_over


async def settled(reader):
    """Wait until what goes on without its callers has ended."""
    await reader.landed()
    while working := {*reader.app.background._tasks}:
        await asyncio.wait(working)
    await until(lambda: not reader.checked_out)


async def all_ended_but(tasks):
    """A task that was cancelled in its last step takes another one to end."""
    while others := asyncio.all_tasks() - tasks:
        await asyncio.wait(others)


async def test_calls_cancelled_at_any_moment_leave_nothing_behind(
    synced_path, settings, sandbox, test_id, left_over
):
    asked = questions(sandbox.world)
    others = connections()
    del asked["sync_data"], asked["get_server_diagnostics"]
    async with served(settings, sandbox) as (client, reader):
        for tool, arguments in asked.items():
            await client.call_tool(tool, arguments)
        await settled(reader)
        tasks = asyncio.all_tasks()
        thrown_away = watch_connections(reader)
        for number in range(CALLS):
            tool = list(asked)[number % len(asked)]
            # Whoever writes needs the event loop to finish.
            await asyncio.to_thread(reader.age, "kind IN ('bugs', 'test')")
            await cut_off(client, tool, asked[tool], number % LONGEST)
        await settled(reader)
        assert reader.refresher._flights == {}
        assert reader.checked_out == 0
        await all_ended_but(tasks)
        assert len(connections() - others) <= READERS + 1
        assert thrown_away == []
        assert left_over() == []
        assert (await sync(reader.app)).state == "ok"
        answer = await client.call_tool("get_test_summary", {"test_id": test_id})
        assert answer.structured_content["freshness"]["state"] == "fresh"
    assert defects(synced_path) == []


async def test_a_refresh_outlives_all_who_waited_for_it(synced_path, settings, sandbox, test_id):
    async with served(settings, sandbox) as (client, reader):
        await reader.products()
        reader.age("kind = 'bugs'")
        bug = sandbox.world.add_bug(test_id)
        reader.held.hold("bugs")
        async with anyio.create_task_group() as tasks:
            for _ in range(CALLS // 4):
                tasks.start_soon(client.call_tool, "list_bugs", {"test_ids": [test_id]})
            await reader.held.asked.wait()
            tasks.cancel_scope.cancel()
        await until(lambda: not reader.checked_out)
        assert reader.refresher.in_flight == 1
        reader.held.let_go()
        await settled(reader)
        asked = reader.asked.copy()
        answer = await client.call_tool("list_bugs", {"test_ids": [test_id]})
        assert bug in {row["id"] for row in answer.structured_content["items"]}
        assert answer.structured_content["freshness"]["state"] == "fresh"
        assert reader.asked == asked
        assert asked.count("bugs") == 1


@pytest.mark.parametrize("held", ["bugs", "exploratory_tests", "products"])
async def test_a_client_that_leaves_during_a_call_leaves_a_sound_cache(
    synced_path, settings, sandbox, test_id, held, left_over
):
    tasks = asyncio.all_tasks()
    sandbox.world.add_bug(test_id)
    change(synced_path, f"UPDATE stamps SET at = '{OLD}'")
    async with (
        anyio.create_task_group() as calling,
        served(settings, sandbox) as (client, reader),
    ):
        reader.held.hold(held)
        calling.start_soon(client.call_tool, "get_test_summary", {"test_id": test_id})
        await reader.held.asked.wait()
        calling.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await client.close()
    assert reader.checked_out == 0
    assert reader.refresher._flights == {}
    await all_ended_but(tasks)
    assert left_over() == []
    assert defects(synced_path) == []
    with SyncLock(synced_path).held():
        pass
    async with reading(settings, sandbox) as again:
        answer = await again.test(test_id)
        assert answer.freshness.state == "fresh"
        assert answer.test.bugs.total == len(sandbox.world.bug_ids(test_id))
