"""Asking for the tests that people mapped to problems."""

from datetime import timedelta

import pytest
from tests.caches import BANK, GAME, change, ids, latest_run, rows, stamps, sync
from tests.conftest import ANCHOR
from tests.factories import ProblemFactory, ProblemTestFactory, ProductFactory, TestFactory

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import Unit
from testio_mcp.errors import (
    ApiUnauthorized,
    ApiUnavailable,
    ConfigurationError,
    DatabaseNewer,
    InvalidRequest,
    SyncInProgress,
)
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.services.problems import ProblemService
from testio_mcp.settings import Loaded

pytestmark = pytest.mark.usefixtures("unhurried")

PLACE = 4
TOLD = """
    SELECT tests.id, tests.product_id, tests.title, tests.status, tests.testing_type, start_at,
           end_at, people.name, goal, requirements, tests.deleted_at
    FROM tests JOIN test_details ON test_id = tests.id
    LEFT JOIN users people ON people.id = created_by_id
    WHERE tests.id = ?
"""
BUGS = """
    SELECT bugs.id, product_id, test_feature_id, feature_id, title, severity, status, known,
           rejection_reason, people.name, reported_at, steps, comments, deleted_at
    FROM bugs JOIN bug_details ON bug_id = bugs.id LEFT JOIN users people ON people.id = reporter_id
    WHERE test_id = ? ORDER BY bugs.id
"""
# Without how they fared, which only the answer about a single test tells.
FEATURES = """
    SELECT id, customer_id, feature_id, title, description, howtofind, user_stories,
           enable_default, enable_content, enable_visual
    FROM test_features WHERE test_id = ? ORDER BY id
"""
MAPPED = "SELECT test_id, error FROM problem_tests WHERE mapped ORDER BY test_id"
OPEN = "SELECT positions FROM problems ORDER BY positions"


@pytest.fixture
def lose(app, world, path):
    """Make tests of a product unreadable in its list, sync, and give the problems' ids."""

    async def lose(*places, product_id=GAME, single_ok=True):
        tests = [world.test_ids(product_id)[place] for place in places]
        for id in tests:
            world.poison_test(id, single_ok=single_ok)
        await sync(app, product_ids=(product_id,))
        found = rows(path, "SELECT event_id FROM problems ORDER BY CAST(positions AS INTEGER)")
        return tests, [event_id for (event_id,) in found]

    return lose


@pytest.fixture
def map_tests(app):
    async def map_tests(event_id, *test_ids):
        async with app.services.open(ProblemService) as problems:
            await problems.map_tests(event_id, test_ids)

    return map_tests


@pytest.fixture
def retry(app):
    async def retry(product_id=GAME, on_progress=lambda *_: None):
        async with app.services.open(ProblemService) as problems:
            return await problems.retry(product_id, on_progress)

    return retry


async def test_a_mapped_test_is_stored_as_a_sync_would_have_stored_it(
    lose, map_tests, retry, path, synced_template, world
):
    place = next(
        place
        for place, id in enumerate(world.test_ids(GAME))
        if place > 0 and any(bug["status"] == "rejected" for bug in world.bugs(id))
    )
    (id,), (event,) = await lose(place)
    await map_tests(event, id)
    report = await retry()
    assert [(test.test_id, test.error, test.closed) for test in report.tests] == [(id, None, event)]
    assert report.is_complete
    assert rows(path, MAPPED) == rows(path, "SELECT * FROM problem_tests") == []
    whole = synced_template / "cache.db"
    for query in (TOLD, BUGS, FEATURES):
        assert rows(path, query, id) == rows(whole, query, id) != []
    assert id in stamps(path, Unit.TEST)
    assert id in stamps(path, Unit.BUGS)


async def test_a_problem_is_over_and_stays_over_once_its_test_is_found(
    app, lose, map_tests, retry, path
):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    await retry()
    assert rows(path, OPEN) == []
    report = await sync(app, product_ids=(GAME,))
    assert (report.state, report.incomplete) == ("ok", [])
    assert rows(path, OPEN) == []


async def test_what_fails_stays_mapped_with_its_error_and_the_others_are_stored(
    lose, map_tests, retry, world, path
):
    (good, bad), (first, second) = await lose(2, 6)
    world.poison_test(bad)
    await map_tests(first, good)
    await map_tests(second, bad, 7)
    report = await retry()
    told = {test.test_id: (test.error, test.closed) for test in report.tests}
    unknown = "TestIO does not know test 7."
    assert told == {
        good: (None, first),
        bad: ("TestIO answered 500.", None),
        7: (unknown, None),
    }
    assert not report.is_complete
    assert rows(path, MAPPED) == [(7, unknown), (bad, "TestIO answered 500.")]
    assert rows(path, OPEN) == [("7-7",)]
    assert good in ids(path, "tests")
    assert bad not in ids(path, "tests")


async def test_a_problem_with_another_mapped_test_that_failed_stays(lose, map_tests, retry, path):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, 7, id)
    report = await retry()
    assert [test.closed for test in report.tests] == [None, None]
    assert [test for test, _ in rows(path, MAPPED)] == [7]
    assert rows(path, OPEN) == [("5-5",)]
    assert id in ids(path, "tests")


