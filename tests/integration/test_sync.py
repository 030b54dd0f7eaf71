"""What a sync stores, and what it leaves alone."""

import json
import zlib
from datetime import UTC, datetime

import pytest
from tests.caches import (
    BANK,
    GAME,
    OF_EVERY_RUN,
    SHOP,
    change,
    contents,
    defects,
    ids,
    rows,
    sync,
)
from tests.conftest import ANCHOR

from testio_mcp.domain.syncs import SyncOptions, Trigger
from testio_mcp.errors import InvalidRequest
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.tables import metadata

PRESENT = "deleted_at IS NULL"


def every_test(world):
    return [id for product in world.product_ids() for id in world.test_ids(product)]


def every_bug(world):
    return [world.bug(id) for test in every_test(world) for id in world.bug_ids(test)]


def author_of(bug):
    return bug["author"]["name"] if bug["author"] else None


def open_bug(world, product=GAME):
    return next(
        bug
        for bug in every_bug(world)
        if bug["product"]["id"] == product and bug["status"] == "forwarded" and bug["test_feature"]
    )


def watch(path):
    """Have SQLite itself note every row that is written."""
    change(path, "CREATE TABLE writes (name)")
    for table in metadata.tables:
        for action in ("INSERT", "UPDATE", "DELETE"):
            change(
                path,
                f"CREATE TRIGGER watch_{table}_{action} AFTER {action} ON {table} "
                f"BEGIN INSERT INTO writes VALUES ('{table}'); END",
            )


def written(path):
    return {name for (name,) in rows(path, "SELECT DISTINCT name FROM writes")}


async def test_the_first_sync_stores_everything_testio_has(app, world, path):
    report = await sync(app)
    products = world.product_ids()
    features = [feature for id in products for feature in world.features(id)]
    stories = [story for feature in features for story in feature.stories]
    bugs = every_bug(world)
    assert (report.state, report.incomplete, report.error) == ("ok", [], None)
    assert ids(path, "products") == sorted(products)
    assert ids(path, "features", PRESENT) == sorted(feature.id for feature in features)
    assert ids(path, "user_stories") == sorted(story.id for story in stories)
    assert ids(path, "tests") == sorted(every_test(world))
    assert ids(path, "bugs") == sorted(bug["id"] for bug in bugs)
    assert report.counts == {
        "products": {"new": len(products)},
        "features": {"new": len(features)},
        "user_stories": {"new": len(stories)},
        "tests": {"new": len(every_test(world))},
        "bugs": {"new": len(bugs)},
    }
    assert defects(path) == []


async def test_bugs_are_stored_as_testio_sent_them(synced, world, path):
    sent = {
        (bug["id"], bug["test"]["id"], bug["severity"], bug["known"], author_of(bug))
        for bug in every_bug(world)
    }
    stored = rows(
        path,
        "SELECT bugs.id, test_id, severity, known, users.name FROM bugs "
        "LEFT JOIN users ON users.id = reporter_id AND users.type = 'tester'",
    )
    assert set(stored) == sent


async def test_every_unit_is_stamped_with_the_begin_of_its_request(app, world, path):
    before = datetime.now(UTC)
    await sync(app)
    units = dict(rows(path, "SELECT kind, count(*) FROM stamps GROUP BY kind"))
    [(first, last)] = rows(path, "SELECT min(at), max(at) FROM stamps")
    products, tests = len(world.product_ids()), len(every_test(world))
    assert units == {
        "products": 1,
        "reject_reasons": 1,
        "features": products,
        "tests": products,
        "all_tests": products,
        "test": tests,
        "bugs": tests,
    }
    instants = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last)]
    assert before <= instants[0] <= instants[1] <= datetime.now(UTC)


@pytest.mark.parametrize("options", [{}, {"force": True}], ids=["usual", "forced"])
async def test_a_second_sync_of_the_same_data_writes_its_record_and_stamps_only(
    synced_path, app, options
):
    watch(synced_path)
    before = contents(synced_path)
    report = await sync(app, **options)
    assert contents(synced_path) == before
    assert written(synced_path) == set(OF_EVERY_RUN)
    assert {outcome for counts in report.counts.values() for outcome in counts} == {"unchanged"}


async def test_bugs_of_finished_tests_are_read_again_only_when_forced(synced, world):
    usual = await sync(synced, product_ids=(GAME,))
    forced = await sync(synced, product_ids=(GAME,), force=True)
    tests = world.test_ids(GAME)
    moving = [id for id in tests if world.status(id) not in {"archived", "cancelled"}]
    assert usual.counts["bugs"]["unchanged"] == sum(len(world.bug_ids(id)) for id in moving)
    assert forced.counts["bugs"]["unchanged"] == sum(len(world.bug_ids(id)) for id in tests)


