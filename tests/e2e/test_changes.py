"""What moved since a day: what is new, what has another status, and apart from it what is gone."""

from datetime import UTC, datetime

import pytest
from tests.caches import BANK, GAME, change, rows

TODAY = "today"
LONG_AGO = "2020-01-01"
HOW_MUCH = {"page_size": 100, "changed_since": TODAY}


@pytest.fixture
async def ask(client, sandbox, path):
    """Asks a tool; the first sync was on the day before."""

    async def ask(tool, **arguments):
        answer = await client.call_tool(tool, arguments)
        return answer.structured_content, answer.content[0].text

    await ask("sync_data", wait_seconds=15)
    day_before = "datetime({}, '-1 day') || '.000000'"
    change(path, f"UPDATE sync_runs SET finished_at = {day_before.format('finished_at')}")
    change(path, f"UPDATE tests SET first_seen_at = {day_before.format('first_seen_at')}")
    for table in ("tests", "bugs"):
        change(path, f"UPDATE {table} SET status_changed_at = NULL")
    return ask


@pytest.fixture
def world(sandbox):
    return sandbox.world


async def sync(ask, path):
    """All of it, so that what is gone is seen."""
    change(path, "DELETE FROM stamps WHERE kind IN ('all_tests', 'bugs')")
    await ask("sync_data", wait_seconds=15)


def open_bugs(world, product_id):
    return [
        bug
        for test in world.test_ids(product_id)
        for bug in world.bug_ids(test)
        if world.bug(bug)["status"] == "forwarded"
    ]


async def test_a_bug_of_another_status_comes_with_the_one_before(ask, world, path):
    bug = open_bugs(world, GAME)[0]
    world.move_bug(bug, "accepted")
    await sync(ask, path)
    answer, text = await ask("list_bugs", product_ids=[GAME], **HOW_MUCH)
    [row] = [row for row in answer["items"] if row["change"] == "status"]
    assert (row["id"], row["previous_status"], row["status"]) == (bug, "open", "accepted")
    [(stored,)] = rows(path, "SELECT status_changed_at FROM bugs WHERE id = ?", bug)
    assert datetime.fromisoformat(row["status_changed_at"]) == datetime.fromisoformat(
        stored
    ).replace(tzinfo=UTC)
    assert "status before" in text


async def test_a_bug_is_new_by_its_report_and_not_by_when_it_was_seen(ask, world, path):
    test = world.test_ids(GAME)[0]
    new = world.add_bug(test, reported_at=datetime.now(UTC).isoformat())
    old = world.add_bug(test, reported_at="2026-01-01T10:00:00Z")
    await sync(ask, path)
    answer, _ = await ask("list_bugs", product_ids=[GAME], **HOW_MUCH)
    changes = {row["id"]: row["change"] for row in answer["items"]}
    assert changes[new] == "new"
    assert old not in changes


async def test_a_test_is_new_once_the_first_sync_was_through(ask, world, path):
    new = world.add_test(GAME)
    moved = next(id for id in world.test_ids(GAME) if world.test(id)["status"] == "locked")
    world.move_test(moved, "archived")
    await sync(ask, path)
    answer, text = await ask("list_tests", product_ids=[GAME], **HOW_MUCH)
    found = {row["id"]: (row["change"], row["previous_status"]) for row in answer["items"]}
    assert found == {new: ("new", None), moved: ("status", "locked")}
    assert "| new |" in text


async def test_what_is_gone_is_said_apart(ask, world, path):
    test = next(id for id in world.test_ids(GAME) if world.bug_ids(id))
    bugs = world.bug_ids(test)
    world.delete_test(test)
    await sync(ask, path)
    tests, text = await ask("list_tests", product_ids=[GAME], **HOW_MUCH)
    assert [row["id"] for row in tests["deleted"]] == [test]
    assert test not in [row["id"] for row in tests["items"]]
    assert "Deleted at TestIO" in text
    bugs_answer, _ = await ask("list_bugs", product_ids=[GAME], **HOW_MUCH)
    assert {row["id"] for row in bugs_answer["deleted"]} == set(bugs)
    elsewhere, text = await ask("list_tests", product_ids=[BANK], **HOW_MUCH)
    assert elsewhere["deleted"] == []
    assert "Nothing was seen to be deleted" in text


async def test_before_the_first_sync_nothing_is_known(ask, path):
    answer, text = await ask("list_tests", changed_since=LONG_AGO, page_size=100)
    assert [row for row in answer["items"] if row["change"] == "new"] == []
    assert "when the first sync ended, are not known" in text
    change(path, "UPDATE sync_runs SET status = 'failed'")
    _, text = await ask("list_tests", changed_since=LONG_AGO)
    assert "not known before the first sync is complete" in text


async def test_a_sync_of_one_product_says_nothing_of_the_others(ask, path):
    change(
        path, "UPDATE sync_runs SET options = json_set(options, '$.product_ids', json('[1004]'))"
    )
    _, text = await ask("list_bugs", changed_since=LONG_AGO, product_ids=[GAME])
    assert "when the first sync ended, are not known" in text
    _, text = await ask("list_bugs", changed_since=LONG_AGO, product_ids=[BANK])
    assert "not known before the first sync is complete" in text


async def test_a_change_begins_somewhere(client):
    answer = await client.call_tool("list_tests", {"changed_since": "all"}, raise_on_error=False)
    assert "changed_since must begin somewhere" in answer.content[0].text


async def test_who_does_not_ask_is_told_nothing_of_changes(ask):
    answer, _ = await ask("list_bugs")
    assert "deleted" not in answer
    assert "change" not in answer["items"][0]
