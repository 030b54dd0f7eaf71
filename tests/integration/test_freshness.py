"""How current an answer is, and what it says where it is not."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.factories import (
    ProblemFactory,
    ProblemTestFactory,
    ProductFactory,
    StampFactory,
    SyncRunFactory,
    TestFactory,
)

from testio_mcp.domain.freshness import Basis, State, Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import RunStatus
from testio_mcp.errors import ApiUnavailable, ConfigurationError
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.freshness import FreshnessReader
from testio_mcp.sync.rules import REVIEW_TTL, Rules

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TTL, REVIEW = timedelta(minutes=90), timedelta(days=60)
EVERYTHING = Basis(bugs=True, features=True)
NO_TOKEN = ConfigurationError("No TestIO token is set.", hint="Set TESTIO_CUSTOMER_API_TOKEN.")
DOWN = ApiUnavailable("TestIO answered 503.")


def ago(**span):
    return NOW - timedelta(**span)


def stamp(kind, id, at, **fields):
    return StampFactory(kind=kind, id=id, at=at, **fields)


@pytest.fixture
def of(database):
    async def of(basis=EVERYTHING, condition=None):
        async with database.read() as session:
            reader = FreshnessReader(session, condition or Condition(), Rules(TTL, REVIEW))
            return await reader.of(basis, NOW)

    return of


@pytest.fixture
def plant(save):
    """One product, read ten minutes ago, with the given test and the stamps of its parts."""

    recent = ago(minutes=10)

    async def plant(read=recent, bugs=recent, **fields):
        await save(
            ProductFactory(id=1, name="Shop"),
            stamp(Unit.PRODUCTS, 0, recent),
            stamp(Unit.TESTS, 1, recent),
            stamp(Unit.FEATURES, 1, recent),
        )
        await save(TestFactory(**{"id": 1, "first_seen_at": ago(days=90)} | fields))
        await save(stamp(Unit.TEST, 1, read))
        if bugs:
            await save(stamp(Unit.BUGS, 1, bugs))

    return plant


def archived(ended):
    return {"status": "archived", "end_at": ended, "status_changed_at": ended}


async def test_all_of_it_read_within_the_ttl_is_fresh_as_of_its_oldest_part(of, plant):
    await plant(bugs=ago(minutes=80))
    found = await of()
    assert (found.state, found.as_of) == (State.FRESH, ago(minutes=80))
    assert (found.reason, found.incomplete) == (None, [])


@pytest.mark.parametrize("part", ["read", "bugs"])
async def test_one_part_older_than_the_ttl_makes_it_stale(of, plant, part):
    await plant(**{part: ago(minutes=91)})
    found = await of()
    assert (found.state, found.as_of) == (State.STALE, ago(minutes=91))
    assert found.reason == "It has not been read again since."


@pytest.mark.parametrize(
    ("kind", "id", "basis", "state"),
    [
        (Unit.PRODUCTS, 0, Basis(), State.STALE),
        (Unit.PRODUCTS, 0, Basis((1,)), State.FRESH),
        (Unit.TESTS, 1, Basis((1,)), State.STALE),
        (Unit.TESTS, 1, Basis((1,), (1,), lists=False), State.FRESH),
        (Unit.FEATURES, 1, Basis(), State.FRESH),
        (Unit.FEATURES, 1, Basis(features=True), State.STALE),
        (Unit.BUGS, 1, Basis(), State.FRESH),
        (Unit.BUGS, 1, Basis(bugs=True), State.STALE),
        (Unit.BUGS, 1, Basis((2,), bugs=True), State.NEVER_SYNCED),
        (Unit.REJECT_REASONS, 0, EVERYTHING, State.FRESH),
    ],
)
async def test_only_what_an_answer_rests_on_makes_it_stale(
    of, plant, save, database, kind, id, basis, state
):
    await plant()
    async with database.write() as session:
        await session.merge(stamp(kind, id, ago(days=2)))
    assert (await of(basis)).state == state


async def test_what_was_never_read_is_never_synced(of):
    found = await of()
    assert (found.state, found.as_of) == (State.NEVER_SYNCED, None)
    assert found.reason == "The first sync has not run yet."


@pytest.mark.parametrize("counts", [{}, {"tests": {"new": 1200}, "bugs": {"new": 3, "failed": 1}}])
async def test_while_the_first_sync_runs_its_progress_is_said(of, save, counts):
    await save(SyncRunFactory(status=RunStatus.RUNNING, finished_at=None, counts=counts))
    found = await of()
    numbers = "1,200 tests and 4 bugs" if counts else "0 tests and 0 bugs"
    assert found.state == State.NEVER_SYNCED
    assert found.reason == f"The first sync is running: {numbers} so far."


@pytest.mark.parametrize("condition", [Condition(blocked=NO_TOKEN), Condition(last_error=DOWN)])
async def test_an_empty_cache_raises_what_keeps_it_empty(of, condition):
    with pytest.raises(type(condition.failure)) as raised:
        await of(condition=condition)
    assert raised.value is condition.failure


async def test_without_a_token_what_is_cached_is_stale_for_that_reason(of, plant):
    await plant()
    found = await of(condition=Condition(blocked=NO_TOKEN))
    assert (found.state, found.reason) == (State.STALE, str(NO_TOKEN))
    assert found.as_of == ago(minutes=10)


async def test_a_failed_sync_is_the_reason_only_once_the_data_are_old(of, plant):
    await plant(bugs=ago(minutes=80))
    found = await of(condition=Condition(last_error=DOWN))
    assert (found.state, found.reason) == (State.FRESH, None)


async def test_old_data_name_the_error_that_keeps_them_old(of, plant):
    await plant(bugs=ago(hours=3))
    found = await of(condition=Condition(last_error=DOWN))
    assert (found.state, found.reason) == (State.STALE, "TestIO answered 503.")


async def test_a_test_long_archived_never_ages(of, plant):
    await plant(read=ago(days=30), bugs=ago(days=29), **archived(ended=ago(days=61)))
    found = await of()
    assert (found.state, found.as_of) == (State.FRESH, ago(minutes=10))


async def test_where_nothing_can_change_any_more_as_of_is_the_newest_read(of, plant):
    await plant(read=ago(days=30), bugs=ago(days=29), **archived(ended=ago(days=61)))
    basis = Basis((1,), (1,), lists=False, bugs=True)
    found = await of(basis)
    assert (found.state, found.as_of, found.reason) == (State.FRESH, ago(days=29), None)
    blocked = await of(basis, Condition(blocked=NO_TOKEN))
    assert (blocked.state, blocked.as_of) == (State.FRESH, ago(days=29))


@pytest.mark.parametrize("part", ["read", "bugs"])
async def test_an_archived_test_not_read_since_it_was_archived_may_have_changed(of, plant, part):
    fields = {"read": ago(days=2), "bugs": ago(days=2)} | {part: ago(days=62)}
    await plant(**fields, **archived(ended=ago(days=61)))
    found = await of()
    assert (found.state, found.as_of) == (State.STALE, ago(days=62))


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (REVIEW_TTL - timedelta(hours=1), State.FRESH),
        (REVIEW_TTL + timedelta(hours=1), State.STALE),
    ],
)
async def test_an_archived_test_in_review_may_be_a_day_and_a_half_old(of, plant, age, state):
    await plant(read=NOW - age, bugs=NOW - age, **archived(ended=ago(days=20)))
    found = await of()
    assert (found.state, found.as_of) == (state, NOW - age)


async def test_an_archived_test_without_an_end_rests_once_it_was_seen_long_enough(of, plant):
    fields = {"status": "cancelled", "end_at": None, "status_changed_at": None}
    await plant(read=ago(days=40), bugs=ago(days=40), **fields)
    assert (await of()).state == State.FRESH


async def test_lists_that_were_never_read_are_named(of, save):
    await save(ProductFactory(id=1, name="Shop"), stamp(Unit.PRODUCTS, 0, ago(minutes=5)))
    found = await of()
    assert found.state == State.STALE
    assert found.incomplete == [
        "The tests of product Shop (1) have not been read yet.",
        "The features of product Shop (1) have not been read yet.",
    ]


async def test_tests_whose_bugs_were_never_read_are_counted(of, plant, save):
    await plant(bugs=None)
    await save(TestFactory(id=2), stamp(Unit.TEST, 2, ago(minutes=5)))
    assert (await of()).incomplete == ["The bugs of 2 tests have not been read yet."]
    assert (await of(Basis(test_ids=(2,), bugs=True))).incomplete == [
        "The bugs of 1 test have not been read yet."
    ]
    assert (await of(Basis())).incomplete == []


async def test_a_list_read_from_a_day_on_says_what_was_not_asked_for(of, plant, database):
    await plant()
    async with database.write() as session:
        since = datetime(2026, 10, 1, tzinfo=UTC)
        await session.merge(stamp(Unit.TESTS, 1, ago(minutes=10), since=since))
    assert (await of()).incomplete == [
        "Of product Shop (1), tests that ended before 2026-10-01 were not asked for."
    ]


async def test_problems_of_the_products_in_scope_are_counted(of, plant, save):
    await plant()
    await save(
        ProductFactory(id=2), ProblemFactory(), ProblemFactory(), ProblemFactory(product_id=2)
    )
    assert (await of(Basis((1,)))).incomplete == ["2 tests of product Shop (1) could not be read."]


async def test_only_problems_that_an_answer_can_suffer_from_are_told(of, plant, save):
    await plant()
    await save(
        ProblemFactory(),
        ProblemFactory(kind=Subject.FEATURES),
        ProblemFactory(event_id="other", kind=Subject.BUG),
        ProblemTestFactory(event_id="other", test_id=2),
        ProblemFactory(event_id="ours", kind=Subject.BUGS, item_id=1),
        ProblemTestFactory(event_id="ours", test_id=1),
    )
    alone = Basis((1,), (1,), lists=False, bugs=True)
    assert (await of(alone)).incomplete == [
        "The bugs of 1 test of product Shop (1) could not be read."
    ]
    assert (await of(Basis((1,)))).incomplete == ["1 test of product Shop (1) could not be read."]
    assert (await of(Basis((1,), bugs=True, features=True))).incomplete == [
        "1 bug of product Shop (1) could not be read.",
        "The bugs of 1 test of product Shop (1) could not be read.",
        "The features of product Shop (1) could not be read.",
        "1 test of product Shop (1) could not be read.",
    ]


async def test_an_answer_without_tests_rests_on_its_lists_alone(of, plant):
    await plant(read=ago(days=2), bugs=ago(days=2))
    assert (await of(Basis((1,), (), bugs=True))).state == State.FRESH


async def test_another_customers_stamps_and_runs_count_for_nothing(of, save):
    foreign = {"customer_id": 9}
    await save(ProductFactory(id=1, **foreign), stamp(Unit.PRODUCTS, 0, NOW, **foreign))
    await save(
        TestFactory(id=1, **foreign),
        SyncRunFactory(status=RunStatus.RUNNING, **foreign),
        stamp(Unit.TESTS, 1, NOW, **foreign),
        stamp(Unit.TEST, 1, NOW, **foreign),
    )
    found = await of()
    assert (found.state, found.reason) == (State.NEVER_SYNCED, "The first sync has not run yet.")
    assert found.incomplete == []
