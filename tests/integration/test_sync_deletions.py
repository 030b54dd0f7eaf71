"""What TestIO no longer has leaves every answer, but only where that is proven."""

from datetime import UTC, datetime, timedelta

import pytest
from fastmcp.exceptions import ToolError
from tests.caches import BANK, GAME, SHOP, change, defects, ids, rows, sync
from tests.watching import watch_requests

from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

LIST = f"products/{GAME}/exploratory_tests"
PRESENT, GONE = "deleted_at IS NULL", "deleted_at IS NOT NULL"


@pytest.fixture
def sandbox(sandbox):
    sandbox.watched = watch_requests(sandbox)
    return sandbox


@pytest.fixture
def watched(sandbox):
    return sandbox.watched


def with_bugs(world, product=GAME, *statuses):
    return next(
        id
        for id in world.test_ids(product)
        if world.bug_ids(id) and (not statuses or world.status(id) in statuses)
    )


@pytest.mark.parametrize("options", [{}, {"force": True}], ids=["usual", "forced"])
async def test_a_test_that_is_gone_leaves_with_its_bugs_and_comes_back_with_them(
    synced, world, path, options
):
    test = with_bugs(world, GAME, "running" if not options else "archived")
    bugs = sorted(world.bug_ids(test))
    before = rows(path, f"SELECT * FROM tests WHERE id = {test}")
    world.delete_test(test)
    report = await sync(synced, product_ids=(GAME,), **options)
    assert (report.state, report.incomplete) == ("ok", [])
    assert report.counts["tests"]["deleted"] == 1
    assert report.counts["bugs"]["deleted"] == len(bugs)
    assert ids(path, "tests", GONE) == [test]
    assert ids(path, "bugs", GONE) == bugs
    again = await sync(synced, product_ids=(GAME,), **options)
    assert "deleted" not in again.counts["tests"]
    world.restore_test(test)
    back = await sync(synced, product_ids=(GAME,), **options)
    assert back.state == "ok"
    assert ids(path, "tests", GONE) == ids(path, "bugs", GONE) == []
    assert rows(path, f"SELECT * FROM tests WHERE id = {test}") == before
    assert defects(path) == []


async def test_a_bug_that_is_gone_leaves_and_comes_back(synced, world, path):
    test = with_bugs(world, GAME, "running")
    bug, *others = sorted(world.bug_ids(test))
    world.delete_bug(bug)
    report = await sync(synced, product_ids=(GAME,))
    assert (report.state, report.counts["bugs"]["deleted"]) == ("ok", 1)
    assert ids(path, "bugs", GONE) == [bug]
    assert ids(path, "bugs", f"{PRESENT} AND test_id = ?", test) == others


async def test_a_product_that_is_gone_leaves_with_all_it_has_and_comes_back(synced, world, path):
    tests, features = sorted(world.test_ids(GAME)), sorted(f.id for f in world.features(GAME))
    bugs = sorted(bug for test in tests for bug in world.bug_ids(test))
    world.delete_product(GAME)
    report = await sync(synced)
    assert (report.state, report.counts["products"]["deleted"]) == ("ok", 1)
    assert ids(path, "products", GONE) == [GAME]
    assert ids(path, "tests", GONE) == tests
    assert ids(path, "bugs", GONE) == bugs
    assert set(features) <= set(ids(path, "features", GONE))
    assert (await sync(synced)).state == "ok"
    world.restore_product(GAME)
    assert (await sync(synced)).state == "ok"
    for table in ("products", "tests", "bugs", "user_stories"):
        assert ids(path, table, GONE) == []
    assert set(features) <= set(ids(path, "features", PRESENT))
    assert defects(path) == []


async def test_what_is_gone_stands_in_no_answer(client, synced_path, sandbox):
    world = sandbox.world
    test = with_bugs(world, GAME, "running")
    bug = world.bug_ids(test)[0]
    found = await client.call_tool("list_tests", {"product_ids": [GAME]})
    assert test in {item["id"] for item in found.structured_content["items"]}
    world.delete_test(test)
    await client.call_tool("sync_data", {"wait_seconds": 15})
    found = await client.call_tool("list_tests", {"product_ids": [GAME]})
    listed = {item["id"] for item in found.structured_content["items"]}
    assert listed == set(world.test_ids(GAME))
    for tool, arguments in (
        ("get_test_summary", {"test_id": test}),
        ("get_bug_summary", {"bug_id": bug}),
    ):
        with pytest.raises(ToolError, match="is not known"):
            await client.call_tool(tool, arguments)


@pytest.mark.parametrize("page", ["1", "2"])
@pytest.mark.parametrize("status", [403, 503])
async def test_nothing_is_deleted_after_a_list_that_could_not_be_read(
    synced, sandbox, world, path, page, status
):
    sandbox.faults.add(Fault(LIST, FaultKind.CAP_PER_PAGE, cap=4))
    world.delete_test(world.test_ids(GAME)[-1])
    sandbox.watched.looks.append(
        lambda asked, query: status if asked == LIST and query.get("page") == page else None
    )
    report = await sync(synced, product_ids=(GAME,), force=True)
    assert report.state == "partial"
    assert ids(path, "tests", GONE) == []
    sandbox.watched.looks.clear()
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"


