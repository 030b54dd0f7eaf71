"""Bad tests in a paged list, and lists that change while they are read."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest
from tests.caches import GAME, contents, defects, ids, rows, sync
from tests.conftest import ANCHOR
from tests.watching import watch_requests

from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

LIST = f"products/{GAME}/exploratory_tests"
TESTS = 130
# Requests that one bad test may cost beyond the first for its page.
MOST_FOR_ONE = 16
EVENTS = """SELECT positions, kind, boundaries ->> '$.before.id', boundaries ->> '$.after.id',
    attempts, error FROM problems ORDER BY CAST(positions AS INTEGER)"""


@pytest.fixture
def world(sandbox):
    """Six pages of tests, most of them over for long."""
    for day in range(TESTS - len(sandbox.world.test_ids(GAME))):
        end = ANCHOR - timedelta(days=200 + day)
        sandbox.world.add_test(GAME, status="archived", end_at=end)
    return sandbox.world


@pytest.fixture
def max_concurrent():
    """One at a time, requests follow each other as the pages do."""
    return 10


@pytest.fixture
def settings(settings, max_concurrent):
    return settings.model_copy(update={"max_concurrent_requests": max_concurrent})


@pytest.fixture
def watched(sandbox):
    return watch_requests(sandbox)


def poison(world, positions, **options):
    """Make the tests at these positions, from 1, bad; gives their ids."""
    bad = [world.test_ids(GAME)[position - 1] for position in positions]
    for id in bad:
        world.poison_test(id, **options)
    return bad


def pages(sandbox):
    asked = [parse_qs(one.query) for one in sandbox.requests if one.path == LIST]
    return [(int(query["page"][0]), int(query["per_page"][0])) for query in asked]


def expected_events(world, positions, attempts=1):
    tests, bad = world.test_ids(GAME), set(positions)
    good = [place for place in range(1, len(tests) + 1) if place not in bad]
    events = []
    for position in sorted(bad):
        before = max((place for place in good if place < position), default=None)
        after = min((place for place in good if place > position), default=None)
        around = [tests[place - 1] if place else None for place in (before, after)]
        at = f"{position}-{position}"
        events.append((at, "test", *around, attempts, "TestIO answered 500."))
    return events


PLACES = {
    "first row": [1],
    "last row": [130],
    "last row of a page": [25],
    "first row of a page": [26],
    "in the middle": [59],
    "first and last": [1, 130],
    "two on one page": [53, 68],
    "two in one part of a page": [51, 53],
    "neighbours": [58, 59],
    "neighbours of two parts": [55, 56],
    "neighbours on two pages": [25, 26],
    "five spread over one page": [26, 31, 36, 41, 46],
    "five in a row": [26, 27, 28, 29, 30],
    "a page but for one": list(range(27, 51)),
    "pages 2 and 3": [37, 63],
    "pages 1 to 3": [5, 37, 63],
    "every page": [3, 30, 55, 80, 105, 128],
    "the last page whole": [126, 127, 128, 129, 130],
    "all but the last page's": [10, 35, 60, 85, 110],
}


@pytest.mark.parametrize("positions", PLACES.values(), ids=PLACES)
async def test_everything_but_the_bad_tests_is_stored_and_each_of_them_is_a_problem(
    app, world, path, positions
):
    bad = poison(world, positions)
    with_bugs = bad[::2]
    for id in with_bugs:
        world.add_bug(id)
    report = await sync(app, product_ids=(GAME,))
    tests = world.test_ids(GAME)
    assert ids(path, "tests") == sorted(set(tests) - set(bad))
    assert rows(path, EVENTS) == expected_events(world, positions)
    named = {id for (id,) in rows(path, "SELECT test_id FROM problem_tests")}
    assert named == {id for id in bad if world.bug_ids(id)}
    assert report.state == "partial"
    assert report.counts["tests"] == {"new": TESTS - len(bad), "failed": len(bad)}
    assert sorted(report.incomplete) == sorted(
        f"The test at position {position} of product Skyforge Arena ({GAME}) could not be read: "
        "TestIO answered 500."
        for position in positions
    )
    assert defects(path) == []


async def test_a_problem_says_when_the_tests_around_it_end(app, world, path):
    poison(world, [59])
    await sync(app, product_ids=(GAME,))
    query = "SELECT boundaries ->> '$.before.end_at', boundaries ->> '$.after.end_at' FROM problems"
    tests = world.test_ids(GAME)
    ends = [datetime.fromisoformat(world.test(id)["end_at"]) for id in (tests[57], tests[59])]
    [found] = rows(path, query)
    assert [datetime.fromisoformat(text) for text in found] == ends


async def test_a_product_whose_only_test_is_bad_has_one_problem_and_no_tests(app, world, path):
    only, *others = world.test_ids(GAME)
    for id in others:
        world.delete_test(id)
    world.poison_test(only)
    world.add_bug(only)
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "partial"
    assert ids(path, "tests") == []
    assert rows(path, "SELECT positions, kind FROM problems") == [("1-1", "test")]
    assert rows(path, "SELECT test_id, mapped FROM problem_tests") == [(only, 0)]


@pytest.mark.parametrize("position", [1, 25, 26, 59, 126, 130])
async def test_one_bad_test_costs_few_requests(app, sandbox, world, position):
    await sync(app, product_ids=(GAME,), force=True)
    usual = len(pages(sandbox))
    sandbox.reset_counts()
    # A test that was never read: what is cached must not help to find it.
    known = world.test_ids(GAME)[position - 1]
    end = datetime.fromisoformat(world.test(known)["end_at"])
    world.delete_test(known)
    world.poison_test(world.add_test(GAME, status="archived", end_at=end))
    await sync(app, product_ids=(GAME,), force=True)
    assert 0 < len(pages(sandbox)) - usual <= MOST_FOR_ONE


@pytest.mark.parametrize(
    ("cap", "positions"),
    [
        (3, [9, 10]),
        (4, []),
        (4, [1, 59, 130]),
        (7, [59]),
        (10, []),
        (10, [10, 11, 130]),
        # The first pages hide how many rows a page has.
        (10, [5, 15, 25]),
        (24, [1, 25, 49, 59]),
    ],
)
async def test_bad_tests_are_isolated_where_pages_are_smaller_than_asked_for(
    app, sandbox, world, path, cap, positions
):
    sandbox.faults.add(Fault(LIST, FaultKind.CAP_PER_PAGE, cap=cap))
    bad = poison(world, positions)
    report = await sync(app, product_ids=(GAME,))
    assert ids(path, "tests") == sorted(set(world.test_ids(GAME)) - set(bad))
    assert rows(path, EVENTS) == expected_events(world, positions)
    assert report.state == ("partial" if bad else "ok")
    assert report.counts["tests"]["new"] == TESTS - len(bad)


async def test_where_paging_is_ignored_everything_comes_at_once(app, sandbox, world, path):
    sandbox.faults.add(Fault(LIST, FaultKind.IGNORE_PAGING))
    report = await sync(app, product_ids=(GAME,))
    assert (report.state, report.counts["tests"]) == ("ok", {"new": TESTS})
    assert ids(path, "tests") == sorted(world.test_ids(GAME))
    assert len(pages(sandbox)) == 1


async def test_where_paging_is_ignored_a_bad_test_hides_the_others_and_that_is_said(
    app, sandbox, world, path
):
    await sync(app, product_ids=(GAME,))
    before = contents(path)
    poison(world, [59])
    sandbox.faults.add(Fault(LIST, FaultKind.IGNORE_PAGING))
    report = await sync(app, product_ids=(GAME,), force=True)
    assert report.state == "partial"
    assert contents(path) == before
    world.heal_test(world.test_ids(GAME)[58])
    assert (await sync(app, product_ids=(GAME,))).state == "ok"
    assert rows(path, EVENTS) == []


# What happens at TestIO just before it answers for a page, and how many tests there are then.
def arrive(world):
    world.add_test(GAME)


def leave(world):
    world.delete_test(world.test_ids(GAME)[3])


def leave_late(world):
    world.delete_test(world.test_ids(GAME)[70])


def move_up(world):
    world.set_field("test", world.test_ids(GAME)[99], "end_at", ANCHOR)


def move_down(world):
    end = datetime.fromisoformat(world.test(world.test_ids(GAME)[100])["end_at"])
    world.set_field("test", world.test_ids(GAME)[8], "end_at", end + timedelta(seconds=1))


def swap(world):
    arrive(world)
    leave_late(world)


EVENTS_UPSTREAM = (arrive, leave, leave_late, move_up, move_down, swap)


@pytest.mark.parametrize(
    ("page", "bad", "max_concurrent"),
    [("2", [], 1), ("3", [], 10), ("3", [50, 51], 1), ("5", [100], 10)],
)
@pytest.mark.parametrize("happen", EVENTS_UPSTREAM, ids=lambda happen: happen.__name__)
async def test_a_list_that_changes_while_it_is_read_loses_and_doubles_nothing(
    watched, app, world, path, page, happen, bad, max_concurrent
):
    bad = poison(world, bad)
    first = set(world.test_ids(GAME))
    with watched.once(LIST, lambda: happen(world), page=page, per_page="25") as happened:
        report = await sync(app, product_ids=(GAME,))
    assert happened
    here, there = (
        set(ids(path, "tests", "deleted_at IS NULL")),
        set(world.test_ids(GAME)) - set(bad),
    )
    # What came or went meanwhile may be seen or not.
    assert there & first <= here <= there | first
    assert report.counts["tests"]["new"] == len(ids(path, "tests"))
    assert "unchanged" not in report.counts["tests"]
    assert "changed" not in report.counts["tests"] or happen in (move_up, move_down)
    await sync(app, product_ids=(GAME,), force=True)
    assert ids(path, "tests", "deleted_at IS NULL") == sorted(there)
