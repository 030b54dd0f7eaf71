"""What cannot be read fails alone, is remembered, and is made good by the next sync by itself."""

from datetime import timedelta

import pytest
from tests.caches import (
    BANK,
    GAME,
    OF_EVERY_RUN,
    OF_FAILURES,
    SHOP,
    contents,
    defects,
    ids,
    rows,
    stamps,
    sync,
)
from tests.conftest import ANCHOR
from tests.e2e.reference import read_world
from tests.integration.test_sync import watch, written
from tests.watching import watch_requests

from testio_mcp.domain.freshness import Unit
from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

LIST = f"products/{GAME}/exploratory_tests"
PROBLEMS = "SELECT kind, product_id, item_id FROM problems ORDER BY kind, item_id"
BROKEN = {
    "500": {"kind": FaultKind.STATUS},
    "503 in HTML": {"kind": FaultKind.STATUS, "status": 503, "html": True},
    "524": {"kind": FaultKind.STATUS, "status": 524},
    "403": {"kind": FaultKind.STATUS, "status": 403},
    "429": {"kind": FaultKind.RATE_LIMITED, "retry_after": 0},
    "truncated": {"kind": FaultKind.TRUNCATED_JSON},
    "HTML": {"kind": FaultKind.HTML_BODY},
    "dropped": {"kind": FaultKind.DROPPED_CONNECTION},
    "dropped midway": {"kind": FaultKind.DROPPED_CONNECTION, "midway": True},
}
# What of a product one request brings, and the words for it in the record of the run.
UNITS = {
    "list": (LIST, "tests"),
    "features": (f"products/{GAME}/*features", "features"),
    "bugs": ("bugs", "bugs"),
}


@pytest.fixture
def sandbox(sandbox):
    sandbox.watched = watch_requests(sandbox)
    return sandbox


@pytest.fixture
def assert_equals_source(path, sandbox, api_url):
    async def assert_equals_source():
        world = await read_world(api_url, sandbox.token)
        tests = {(test["id"], test["title"], test["status"]) for test in world["tests"]}
        bugs = {(bug["id"], bug["title"], bug["status"]) for bug in world["bugs"]}
        present = "SELECT id, title, status FROM {} WHERE deleted_at IS NULL"
        assert set(rows(path, present.format("tests"))) == tests
        assert set(rows(path, present.format("bugs"))) == bugs
        features = [id for of_product in world["features"].values() for id in of_product]
        assert ids(path, "features", "deleted_at IS NULL") == sorted(features)
        assert rows(path, PROBLEMS) == []
        assert defects(path) == []

    return assert_equals_source


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        *(("list", name) for name in BROKEN),
        *(("bugs", name) for name in ("500", "524", "truncated", "dropped midway")),
        *(("features", name) for name in ("500", "403", "429", "HTML")),
    ],
)
async def test_a_unit_that_fails_is_named_and_the_next_sync_makes_it_good(
    synced, sandbox, world, path, unit, name, assert_equals_source
):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "running")
    world.set_field("test", test, "title", "Another title")
    world.move_bug(world.bug_ids(test)[0], "accepted", auto_accepted=True)
    world.delete_feature(world.features(GAME)[0].id)
    where, words = UNITS[unit]
    sandbox.faults.add(Fault(where, **BROKEN[name]))
    report = await sync(synced, product_ids=(GAME,))
    assert report.state == "partial"
    assert all(words in line for line in report.incomplete)
    assert rows(path, PROBLEMS) != []
    sandbox.faults.clear()
    report = await sync(synced, product_ids=(GAME,))
    assert (report.state, report.incomplete) == ("ok", [])
    await assert_equals_source()


@pytest.mark.parametrize("name", ["500", "503 in HTML", "dropped"])
async def test_a_first_sync_among_faults_is_completed_by_the_next_one(
    app, sandbox, name, assert_equals_source
):
    for where in (LIST, f"products/{BANK}/sections/*", "bugs", f"products/{SHOP}/user_stories"):
        sandbox.faults.add(Fault(where, **BROKEN[name]))
    assert (await sync(app)).state == "partial"
    sandbox.faults.clear()
    assert (await sync(app)).state == "ok"
    await assert_equals_source()


# Items


async def test_a_bug_that_makes_no_sense_is_a_problem_until_it_does(synced, world, path):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "archived")
    bug = world.bug_ids(test)[0]
    title = world.bug(bug)["title"]
    world.drop_field("bug", bug, "title")
    await sync(synced, product_ids=(GAME,), force=True)
    assert rows(path, PROBLEMS) == [("bug", GAME, bug)]
    assert rows(path, "SELECT test_id FROM problem_tests") == [(test,)]
    [(event, attempts)] = rows(path, "SELECT event_id, attempts FROM problems")
    assert (await sync(synced, product_ids=(GAME,))).state == "partial"
    assert rows(path, "SELECT event_id, attempts FROM problems") == [(event, attempts + 1)]
    world.set_field("bug", bug, "title", title)
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"
    assert rows(path, PROBLEMS) == []


