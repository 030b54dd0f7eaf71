"""A refresh that fails or may not be: the cache with its true age, why, and nothing made up."""

import pytest
from tests.caches import GAME, contents, rows, sync
from tests.factories import BugFactory, ProductFactory, TestFactory
from tests.reading import ENDLESS, OLD, reading

from testio_mcp.domain.freshness import State
from testio_mcp.errors import NotFound, TestIOMcpError
from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

# What is wrong with TestIO, and what an answer must say of it.
FAULTS = {
    "down": (Fault("*", FaultKind.STATUS, status=503), "TestIO answered 503"),
    "refused token": (Fault("*", FaultKind.STATUS, status=401), "TESTIO_CUSTOMER_API_TOKEN"),
    "too fast": (Fault("*", FaultKind.RATE_LIMITED, retry_after=0), "too many requests"),
    "time-out": (Fault("*", FaultKind.DELAY, seconds=ENDLESS), "did not answer"),
    "no answer": (Fault("*", FaultKind.DROPPED_CONNECTION), "TestIO"),
    "no JSON": (Fault("*", FaultKind.HTML_BODY), "TestIO"),
}
with_faults = pytest.mark.parametrize(("fault", "said"), FAULTS.values(), ids=FAULTS)
ALL_STAMPS = "SELECT kind, id, at, since FROM stamps ORDER BY kind, id"


@pytest.fixture
async def reader(synced_path, settings, sandbox):
    async with reading(settings, sandbox, http_timeout=0.2, read_budget_seconds=15) as reader:
        yield reader


@pytest.fixture
def test_id(sandbox):
    world = sandbox.world
    return next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)


def questions(reader, test_id):
    bug_id = reader.sandbox.world.bug_ids(test_id)[0]
    return (
        reader.products,
        lambda: reader.product(GAME),
        lambda: reader.tests(GAME),
        lambda: reader.test(test_id),
        lambda: reader.bugs(test_id),
        lambda: reader.bug(bug_id),
    )


@with_faults
async def test_a_failed_refresh_serves_the_cache_with_its_age_and_moves_no_stamp(
    reader, test_id, fault, said, synced_path
):
    reader.age()
    before = rows(synced_path, ALL_STAMPS)
    reader.sandbox.faults.add(fault)
    for ask in questions(reader, test_id):
        answer = await ask()
        assert answer.freshness.state == State.STALE
        assert f"{answer.freshness.as_of:%Y}" == OLD[:4]
        assert said.lower() in answer.freshness.reason.lower()
    assert rows(synced_path, ALL_STAMPS) == before
    assert reader.refresher._flights == {}


@with_faults
async def test_once_the_fault_is_gone_the_next_call_recovers(
    reader, test_id, fault, said, synced_path
):
    reader.age("kind = 'bugs'")
    reader.sandbox.faults.add(fault)
    assert (await reader.bugs(test_id)).freshness.state == State.STALE
    reader.sandbox.faults.clear()
    bug = reader.sandbox.world.add_bug(test_id)
    if "TOKEN" in said:
        # Only a sync asks again with a token that was refused.
        await sync(reader.app)
    answer = await reader.bugs(test_id)
    assert (answer.freshness.state, answer.freshness.reason) == (State.FRESH, None)
    assert bug in {row.id for row in answer.items}


@with_faults
async def test_only_what_was_never_read_is_an_error_which_says_so(reader, test_id, fault, said):
    await reader.test(test_id)
    reader.forget(f"kind = 'bugs' AND id = {test_id}")
    reader.sandbox.faults.add(fault)
    with pytest.raises(TestIOMcpError) as raised:
        await reader.bugs(test_id)
    assert said.lower() in str(raised.value).lower()
    assert "never read" in str(raised.value) or "TOKEN" in said
    # The test itself was read.
    answer = await reader.test(test_id)
    assert answer.freshness.state == State.STALE
    assert answer.freshness.incomplete == ["The bugs of 1 test have not been read yet."]
    assert answer.test.bugs.total is None
    reader.sandbox.faults.clear()
    if "TOKEN" in said:
        await sync(reader.app)
    answer = await reader.bugs(test_id)
    assert (answer.freshness.state, answer.total) == (
        State.FRESH,
        len(reader.sandbox.world.bug_ids(test_id)),
    )


