"""sync_data: who starts a sync, who joins it, and what is said until it ends."""

import pytest
from tests.caches import GAME, change, latest_run, rows
from tests.programs import HOLD, finish, start

from testio_mcp.sandbox import Fault, FaultKind


@pytest.fixture
def sync(client):
    async def sync(wait_seconds=15, **arguments):
        call = {"product_ids": [GAME], "wait_seconds": wait_seconds, **arguments}
        answer = await client.call_tool("sync_data", call)
        return answer.structured_content["sync"], answer.content[0].text

    return sync


async def test_who_waits_for_the_end_gets_what_came_of_it(sync, path):
    done, text = await sync()
    assert (done["state"], done["trigger"]) == ("ok", "tool")
    assert done["counts"]["tests"] == {"new": 10}
    assert "| tests | 10 |" in text
    assert latest_run(path) == ("ok", None)


async def test_progress_is_reported_until_the_end(client):
    heard = []

    async def hear(progress, total, message):
        heard.append((progress, total, message))

    call = {"product_ids": [GAME], "wait_seconds": 15}
    await client.call_tool("sync_data", call, progress_handler=hear)
    assert heard
    assert all(0 <= progress <= total for progress, total, _ in heard)
    assert all("tests" in message for _, _, message in heard)


async def test_who_does_not_wait_is_told_that_it_goes_on(sync, sandbox, path):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=0.3))
    started, _ = await sync(wait_seconds=0)
    joined, _ = await sync(wait_seconds=0)
    assert (started["state"], joined["state"]) == ("started", "joined")
    assert started["run_id"] == joined["run_id"]
    done, _ = await sync()
    assert (done["state"], done["run_id"]) == ("ok", started["run_id"])
    assert rows(path, "SELECT count(*) FROM sync_runs") == [(1,)]


async def test_a_sync_of_another_process_is_left_to_it(sync, path):
    other = start(HOLD, path)
    assert other.stdout.readline() == "held\n"
    elsewhere, text = await sync()
    finish(other)
    assert elsewhere["state"] == "running_elsewhere"
    assert "Another process is syncing" in text
    assert rows(path, "SELECT * FROM sync_runs") == []
    assert (await sync())[0]["state"] == "ok"


async def test_what_could_not_be_read_is_in_the_answer(sync, sandbox):
    sandbox.world.drop_field("bug", sandbox.world.bug_ids(sandbox.world.test_ids(GAME)[2])[0], "id")
    done, text = await sync()
    assert done["state"] == "partial"
    assert done["incomplete"] == ["Bug without an id could not be read: id: Field required."]
    assert "Bug without an id could not be read" in text


async def test_a_sync_since_a_day_says_what_it_left_out(sync, client):
    done, _ = await sync(since="since 2026-10-20")
    page = await client.call_tool("list_tests", {"product_ids": [GAME]})
    assert done["state"] == "ok"
    assert done["counts"]["tests"]["new"] < 10
    assert page.structured_content["freshness"]["incomplete"] == [
        f"Of product Skyforge Arena ({GAME}), tests that ended before 2026-10-20 "
        "were not asked for."
    ]
    await sync()
    page = await client.call_tool("list_tests", {"product_ids": [GAME]})
    assert "incomplete" not in page.structured_content["freshness"]


async def test_undocumented_words_are_seen_in_diagnostics(sync, client, sandbox):
    world = sandbox.world
    test = next(id for id in world.test_ids(GAME) if world.bug_ids(id))
    world.set_field("test", test, "status", "paused")
    world.set_field("bug", world.bug_ids(test)[0], "severity", "cosmic")
    world.set_field("bug", world.bug_ids(test)[0], "mood", "sunny")
    world.set_field("bug", world.bug_ids(test)[0], "language", {"no": "text"})
    await sync()
    answer = await client.call_tool("get_server_diagnostics")
    found = answer.structured_content["diagnostics"]["unknown_values"]
    assert found == [
        {"field": "test status", "value": "paused", "count": 1},
        {"field": "bug severity", "value": "cosmic", "count": 1},
    ]
    diagnostics = answer.structured_content["diagnostics"]
    assert diagnostics["unknown_fields"] == [{"field": "bugs.mood", "count": 1}]
    assert diagnostics["unknown_forms"] == ["bugs.language"]
    text = answer.content[0].text
    assert "cosmic" in text
    assert "undocumented fields: bugs.mood (1)" in text
    assert "fields in an unknown form: bugs.language" in text


async def test_a_cache_upgraded_meanwhile_says_to_restart(sync, client, path):
    await sync()
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    answer = await client.call_tool("sync_data", {"product_ids": [GAME]}, raise_on_error=False)
    assert answer.is_error
    assert "Restart" in answer.content[0].text
    diagnostics = (await client.call_tool("get_server_diagnostics")).structured_content
    assert "Restart" in diagnostics["diagnostics"]["problems"][0]