@pytest.mark.parametrize("status", ["running", "archived"])
async def test_a_bug_that_makes_no_sense_is_no_problem_any_more_when_it_is_gone(
    synced, world, path, status
):
    test = next(
        id for id in world.test_ids(GAME) if world.status(id) == status and world.bug_ids(id)
    )
    bug = world.bug_ids(test)[0]
    world.drop_field("bug", bug, "title")
    await sync(synced, product_ids=(GAME,), force=True)
    world.delete_bug(bug)
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"
    assert rows(path, PROBLEMS) == []
    assert ids(path, "bugs", "deleted_at IS NOT NULL") == [bug]


@pytest.mark.parametrize("end", ["heals", "goes"])
async def test_a_bug_without_an_id_is_a_problem_of_its_test_only(synced, world, path, end):
    first, second = [id for id in world.test_ids(GAME) if world.status(id) == "running"][:2]
    bug = world.bug_ids(first)[0]
    world.drop_field("bug", bug, "id")
    report = await sync(synced, product_ids=(GAME,))
    assert report.state == "partial"
    assert rows(path, PROBLEMS)[0] == ("bug", GAME, None)
    assert (first,) in rows(path, "SELECT test_id FROM problem_tests")
    assert (second,) not in rows(path, "SELECT test_id FROM problem_tests")
    if end == "heals":
        world.set_field("bug", bug, "id", bug)
    else:
        world.delete_bug(bug)
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"
    assert rows(path, PROBLEMS) == []


async def test_two_bugs_without_an_id_in_two_tests_are_both_made_good(synced, world, path):
    tests = [id for id in world.test_ids(GAME) if world.status(id) == "archived"][:2]
    bugs = [world.bug_ids(id)[0] for id in tests]
    for bug in bugs:
        world.drop_field("bug", bug, "id")
    await sync(synced, product_ids=(GAME,), force=True)
    for bug in bugs:
        world.set_field("bug", bug, "id", bug)
        world.set_field("bug", bug, "severity", "visual")
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"
    assert rows(path, PROBLEMS) == []
    assert set(bugs) <= set(ids(path, "bugs", "severity = 'visual'"))


@pytest.mark.parametrize("end", ["heals", "goes"])
@pytest.mark.parametrize("depth", [0, 90])
@pytest.mark.parametrize("is_cached", [False, True], ids=["never cached", "cached"])
async def test_a_test_that_makes_no_sense_is_a_problem_until_it_does_or_is_gone(
    app, world, path, end, depth, is_cached
):
    for day in range(120):
        when = ANCHOR - timedelta(days=200 + day)
        world.add_test(GAME, status="archived", end_at=when)
    test = world.test_ids(GAME)[depth]
    features = world.test(test)["features"]
    if is_cached:
        await sync(app, product_ids=(GAME,))
    world.set_field("test", test, "features", "none")
    report = await sync(app, product_ids=(GAME,), force=True)
    assert report.state == "partial"
    assert rows(path, PROBLEMS) == [("test", GAME, test)]
    assert ids(path, "tests", "deleted_at IS NOT NULL") == []
    if end == "heals":
        world.set_field("test", test, "features", features)
    else:
        world.delete_test(test)
    report = await sync(app, product_ids=(GAME,))
    assert (report.state, rows(path, PROBLEMS)) == ("ok", [])
    assert ids(path, "tests", "deleted_at IS NULL") == sorted(world.test_ids(GAME))


async def test_an_unreadable_test_stays_a_problem_and_a_partial_run_until_it_is_read(
    app, world, path
):
    for day in range(120):
        when = ANCHOR - timedelta(days=200 + day)
        world.add_test(GAME, status="archived", end_at=when)
    world.set_field("test", world.test_ids(GAME)[90], "features", "none")
    states = [(await sync(app, product_ids=(GAME,))).state for _ in range(3)]
    assert states == ["partial"] * 3
    assert len(rows(path, PROBLEMS)) == 1


async def test_fields_that_nobody_knows_pass(synced, world, path):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "running")
    for kind, id in (("product", GAME), ("test", test), ("bug", world.bug_ids(test)[0])):
        world.set_field(kind, id, "novelty", {"deep": ["er"]})
    assert (await sync(synced, product_ids=(GAME,))).state == "ok"


# Batches of bugs


