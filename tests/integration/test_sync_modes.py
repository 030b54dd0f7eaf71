"""How much of a list a sync reads: the news, all of it, or what is recent; and whose bugs."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import anyio
import pytest
from pydantic import SecretStr
from tests.caches import GAME, SHOP, change, contents, ids, rows, sync
from tests.conftest import ANCHOR
from tests.watching import watch_requests

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import Basis
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.services.syncs import SyncService
from testio_mcp.settings import Loaded

pytestmark = pytest.mark.usefixtures("unhurried")

LIST = f"products/{GAME}/exploratory_tests"
TESTS = 160
EVERY_PAGE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
NEWS = [1, 2, 3]
FINAL = ("archived", "cancelled")


@pytest.fixture
def sandbox(sandbox):
    sandbox.watched = watch_requests(sandbox)
    return sandbox


@pytest.fixture
def world(sandbox):
    """Seven pages of tests; those that may still change are on the first one."""
    for day in range(TESTS - len(sandbox.world.test_ids(GAME))):
        end = ANCHOR - timedelta(days=200 + day)
        sandbox.world.add_test(GAME, status="archived", end_at=end)
    return sandbox.world


@pytest.fixture
async def filled(app, world):
    """An app whose cache has all of the product."""
    assert (await sync(app, product_ids=(GAME,))).state == "ok"
    return app


@pytest.fixture
def pages(sandbox):
    """Gives the full pages that a sync asks for."""

    async def pages(app, **options):
        sandbox.reset_counts()
        await sync(app, product_ids=(GAME,), **options)
        asked = [parse_qs(one.query) for one in sandbox.requests if one.path == LIST]
        return sorted(int(one["page"][0]) for one in asked if one["per_page"] == ["25"])

    return pages


def set_back(path, hours, kind="%"):
    """Make it so many hours since everything was read, or this kind of unit."""
    text = f"strftime('%Y-%m-%d %H:%M:%f', at, '-{hours} hours') || '000'"
    change(path, f"UPDATE stamps SET at = {text} WHERE kind LIKE ?", kind)


async def test_a_first_sync_reads_every_page_and_the_next_one_the_newest_three(app, world, pages):
    assert set(await pages(app)) == set(EVERY_PAGE)
    assert await pages(app) == NEWS


async def test_two_quiet_pages_follow_the_last_one_with_news(filled, world, pages):
    world.set_field("test", world.test_ids(GAME)[30], "title", "Another title")
    # They are asked for in growing groups.
    assert await pages(filled) == [1, 2, 3, 4, 5, 6]
    assert await pages(filled) == NEWS


@pytest.mark.parametrize("options", [{"force": True}, {"force": True, "since": "since 2020-01-01"}])
async def test_force_reads_every_page(filled, pages, options):
    assert set(await pages(filled, **options)) >= {1, 2, 3, 4, 5, 6, 7}


async def test_once_a_day_every_page_is_read(filled, path, pages):
    set_back(path, 23, "all_tests")
    assert await pages(filled) == NEWS
    set_back(path, 25, "all_tests")
    assert await pages(filled) == EVERY_PAGE
    assert await pages(filled) == NEWS


@pytest.mark.parametrize("status", [403, 503, 524])
async def test_after_a_page_that_could_not_be_read_every_page_is_read(
    app, sandbox, world, pages, path, status
):
    sandbox.faults.add(Fault(LIST, FaultKind.STATUS, status=status, query={"page": "4"}))
    await pages(app)
    sandbox.faults.clear()
    assert await pages(app) == EVERY_PAGE
    assert ids(path, "tests") == sorted(world.test_ids(GAME))
    assert await pages(app) == NEWS


@pytest.mark.parametrize("page", [1, 4, 6])
async def test_after_a_sync_that_was_cut_off_every_page_is_read(app, sandbox, world, pages, page):
    with anyio.CancelScope() as scope:
        with sandbox.watched.once(LIST, scope.cancel, page=str(page)):
            await sync(app, product_ids=(GAME,))
    assert await pages(app) == EVERY_PAGE


@pytest.mark.parametrize("force", [False, True])
async def test_news_that_a_sync_was_cut_off_from_are_read_by_the_next_one(
    filled, sandbox, world, path, force
):
    for id in world.test_ids(GAME)[:120]:
        world.set_field("test", id, "title", "Changed")
    with anyio.CancelScope() as scope:
        with sandbox.watched.once(LIST, scope.cancel, page="4", per_page="25"):
            await sync(filled, product_ids=(GAME,), force=force)
    changed = "SELECT count(*) FROM tests WHERE title = 'Changed'"
    assert rows(path, changed) == [(75,)]
    await sync(filled, product_ids=(GAME,))
    assert rows(path, changed) == [(120,)]


async def test_after_a_full_sync_that_was_cut_off_what_was_read_before_still_counts(
    filled, sandbox, world, pages, path
):
    deleted = world.test_ids(GAME)[140]
    world.delete_test(deleted)
    with anyio.CancelScope() as scope:
        with sandbox.watched.once(LIST, scope.cancel, page="5"):
            await sync(filled, product_ids=(GAME,), force=True)
    assert ids(path, "tests", "deleted_at IS NOT NULL") == []
    assert await pages(filled, force=True) == EVERY_PAGE
    assert ids(path, "tests", "deleted_at IS NOT NULL") == [deleted]


async def test_while_a_bad_test_is_in_the_list_every_page_is_read(filled, world, pages, path):
    end = ANCHOR - timedelta(days=300, hours=1)
    bad = world.add_test(GAME, status="archived", end_at=end)
    world.poison_test(bad)
    # Until it is met, nothing tells of it.
    assert await pages(filled) == NEWS
    await pages(filled, force=True)
    [(event, attempts)] = rows(path, "SELECT event_id, attempts FROM problems")
    assert set(await pages(filled)) >= set(EVERY_PAGE[:7])
    assert rows(path, "SELECT event_id, attempts FROM problems") == [(event, attempts + 1)]
    world.heal_test(bad)
    assert set(await pages(filled)) == set(EVERY_PAGE)
    assert rows(path, "SELECT * FROM problems") == []
    assert bad in ids(path, "tests")
    assert await pages(filled) == NEWS


async def test_a_test_far_back_that_may_still_change_is_read_with_its_page(app, world, pages, path):
    paused = world.test_ids(GAME)[110]
    world.set_field("test", paused, "status", "running")
    await sync(app, product_ids=(GAME,))
    world.set_field("test", paused, "status", "archived")
    assert await pages(app) == [*NEWS, 5]
    assert rows(path, f"SELECT status FROM tests WHERE id = {paused}") == [("archived",)]
    assert await pages(app) == NEWS


async def test_since_reads_no_page_from_before_and_fetches_no_older_test(app, world, pages, path):
    since = datetime(2026, 4, 1, tzinfo=UTC)
    found = await pages(app, since="since 2026-04-01")
    recent = [id for id in world.test_ids(GAME) if world.end_of(id) >= since.timestamp()]
    assert 25 < len(recent) < 75
    assert set(found) < set(EVERY_PAGE)
    assert ids(path, "tests") == sorted(recent)


async def test_since_leaves_older_tests_as_they_are(filled, world, path):
    old = world.test_ids(GAME)[120]
    world.set_field("test", old, "title", "Another title")
    before = contents(path)
    report = await sync(filled, product_ids=(GAME,), since="since 2026-04-01", force=True)
    assert report.state == "ok"
    assert contents(path) == before


async def test_a_bad_test_from_before_the_time_asked_for_stays_a_problem(
    filled, world, pages, path
):
    bad = world.add_test(GAME, status="archived", end_at=ANCHOR - timedelta(days=300, hours=1))
    world.poison_test(bad)
    await pages(filled, force=True)
    [problem] = rows(path, "SELECT * FROM problems")
    # It is no reason to read again what is recent.
    assert await pages(filled, since="since 2026-04-01") == NEWS
    await pages(filled, since="since 2026-04-01", force=True)
    assert rows(path, "SELECT * FROM problems") == [problem]
    world.heal_test(bad)
    await pages(filled)
    assert rows(path, "SELECT * FROM problems") == []
    assert bad in ids(path, "tests")


async def test_a_bad_test_of_the_time_asked_for_is_a_problem_until_it_is_read(
    app, world, pages, path
):
    tests = world.test_ids(GAME)
    world.poison_test(tests[14])
    for _ in range(2):
        await pages(app, since="since 2026-04-01")
        assert rows(path, "SELECT positions FROM problems") == [("15-15",)]
    world.heal_test(tests[14])
    for neighbour in (tests[13], tests[15]):
        world.delete_test(neighbour)
    await pages(app, since="since 2026-04-01")
    assert rows(path, "SELECT positions FROM problems") == []
    assert tests[14] in ids(path, "tests")


async def asked_for(app):
    """What an answer about the product would say that it lacks."""
    async with app.services.open(SyncService) as syncs:
        reader = syncs._freshness
        found = await reader.of(Basis(product_ids=(GAME,), bugs=True), datetime.now(UTC))
    return found.incomplete


async def test_an_answer_says_from_when_on_tests_were_asked_for(app, world, pages):
    await pages(app, since="since 2026-04-01")
    assert [line for line in await asked_for(app) if "2026-0" in line] == [
        f"Of product Skyforge Arena ({GAME}), tests that ended before 2026-04-01 "
        "were not asked for."
    ]
    # Asked for more: the older ones are read now.
    assert len(await pages(app)) > len(NEWS)
    assert await asked_for(app) == []
    await pages(app, since="since 2026-04-01")
    assert await asked_for(app) == []


async def test_a_sync_that_reaches_further_back_reads_what_the_last_one_left_out(
    app, world, pages, path
):
    await pages(app, since="since 2026-04-01")
    assert await pages(app, since="since 2026-04-01") == NEWS
    await pages(app, since="since 2026-02-01")
    since = datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    recent = [id for id in world.test_ids(GAME) if world.end_of(id) >= since]
    assert ids(path, "tests") == sorted(recent)
    # Asked for less, what was read stays known.
    assert await pages(app, since="since 2026-04-01") == NEWS
    assert await pages(app, since="since 2026-02-01") == NEWS
    [line] = [line for line in await asked_for(app) if "not asked for" in line]
    assert "before 2026-02-01" in line


# Whose bugs are read


@pytest.fixture
def tests_asked(sandbox):
    """Gives the tests whose bugs a sync asks for."""

    async def tests_asked(app, **options):
        sandbox.reset_counts()
        await sync(app, product_ids=(SHOP,), **options)
        asked = [parse_qs(one.query) for one in sandbox.requests if one.path == "bugs"]
        lists = [one.get("filter_test_cycle_ids", [""])[0] for one in asked]
        return {int(id) for ids in lists for id in ids.split(",") if id}

    return tests_asked


def changing(world):
    return {id for id in world.test_ids(SHOP) if world.status(id) not in FINAL}


async def test_bugs_are_read_of_tests_that_are_new_may_change_or_moved(
    synced, sandbox, tests_asked
):
    world = sandbox.world
    assert await tests_asked(synced) == changing(world)
    before = changing(world)
    new = world.add_test(SHOP, status="archived", end_at=ANCHOR)
    moved = next(id for id in world.test_ids(SHOP) if world.status(id) == "running")
    world.move_test(moved, "archived")
    assert await tests_asked(synced) == {*before, new}
    assert await tests_asked(synced) == before - {moved}


async def test_bugs_of_archived_tests_are_read_daily_until_their_review_is_over(
    synced_path, app, sandbox, tests_asked
):
    world = sandbox.world
    now = datetime.now(UTC)
    ends = {
        id: now - timedelta(days=days)
        for id, days in zip(
            (id for id in world.test_ids(SHOP) if world.status(id) == "archived"),
            (2, 59, 61),
            strict=False,
        )
    }
    for id, end in ends.items():
        world.set_field("test", id, "end_at", end)
    await sync(app, product_ids=(SHOP,), force=True)
    two, nearly, over = ends
    change(synced_path, "UPDATE tests SET first_seen_at = '2020-01-01 00:00:00.000000'")
    change(synced_path, "UPDATE tests SET status_changed_at = '2020-01-01 00:00:00.000000'")
    assert await tests_asked(app) == changing(world)
    set_back(synced_path, 24, "bugs")
    assert await tests_asked(app) & set(ends) == {two, nearly}
    assert await tests_asked(app) == changing(world)
    set_back(synced_path, 24 * 30, "bugs")
    assert over not in await tests_asked(app)
    assert over in await tests_asked(app, force=True)


async def test_how_long_a_review_lasts_is_a_setting(
    settings, synced_path, sandbox, api_url, tests_asked
):
    world = sandbox.world
    archived = next(id for id in world.test_ids(SHOP) if world.status(id) == "archived")
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    age = (datetime.now(UTC).timestamp() - world.end_of(archived)) / 86_400
    for days, is_read in ((int(age) + 2, True), (int(age) - 2, False)):
        set_back(synced_path, 24, "bugs")
        chosen = settings.model_copy(update={"review_days": days})
        change(synced_path, "UPDATE tests SET first_seen_at = '2020-01-01 00:00:00.000000'")
        change(synced_path, "UPDATE tests SET status_changed_at = '2020-01-01 00:00:00.000000'")
        async with open_app(Loaded(chosen, [], []), source) as app:
            assert (archived in await tests_asked(app)) is is_read