async def test_a_moved_bug_keeps_its_previous_status_and_when_that_was_seen(synced, world, path):
    bug = open_bug(world)
    world.move_bug(bug["id"], "accepted")
    before = datetime.now(UTC)
    report = await sync(synced, product_ids=(GAME,))
    query = "SELECT status, previous_status, status_changed_at FROM bugs WHERE id = ?"
    [(status, previous, changed_at)] = rows(path, query, bug["id"])
    assert report.counts["bugs"]["changed"] == 1
    assert (status, previous) == ("accepted", "open")
    assert before <= datetime.fromisoformat(changed_at).replace(tzinfo=UTC) <= datetime.now(UTC)
    world.set_field("bug", bug["id"], "title", "Another title")
    await sync(synced, product_ids=(GAME,))
    assert rows(path, query, bug["id"]) == [(status, previous, changed_at)]


async def test_a_moved_test_keeps_its_previous_status_and_when_it_was_first_seen(
    synced, world, path
):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "locked")
    query = "SELECT status, previous_status, first_seen_at FROM tests WHERE id = ?"
    [(_, _, first_seen)] = rows(path, query, test)
    world.move_test(test, "archived")
    await sync(synced)
    assert rows(path, query, test) == [("archived", "locked", first_seen)]


async def test_automatic_acceptance_is_a_status_of_its_own(synced, world, path):
    bug = open_bug(world)
    world.move_bug(bug["id"], "accepted", auto_accepted=True)
    await sync(synced, product_ids=(GAME,))
    assert ids(path, "bugs", "status = 'auto_accepted' AND id = ?", bug["id"]) == [bug["id"]]


async def test_new_tests_and_bugs_are_added(synced, world, path):
    test = world.add_test(SHOP)
    bug = world.add_bug(test)
    report = await sync(synced)
    assert report.counts["tests"]["new"] == report.counts["bugs"]["new"] == 1
    assert rows(path, "SELECT test_id, product_id FROM bugs WHERE id = ?", bug) == [(test, SHOP)]


async def test_a_bug_keeps_its_feature_when_that_leaves_its_test(synced, world, path):
    bug = open_bug(world)
    query = "SELECT test_feature_id, feature_id FROM bugs WHERE id = ?"
    assert rows(path, query, bug["id"]) == [tuple(bug["test_feature"].values())]
    features = world.test(bug["test"]["id"])["features"]
    left = [feature for feature in features if feature["id"] != bug["test_feature"]["id"]]
    world.set_field("test", bug["test"]["id"], "features", left)
    await sync(synced, product_ids=(GAME,))
    assert rows(path, query, bug["id"]) == [(None, bug["test_feature"]["feature_id"])]
    assert defects(path) == []


async def test_a_bug_without_a_feature_is_stored_all_the_same(synced, world, path):
    bugs = [bug["id"] for bug in every_bug(world) if bug["test_feature"] is None]
    assert bugs
    assert ids(path, "bugs", "test_feature_id IS NULL AND feature_id IS NULL") == sorted(bugs)


async def test_a_feature_that_left_the_catalogue_before_the_first_sync_keeps_its_name(
    app, world, path
):
    named = world.test(world.test_ids(GAME)[0])["features"][0]
    world.delete_feature(named["feature_id"])
    report = await sync(app, product_ids=(GAME,))
    query = "SELECT title, deleted_at IS NOT NULL FROM features WHERE id = ?"
    assert report.state == "ok"
    assert rows(path, query, named["feature_id"]) == [(named["title"], True)]
    assert defects(path) == []


async def test_a_feature_that_leaves_the_catalogue_is_marked_until_it_comes_back(
    synced, world, path
):
    feature = world.features(GAME)[0]
    stories = sorted(story.id for story in feature.stories)
    world.delete_feature(feature.id)
    report = await sync(synced, product_ids=(GAME,))
    assert report.counts["features"]["deleted"] == 1
    assert ids(path, "features", f"NOT {PRESENT} AND id = ?", feature.id) == [feature.id]
    assert ids(path, "user_stories", f"NOT {PRESENT}") == stories
    assert defects(path) == []
    world.restore_feature(feature.id)
    await sync(synced, product_ids=(GAME,))
    assert ids(path, "features", f"{PRESENT} AND id = ?", feature.id) == [feature.id]
    assert ids(path, "user_stories", f"NOT {PRESENT}") == []