def bug_requests(sandbox):
    asked = [one.query for one in sandbox.requests if one.path == "bugs"]
    lists = [query.partition("filter_test_cycle_ids=")[2].split("&")[0] for query in asked]
    return [[int(id) for id in ids.split("%2C")] for ids in lists if ids]


def failing(status, *tests):
    def look(path, query):
        asked = query.get("filter_test_cycle_ids", "").split(",")
        return status if path == "bugs" and {str(id) for id in tests} & set(asked) else None

    return look


async def test_a_batch_that_takes_too_long_is_halved_and_not_asked_for_again(
    synced, sandbox, world, path
):
    def look(asked, query):
        return 524 if query.get("filter_test_cycle_ids", "").count(",") > 4 else None

    sandbox.watched.looks.append(look)
    sandbox.reset_counts()
    report = await sync(synced, product_ids=(SHOP,), force=True)
    asked = [tuple(ids) for ids in bug_requests(sandbox)]
    assert report.state == "ok"
    assert len(asked) == len(set(asked))
    read = {id for ids in asked if len(ids) <= 5 for id in ids}
    assert read == set(world.test_ids(SHOP))


@pytest.mark.parametrize("status", [500, 524])
@pytest.mark.parametrize("number", [1, 2])
async def test_tests_whose_bugs_fail_cost_no_other_test_its_bugs(
    app, sandbox, world, path, status, number
):
    bad = world.test_ids(SHOP)[5 : 5 + 7 * number : 7]
    sandbox.watched.looks.append(failing(status, *bad))
    report = await sync(app, product_ids=(SHOP,))
    assert report.state == "partial"
    assert set(stamps(path, Unit.BUGS)) == set(world.test_ids(SHOP)) - set(bad)
    assert rows(path, PROBLEMS) == [("bugs", SHOP, id) for id in sorted(bad)]
    assert {id for (id,) in rows(path, "SELECT test_id FROM problem_tests")} == set(bad)
    sandbox.watched.looks.clear()
    assert (await sync(app, product_ids=(SHOP,))).state == "ok"
    assert rows(path, PROBLEMS) == []
    bugs = [bug for test in world.test_ids(SHOP) for bug in world.bug_ids(test)]
    assert ids(path, "bugs") == sorted(bugs)


async def test_bugs_that_fail_all_at_once_cost_few_requests(synced, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS, status=500))
    sandbox.reset_counts()
    await sync(synced, product_ids=(SHOP,), force=True)
    # Two batches.
    assert len(bug_requests(sandbox)) <= 2 * 13


# Features that left the catalogue


async def test_tests_of_lost_features_cost_one_read_of_the_catalogue_and_no_warning(
    app, sandbox, world, path, caplog
):
    lost = [feature.id for feature in world.features(GAME)][:2]
    for id in lost:
        world.delete_feature(id)
    caplog.set_level("INFO")
    assert (await sync(app, product_ids=(GAME,))).state == "ok"
    asked = [one for one in sandbox.requests if one.path == f"products/{GAME}/features"]
    assert len(asked) <= 2
    said = [one.levelname for one in caplog.records if "left its catalogue" in one.message]
    assert said == ["INFO"]
    bugs = [bug for test in world.test_ids(GAME) for bug in world.bug_ids(test)]
    named = {
        world.bug(id)["test_feature"]["feature_id"] for id in bugs if world.bug(id)["test_feature"]
    }
    assert ids(path, "bugs") == sorted(bugs)
    assert {
        id for (id,) in rows(path, "SELECT DISTINCT feature_id FROM bugs WHERE feature_id")
    } == named
    assert named & set(lost)
    assert defects(path) == []
    caplog.clear()
    await sync(app, product_ids=(GAME,), force=True)
    assert [one for one in caplog.records if "left its catalogue" in one.message] == []


# Nothing is written without need


async def test_with_an_open_problem_only_that_is_written(synced_path, app, world):
    bad = world.add_test(GAME, status="archived", end_at=ANCHOR - timedelta(days=40))
    world.poison_test(bad)
    world.drop_field("bug", world.bug_ids(world.test_ids(GAME)[3])[0], "title")
    await sync(app, product_ids=(GAME,))
    before = contents(synced_path)
    watch(synced_path)
    assert (await sync(app, product_ids=(GAME,))).state == "partial"
    assert contents(synced_path) == before
    assert written(synced_path) <= {*OF_EVERY_RUN, *OF_FAILURES}


async def test_a_run_that_read_everything_in_the_end_names_no_error(app, world):
    id = world.test_ids(GAME)[4]
    await sync(app, product_ids=(GAME,))
    world.poison_test(id, single_ok=True)
    report = await sync(app, product_ids=(GAME,), force=True)
    assert (report.state, report.incomplete, report.error) == ("ok", [], None)