async def test_a_test_that_leaves_the_list_but_answers_on_its_id_stays(
    synced, sandbox, world, path, monkeypatch
):
    hidden = with_bugs(world, GAME, "archived")
    monkeypatch.setattr(type(world), "test_ids", hiding(type(world).test_ids, hidden))
    report = await sync(synced, product_ids=(GAME,), force=True)
    assert (report.state, report.incomplete) == ("ok", [])
    assert ids(path, "tests", GONE) == []


def hiding(test_ids, hidden):
    return lambda world, product: [id for id in test_ids(world, product) if id != hidden]


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_a_deletion_that_cannot_be_proven_is_said_and_made_up_for(
    synced, sandbox, world, path, status
):
    test = with_bugs(world, GAME, "archived")
    world.delete_test(test)
    sandbox.faults.add(Fault(f"exploratory_tests/{test}", FaultKind.STATUS, status=status))
    report = await sync(synced, product_ids=(GAME,), force=True)
    assert (report.state, len(report.incomplete)) == ("partial", 1)
    assert ids(path, "tests", GONE) == []
    sandbox.faults.clear()
    assert (await sync(synced, product_ids=(GAME,), force=True)).state == "ok"
    assert ids(path, "tests", GONE) == [test]
    assert rows(path, "SELECT * FROM problems") == []


async def test_a_bug_whose_deletion_cannot_be_proven_stays_until_it_can(
    synced, sandbox, world, path
):
    test = with_bugs(world, GAME, "archived")
    bug = world.bug_ids(test)[0]
    world.delete_bug(bug)
    sandbox.faults.add(Fault(f"bugs/{bug}", FaultKind.STATUS, status=503))
    report = await sync(synced, product_ids=(GAME,), force=True)
    assert (report.state, ids(path, "bugs", GONE)) == ("partial", [])
    sandbox.faults.clear()
    # Its test is over for long, and read again all the same.
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"
    assert ids(path, "bugs", GONE) == [bug]
    assert rows(path, "SELECT * FROM problems") == []


async def test_a_product_whose_deletion_cannot_be_proven_stays(synced, sandbox, world, path):
    world.delete_product(GAME)
    sandbox.faults.add(Fault(f"products/{GAME}", FaultKind.STATUS, status=503))
    report = await sync(synced)
    assert (report.state, ids(path, "products", GONE)) == ("partial", [])
    assert rows(path, "SELECT kind, item_id FROM problems") == [("product", GAME)]
    sandbox.faults.clear()
    assert (await sync(synced)).state == "ok"
    assert ids(path, "products", GONE) == [GAME]
    assert rows(path, "SELECT kind FROM problems") == []


async def test_problems_of_a_product_that_is_gone_end(synced, world, path):
    tests = world.test_ids(GAME)
    world.set_field("test", tests[0], "features", "none")
    world.poison_test(world.add_test(GAME))
    world.drop_field("bug", world.bug_ids(with_bugs(world, GAME, "running"))[0], "title")
    await sync(synced, product_ids=(GAME,))
    assert len(rows(path, "SELECT kind FROM problems")) == 3
    world.delete_product(GAME)
    assert (await sync(synced)).state == "ok"
    assert rows(path, "SELECT kind FROM problems") == []


async def test_a_sync_of_other_products_deletes_nothing_of_this_one(synced, world, path):
    world.delete_product(GAME)
    world.delete_test(with_bugs(world, SHOP))
    assert (await sync(synced, product_ids=(BANK,), force=True)).state == "ok"
    assert [ids(path, table, GONE) for table in ("products", "tests", "bugs")] == [[]] * 3


async def test_nothing_from_before_the_time_asked_for_is_deleted(synced, world, path):
    old, recent = with_bugs(world, GAME, "archived"), with_bugs(world, GAME, "running")
    end = datetime.fromisoformat(world.test(old)["end_at"])
    for test in (old, recent):
        world.delete_test(test)
    since = f"since {end + timedelta(days=1):%Y-%m-%d}"
    assert (await sync(synced, product_ids=(GAME,), since=since, force=True)).state == "ok"
    assert ids(path, "tests", GONE) == [recent]


async def test_a_bug_that_moved_to_another_test_is_not_deleted(synced, world, path):
    first, second = (id for id in world.test_ids(GAME) if world.status(id) == "running")
    bug = world.bug_ids(first)[0]
    world.set_field("bug", bug, "test", {"id": second, "title": "Elsewhere"})
    await sync(synced, product_ids=(GAME,))
    assert rows(path, f"SELECT test_id, deleted_at FROM bugs WHERE id = {bug}") == [(second, None)]


async def test_a_bug_that_makes_no_sense_any_more_is_not_deleted(synced, world, path):
    bug = world.bug_ids(with_bugs(world, GAME, "running"))[0]
    world.drop_field("bug", bug, "title")
    report = await sync(synced, product_ids=(GAME,))
    assert (report.state, ids(path, "bugs", GONE)) == ("partial", [])


async def test_a_refusal_by_id_older_than_an_answer_deletes_nothing(synced, watched, world, path):
    """It was deleted and came back while its deletion was being proven."""
    test = with_bugs(world, GAME, "archived")
    world.delete_test(test)
    later = datetime(2100, 1, 1, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def meanwhile():
        change(path, "UPDATE stamps SET at = ? WHERE kind = 'test' AND id = ?", later, test)

    with watched.once(f"exploratory_tests/{test}", meanwhile) as asked:
        await sync(synced, product_ids=(GAME,), force=True)
    assert asked
    assert ids(path, "tests", GONE) == []