async def test_of_two_neighbouring_problems_one_test_ends_one(lose, map_tests, retry, path):
    (one, other), (first, second) = await lose(PLACE, PLACE + 1)
    for event in (first, second):
        await map_tests(event, one)
    closed = [test.closed for test in (await retry()).tests]
    assert closed in ([first], [second])
    assert len(rows(path, OPEN)) == 1
    [(left,)] = rows(path, "SELECT event_id FROM problems")
    await map_tests(left, other)
    assert [test.closed for test in (await retry()).tests] == [left]
    assert rows(path, OPEN) == []


async def test_two_tests_of_which_nobody_knows_which_is_where_end_two_neighbouring_problems(
    lose, map_tests, retry, path
):
    tests, events = await lose(PLACE, PLACE + 1)
    for event in events:
        await map_tests(event, *tests)
    closed = [test.closed for test in (await retry()).tests]
    assert sorted(closed) == sorted(events)
    assert rows(path, OPEN) == []


@pytest.mark.parametrize("days", [3, None])
async def test_a_test_from_elsewhere_in_the_list_is_stored_and_leaves_the_problem_open(
    lose, map_tests, retry, world, path, days
):
    _, (event,) = await lose(PLACE)
    end_at = ANCHOR + timedelta(days=days) if days else None
    elsewhere = world.add_test(GAME, end_at=end_at)
    await map_tests(event, elsewhere)
    report = await retry()
    assert [(test.error, test.closed) for test in report.tests] == [(None, None)]
    assert elsewhere in ids(path, "tests")
    assert rows(path, MAPPED) == []
    assert rows(path, OPEN) == [("5-5",)]


async def test_a_test_of_another_product_is_not_stored(lose, map_tests, retry, world, path):
    _, (event,) = await lose(PLACE)
    elsewhere = world.add_test(BANK)
    await map_tests(event, elsewhere)
    report = await retry()
    assert [test.error for test in report.tests] == [f"It is a test of product {BANK}."]
    assert rows(path, MAPPED) == [(elsewhere, f"It is a test of product {BANK}.")]
    assert elsewhere not in ids(path, "tests")


async def test_a_test_whose_id_a_stranger_holds_is_not_stored(lose, map_tests, retry, save, path):
    (id,), (event,) = await lose(PLACE)
    await save(ProductFactory(id=70, customer_id=9))
    await save(TestFactory(id=id, product_id=70, title="Theirs", customer_id=9))
    await map_tests(event, id)
    report = await retry()
    assert "Another customer's row" in report.tests[0].error
    assert rows(path, "SELECT customer_id, title FROM tests WHERE id = ?", id) == [(9, "Theirs")]
    assert [test for test, _ in rows(path, MAPPED)] == [id]


@pytest.mark.parametrize("single_ok", [True, False], ids=["stored", "failed"])
async def test_what_a_stranger_mapped_stays_as_it_is(lose, map_tests, retry, save, path, single_ok):
    (id,), (event,) = await lose(PLACE, single_ok=single_ok)
    await save(ProblemFactory(event_id="theirs", kind="test", product_id=GAME, customer_id=9))
    await save(ProblemTestFactory(event_id="theirs", test_id=id, mapped=True, customer_id=9))
    of_theirs = "SELECT * FROM problem_tests WHERE customer_id = 9"
    theirs = rows(path, of_theirs)
    await map_tests(event, id)
    report = await retry()
    assert [test.closed for test in report.tests] == [event if single_ok else None]
    assert rows(path, of_theirs) == theirs != []
    assert len(rows(path, "SELECT * FROM problems WHERE event_id = 'theirs'")) == 1


async def test_a_feature_that_is_newer_than_the_catalogue_is_not_taken_for_deleted(
    app, lose, map_tests, retry, world, path
):
    tests = world.test_ids(GAME)
    named = {id: {one["feature_id"] for one in world.test_row(id)["features"]} for id in tests}
    feature = min(
        {feature for found in named.values() for feature in found},
        key=lambda one: (sum(one in found for found in named.values()), one),
    )
    places = [place for place, id in enumerate(tests) if feature in named[id]]
    world.delete_feature(feature)
    found, events = await lose(*places)
    assert rows(path, "SELECT * FROM features WHERE id = ?", feature) == []
    world.restore_feature(feature)
    for event, id in zip(events, found, strict=True):
        await map_tests(event, id)
    assert (await retry()).is_complete
    assert rows(path, "SELECT deleted_at FROM features WHERE id = ?", feature) == [(None,)]


async def test_bugs_that_cannot_be_read_are_said_and_left_to_the_next_sync(
    app, lose, map_tests, retry, world, sandbox, path
):
    place = next(place for place, id in enumerate(world.test_ids(GAME)) if world.bug_ids(id))
    (id,), (event,) = await lose(place)
    await map_tests(event, id)
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS))
    report = await retry()
    line = f"The bugs of test {id} could not be read: TestIO answered 500."
    assert (report.tests[0].error, report.incomplete) == (None, [line])
    assert not report.is_complete
    assert rows(path, "SELECT kind, item_id FROM problems") == [("bugs", id)]
    sandbox.faults.clear()
    await sync(app, product_ids=(GAME,))
    assert ids(path, "bugs", "test_id = ?", id) == sorted(world.bug_ids(id))
    assert rows(path, OPEN) == []