@with_faults
async def test_an_empty_cache_says_what_keeps_it_empty_and_fills_once_that_is_gone(
    path, settings, sandbox, fault, said
):
    async with reading(settings, sandbox, http_timeout=0.2) as reader:
        sandbox.faults.add(fault)
        for ask in (reader.products, reader.bugs, reader.tests):
            with pytest.raises(TestIOMcpError) as raised:
                await ask()
            assert said.lower() in str(raised.value).lower()
        sandbox.faults.clear()
        if "TOKEN" in said:
            await sync(reader.app)
        assert (await reader.products()).total == len(sandbox.world.product_ids())


@with_faults
async def test_an_unknown_id_is_not_called_unknown_while_testio_cannot_be_asked(
    reader, fault, said
):
    reader.sandbox.faults.add(fault)
    for ask in (reader.test, reader.bug, reader.product, reader.bugs, reader.tests):
        with pytest.raises(NotFound) as raised:
            await ask(98)
        assert "98 is not in the local copy, and TestIO could not be asked" in str(raised.value)
        assert said.lower() in str(raised.value).lower()


async def test_without_a_token_an_unknown_id_is_not_called_unknown(
    synced_path, settings, sandbox, test_id
):
    settings = settings.model_copy(update={"offline": True})
    async with reading(settings, sandbox) as reader:
        with pytest.raises(NotFound, match=r"could not be asked for it\. testio-mcp is offline"):
            await reader.test(98)
    assert sandbox.request_count == 0


async def test_a_token_of_another_customer_deletes_and_writes_nothing(reader, test_id, synced_path):
    """To it every product and test of ours is unknown, and its 404 is no proof."""
    asked = questions(reader, test_id)
    for id in reader.sandbox.world.product_ids():
        reader.sandbox.world.delete_product(id)
    reader.age()
    before = contents(synced_path, without=("sync_runs",))
    for ask in asked:
        answer = await ask()
        assert answer.freshness.state == State.STALE
        assert "belongs to another customer" in answer.freshness.reason
    assert contents(synced_path, without=("sync_runs",)) == before
    # It was asked once who it is, and nothing since.
    assert reader.asked == ["products"]


async def test_rows_of_another_customer_are_not_overwritten_nor_shown(
    synced_path, database, save, settings, sandbox, test_id
):
    world, theirs = sandbox.world, {"customer_id": 9, "title": "Foreign"}
    test, bug = world.add_test(GAME), world.add_bug(test_id)
    await save(ProductFactory(id=7, customer_id=9))
    await save(TestFactory(id=test, product_id=7, **theirs))
    await save(BugFactory(id=bug, test_id=test, product_id=7, **theirs))
    async with reading(settings, sandbox) as reader:
        reader.age("customer_id = 0")
        with pytest.raises(NotFound):
            await reader.test(test)
        with pytest.raises(NotFound):
            await reader.bug(bug)
        page = await reader.bugs(test_id)
        tests = await reader.tests(GAME, page_size=100)
    assert "Foreign" not in repr((page, tests))
    assert bug not in {row.id for row in page.items}
    assert test not in {row.id for row in tests.items}
    for table in ("tests", "bugs"):
        query = f"SELECT id, product_id, title FROM {table} WHERE customer_id = 9"
        assert rows(synced_path, query) == [({"tests": test, "bugs": bug}[table], 7, "Foreign")]


async def test_a_bug_that_may_be_deleted_but_cannot_be_asked_for_is_named_as_missing(
    reader, test_id
):
    bug_id = reader.sandbox.world.bug_ids(test_id)[0]
    reader.age("kind = 'bugs'")
    reader.sandbox.world.delete_bug(bug_id)
    reader.sandbox.faults.add(Fault("bugs/*", FaultKind.STATUS, status=503))
    answer = await reader.bugs(test_id)
    assert answer.freshness.incomplete == [
        f"1 bug of product Skyforge Arena ({GAME}) could not be read."
    ]
    reader.sandbox.faults.clear()
    await sync(reader.app)
    answer = await reader.bugs(test_id)
    assert answer.freshness.incomplete == []
    assert bug_id not in {bug.id for bug in answer.items}