async def test_a_feature_that_several_sections_share_is_one_row_with_all_of_them(
    synced, world, path
):
    features = {feature.id: sorted(feature.section_ids) for feature in world.features(BANK)}
    query = f"SELECT id, section_ids FROM features WHERE product_id = ? AND {PRESENT}"
    stored = {id: json.loads(text) for id, text in rows(path, query, BANK)}
    assert stored == features
    assert any(len(sections) > 1 for sections in features.values())


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("status", [422, 500])
async def test_a_catalogue_that_is_answered_by_section_only_is_read_by_section(
    app, sandbox, world, path, status
):
    """Also that of a product with nothing but its default section."""
    sandbox.faults.add(Fault(f"products/{GAME}/features", FaultKind.STATUS, status=status))
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "ok"
    assert ids(path, "features", PRESENT) == [feature.id for feature in world.features(GAME)]


@pytest.mark.parametrize("more", [0, 20], ids=["fewer than a page", "more than a page"])
async def test_a_deployment_that_ignores_paging_is_read_to_the_end(app, sandbox, world, path, more):
    for _ in range(more):
        world.add_test(GAME)
    sandbox.faults.add(Fault("products/*/exploratory_tests", FaultKind.IGNORE_PAGING))
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "ok"
    assert ids(path, "tests") == sorted(world.test_ids(GAME))


async def test_a_deployment_with_smaller_pages_is_read_to_the_end(app, sandbox, world, path):
    sandbox.faults.add(Fault("products/*/exploratory_tests", FaultKind.CAP_PER_PAGE, cap=4))
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "ok"
    assert ids(path, "tests") == sorted(world.test_ids(GAME))


async def test_no_more_than_ten_requests_are_in_flight(synced, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=0.05))
    sandbox.faults.add(Fault("products/*/exploratory_tests", FaultKind.DELAY, seconds=0.05))
    await sync(synced, force=True)
    assert 1 < sandbox.max_in_flight <= 10


async def test_only_the_products_asked_for_are_synced(app, world, path):
    await sync(app, product_ids=(GAME,))
    assert ids(path, "products") == [GAME]
    assert ids(path, "tests") == sorted(world.test_ids(GAME))


async def test_a_product_that_testio_does_not_know_is_refused_with_those_it_knows(app, path):
    with pytest.raises(InvalidRequest, match=r"knows no product 7\..*1001, 1002"):
        await sync(app, product_ids=(SHOP, 7))
    assert ids(path, "products") == []


async def test_since_stores_only_tests_that_ended_since(app, world, path):
    await sync(app, since="since 2026-10-20")
    since = datetime(2026, 10, 20, tzinfo=UTC).timestamp()
    recent = [id for id in every_test(world) if world.end_of(id) >= since]
    assert 0 < len(recent) < len(every_test(world))
    assert ids(path, "tests") == sorted(recent)
    assert ids(path, "bugs") == sorted(id for test in recent for id in world.bug_ids(test))


async def test_credentials_of_a_test_environment_are_nowhere_in_the_cache(synced, world, path):
    environments = [world.test(id)["test_environment"] for id in every_test(world)]
    secrets = {
        environment[name]
        for environment in environments
        if environment
        for name in ("username", "password", "access")
        if environment.get(name)
    }
    stored = repr(contents(path, without=("payloads",)))
    payloads = rows(path, "SELECT body FROM payloads")
    stored += "".join(zlib.decompress(body).decode() for (body,) in payloads)
    assert secrets
    assert [secret for secret in secrets if secret in stored] == []


async def test_a_run_is_recorded_with_who_asked_for_what(app, path):
    await app.syncer.run(SyncOptions((SHOP,), ANCHOR, force=True), Trigger.TOOL)
    [(trigger, options, status)] = rows(path, "SELECT trigger, options, status FROM sync_runs")
    assert (trigger, status) == ("tool", "ok")
    assert json.loads(options) == {
        "product_ids": [SHOP],
        "since": ANCHOR.isoformat(),
        "force": True,
    }


async def test_only_the_latest_runs_are_remembered(synced_path, app):
    [(newest,)] = rows(synced_path, "SELECT max(id) FROM sync_runs")
    change(synced_path, "UPDATE sync_runs SET id = 1000 WHERE id = ?", newest)
    await sync(app, product_ids=(GAME,))
    await sync(app, product_ids=(GAME,))
    assert ids(synced_path, "sync_runs") == [1000, 1001, 1002]
    change(synced_path, "UPDATE sync_runs SET id = 2000 WHERE id = 1002")
    await sync(app, product_ids=(GAME,))
    assert ids(synced_path, "sync_runs") == [2000, 2001]