async def test_a_problem_about_the_bugs_of_a_test_keeps_it_until_they_are_read(
    lose, map_tests, retry, save, sandbox, path
):
    (id,), (event,) = await lose(PLACE)
    await save(ProblemFactory(event_id="bug", kind="bug", product_id=GAME, item_id=5))
    await save(ProblemTestFactory(event_id="bug", test_id=id))
    await map_tests(event, id)
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS))
    await retry()
    assert rows(path, "SELECT test_id FROM problem_tests WHERE event_id = 'bug'") == [(id,)]


async def test_progress_is_told_from_nothing_to_all(lose, map_tests, retry):
    found, events = await lose(1, 4, 7)
    for event, id in zip(events, found, strict=True):
        await map_tests(event, id)
    heard = []
    await retry(on_progress=lambda done, total: heard.append((done, total)))
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]


async def test_no_more_requests_are_in_flight_than_allowed(
    settings, sandbox, api_url, lose, map_tests
):
    found, events = await lose(1, 3, 5, 7)
    for event, id in zip(events, found, strict=True):
        await map_tests(event, id)
    sandbox.reset_counts()
    sandbox.faults.add(Fault("exploratory_tests/*", FaultKind.DELAY, seconds=0.05))
    gentle = settings.model_copy(update={"max_concurrent_requests": 2})
    source = Source(api_url, settings.customer_api_token, sandbox.host_name)
    async with (
        open_app(Loaded(gentle, [], []), source) as app,
        app.services.open(ProblemService) as problems,
    ):
        report = await problems.retry(GAME, lambda *_: None)
    assert len(report.tests) == 4
    assert sandbox.max_in_flight == 2


async def test_a_retry_is_no_run_of_a_sync(lose, map_tests, retry, path):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    before = rows(path, "SELECT * FROM sync_runs")
    await retry()
    assert rows(path, "SELECT * FROM sync_runs") == before
    assert latest_run(path)[0] == "partial"


async def test_what_was_written_is_moved_into_the_file(lose, map_tests, retry, path):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    await retry()
    assert path.with_name("cache.db-wal").stat().st_size == 0


async def test_while_a_sync_runs_nothing_is_asked(app, lose, map_tests, retry, sandbox, path):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    sandbox.reset_counts()
    with app.syncer.lock.held(), pytest.raises(SyncInProgress, match="Sync in progress"):
        await retry()
    assert sandbox.request_count == 0
    assert rows(path, MAPPED) == [(id, None)]
    assert (await retry()).is_complete


@pytest.mark.parametrize(
    ("status", "error"), [(401, ApiUnauthorized), (503, ApiUnavailable)], ids=["401", "503"]
)
async def test_an_api_that_does_not_answer_us_is_no_error_of_a_test(
    lose, map_tests, retry, sandbox, path, status, error
):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    sandbox.faults.add(Fault("*", FaultKind.STATUS, status=status))
    with pytest.raises(error):
        await retry()
    assert rows(path, MAPPED) == [(id, None)]


async def test_a_token_that_is_refused_midway_ends_the_retry(
    app, lose, map_tests, retry, sandbox, path
):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id, 7)
    sandbox.faults.add(Fault("exploratory_tests/*", FaultKind.STATUS, status=401))
    with pytest.raises(ApiUnauthorized):
        await retry()
    assert rows(path, MAPPED) == [(7, None), (id, None)]
    assert app.syncer.lock.holder() is None


async def test_a_cache_upgraded_meanwhile_is_not_written(app, lose, map_tests, retry, path):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer):
        await retry()
    assert isinstance(app.condition.blocked, DatabaseNewer)
    with pytest.raises(DatabaseNewer):
        await retry()
    assert id not in ids(path, "tests")


async def test_without_a_token_it_is_said_what_to_set(settings, sandbox, lose, map_tests, app):
    (id,), (event,) = await lose(PLACE)
    await map_tests(event, id)
    source = Source("http://127.0.0.1:9", None, sandbox.host_name)
    async with (
        open_app(Loaded(settings, [], []), source) as without,
        without.services.open(ProblemService) as problems,
    ):
        with pytest.raises(ConfigurationError, match="No TestIO token"):
            await problems.retry(GAME, lambda *_: None)


async def test_where_nothing_is_mapped_nothing_is_asked(lose, retry, sandbox):
    await lose(PLACE)
    sandbox.reset_counts()
    report = await retry()
    assert (report.tests, report.product, report.is_complete) == ([], "Skyforge Arena", True)
    assert sandbox.request_count == 0


async def test_a_product_that_is_not_known_is_answered_with_those_that_are(lose, retry):
    await lose(PLACE)
    with pytest.raises(InvalidRequest, match=r"Product 7 is not known.*Skyforge Arena \(1004\)"):
        await retry(7)
