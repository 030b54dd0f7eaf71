"""How features and user stories fared is read when somebody asks, and kept until it is old."""

import anyio
import pytest
from tests.caches import BANK, GAME, SHOP, change, rows, stamps, sync
from tests.factories import StoryExecutionFactory
from tests.reading import OLD, reading

from testio_mcp.domain.freshness import State, Unit
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.user_stories import UserStoryFilter, WantedExecution
from testio_mcp.errors import NotFound, TestIOMcpError
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.services.user_stories import NOT_READ, UserStoryService

pytestmark = pytest.mark.usefixtures("unhurried")

CALLERS = 20
UNREAD = "How features and user stories fared in 1 test has not been read yet."
DOWN = Fault("*", FaultKind.STATUS, status=503)
EXECUTIONS = """
    SELECT test_features.id, test_features.execution_status, tester_count, position,
        story_executions.user_story_id, story_executions.title, story_executions.execution_status,
        tested_by_count, bugs_found, bug_ids
    FROM test_features LEFT JOIN story_executions ON test_feature_id = test_features.id
    WHERE test_id = ? ORDER BY 1, 4
"""


@pytest.fixture
async def reader(synced_path, settings, sandbox):
    """Its token has been seen to be the customer's."""
    async with reading(settings, sandbox) as reader:
        reader.age("kind = 'products'")
        await reader.products()
        sandbox.reset_counts()
        yield reader


@pytest.fixture
def test_id(sandbox):
    """A test that runs and has bugs, so that it may still change."""
    world = sandbox.world
    return next(
        id
        for id in world.test_ids(SHOP)
        if world.status(id) == "running" and len(world.bug_ids(id)) > 2
    )


async def stories(reader, test_id, **wanted):
    async with reader.app.services.open(UserStoryService) as stories:
        wanted = UserStoryFilter(test_id=test_id, **wanted)
        return await stories.list(wanted, Paging(1, 100, "feature_id"))


def told(answer):
    """What an answer about a test says of how it fared."""
    return [(row.execution_status, row.testers) for row in answer.test.features]


async def test_what_was_never_read_takes_one_request_and_none_after_that(reader, test_id):
    answer = await reader.test(test_id)
    assert (answer.freshness.state, answer.freshness.incomplete) == (State.FRESH, [])
    assert None not in {status for status, _ in told(answer)}
    assert answer.test.analytics.testers > 0
    page = await stories(reader, test_id)
    assert page.freshness.state == State.FRESH
    assert page.items
    assert None not in {story.execution_status for story in page.items}
    await reader.test(test_id)
    assert reader.asked == [f"exploratory_tests/{test_id}"]


async def test_a_sync_reads_none_and_wipes_none(reader, test_id, sandbox, synced_path):
    await reader.test(test_id)
    before = rows(synced_path, EXECUTIONS, test_id)
    sandbox.world.set_field("test", test_id, "title", "Another title")
    reader.age("kind IN ('test', 'tests')")
    await sync(reader.app, force=True)
    assert f"exploratory_tests/{test_id}" not in reader.asked
    assert rows(synced_path, "SELECT title FROM tests WHERE id = ?", test_id) == [
        ("Another title",)
    ]
    assert rows(synced_path, EXECUTIONS, test_id) == before
    assert stamps(synced_path, Unit.EXECUTION).keys() == {test_id}
    sandbox.reset_counts()
    answer = await reader.test(test_id)
    assert answer.test.analytics is not None
    assert reader.asked == []


async def test_simultaneous_callers_of_both_tools_share_one_request(reader, test_id):
    states = []

    async def ask(question):
        states.append((await question).freshness.state)

    async with anyio.create_task_group() as tasks:
        for _ in range(CALLERS):
            tasks.start_soon(ask, reader.test(test_id))
            tasks.start_soon(ask, stories(reader, test_id))
    assert states == [State.FRESH] * 2 * CALLERS
    assert reader.asked == [f"exploratory_tests/{test_id}"]
    assert reader.refresher._flights == {}


async def test_what_is_old_is_read_again_together_with_the_test(reader, test_id, sandbox):
    before = await stories(reader, test_id)
    story = before.items[0]
    bug = sandbox.world.add_bug(test_id, test_feature=feature_of(sandbox, test_id, story))
    reader.age(f"kind IN ('test', 'execution') AND id = {test_id}")
    after = await stories(reader, test_id)
    assert reader.asked == [f"exploratory_tests/{test_id}"]
    assert after.freshness.state == State.FRESH
    [failed] = [row for row in after.items if bug in row.bug_ids]
    assert (failed.execution_status, failed.bugs) == ("failed", len(failed.bug_ids))
    assert failed.feature_id == story.feature_id


def feature_of(sandbox, test_id, story):
    found = sandbox.world.test(test_id)["features"]
    return next(
        {"id": feature["id"], "feature_id": feature["feature_id"]}
        for feature in found
        if feature["feature_id"] == story.feature_id
    )


async def test_a_stale_execution_is_old_however_new_the_test_is(reader, test_id):
    await reader.test(test_id)
    reader.age("kind = 'execution'")
    sandbox_down(reader)
    answer = await reader.test(test_id)
    assert answer.freshness.state == State.STALE
    assert f"{answer.freshness.as_of:%Y}" == OLD[:4]
    assert answer.test.analytics is not None


def sandbox_down(reader):
    reader.sandbox.faults.add(DOWN)


@pytest.mark.parametrize("status", WantedExecution)
async def test_in_an_outage_what_was_never_read_is_unknown_and_said_to_be(reader, test_id, status):
    sandbox_down(reader)
    answer = await reader.test(test_id)
    assert answer.freshness.state == State.STALE
    assert "503" in answer.freshness.reason
    assert answer.freshness.incomplete == [UNREAD]
    assert set(told(answer)) == {(None, None)}
    assert answer.test.analytics is None
    assert answer.test.bugs.total > 0
    page = await stories(reader, test_id, execution_status=status)
    assert (page.freshness.state, page.freshness.incomplete) == (State.STALE, [UNREAD])
    is_any = status is WantedExecution.ANY
    assert (page.total > 0) is is_any
    assert page.notes == ([] if is_any else [NOT_READ])
    assert {(row.execution_status, row.bugs, row.bug_ids) for row in page.items} <= {
        (None, None, None)
    }


async def test_beyond_the_budget_the_rest_is_served_while_it_is_still_being_read(
    synced_path, settings, sandbox, test_id
):
    async with reading(settings, sandbox, read_budget_seconds=0.05) as reader:
        reader.held.hold(f"exploratory_tests/{test_id}")
        answer = await reader.test(test_id)
        assert answer.freshness.state == State.STALE
        assert "still being read" in answer.freshness.reason
        assert answer.test.analytics is None
        reader.held.let_go()
        await reader.landed()
        answer = await reader.test(test_id)
        assert (answer.freshness.state, answer.freshness.incomplete) == (State.FRESH, [])
        assert answer.test.analytics is not None


async def test_offline_what_was_never_read_is_unknown(synced_path, settings, sandbox, test_id):
    async with reading(settings, sandbox, offline=True) as reader:
        answer = await reader.test(test_id)
        page = await stories(reader, test_id, execution_status=WantedExecution.FAILED)
    for freshness in (answer.freshness, page.freshness):
        assert (freshness.state, freshness.incomplete) == (State.OFFLINE, [UNREAD])
    assert set(told(answer)) == {(None, None)}
    assert (page.items, page.notes) == ([], [NOT_READ])
    assert sandbox.request_count == 0


async def test_of_a_settled_test_it_is_read_again_only_if_it_was_read_before_that(
    reader, sandbox, synced_path
):
    world = sandbox.world
    test_id = next(id for id in world.test_ids(BANK) if world.status(id) == "archived")
    await reader.test(test_id)
    facts = "UPDATE tests SET end_at = ?, first_seen_at = ?, status_changed_at = ? WHERE id = ?"
    change(synced_path, facts, *[OLD.replace("2020", "2019")] * 3, test_id)
    world.set_field("test", test_id, "end_at", "2019-01-01T00:00:00Z")
    reader.age(f"kind IN ('test', 'bugs', 'execution') AND id = {test_id}")
    for _ in range(2):
        assert (await reader.test(test_id)).freshness.state == State.FRESH
    assert reader.asked == []
    earlier = "2018-01-01 00:00:00.000000"
    reader.age(f"kind = 'execution' AND id = {test_id}", at=earlier)
    assert (await reader.test(test_id)).freshness.state == State.FRESH
    assert reader.asked == [f"exploratory_tests/{test_id}"]


async def test_a_bug_that_testio_has_deleted_is_not_named(reader, test_id, synced_path):
    page = await stories(reader, test_id)
    story = next(row for row in page.items if row.bug_ids)
    gone, *left = story.bug_ids
    change(synced_path, "UPDATE bugs SET deleted_at = ? WHERE id = ?", OLD, gone)
    reader.sandbox.reset_counts()
    after = await stories(reader, test_id)
    [same] = [row for row in after.items if row.id == story.id]
    assert (same.bug_ids, same.bugs) == (left, len(left))
    assert gone not in {id for row in after.items for id in row.bug_ids}
    assert reader.asked == []


async def test_what_another_customer_knows_of_a_test_is_not_told(reader, test_id, save):
    before = await stories(reader, test_id)
    story = next(row for row in before.items if row.id)
    [feature] = [
        row
        for row in (await reader.test(test_id)).test.features
        if row.feature_id == story.feature_id
    ]
    await save(
        StoryExecutionFactory(
            customer_id=9,
            test_feature_id=feature.test_feature_id,
            position=99,
            user_story_id=story.id,
            execution_status="foreign",
        )
    )
    assert (await stories(reader, test_id)).items == before.items


async def test_words_that_are_documented_nowhere_are_told_and_shown_in_diagnostics(
    reader, test_id, synced_path
):
    await stories(reader, test_id)
    change(synced_path, "UPDATE story_executions SET execution_status = 'skipped'")
    change(
        synced_path,
        "UPDATE test_features SET execution_status = 'paused' WHERE test_id = ?",
        test_id,
    )
    page = await stories(reader, test_id)
    assert {row.execution_status for row in page.items} == {"skipped"}
    found = {row.value: row.count for row in (await reader.diagnosed()).diagnostics.unknown_values}
    features = (await reader.test(test_id)).test.features
    assert {row.execution_status for row in features} == {"paused"}
    assert found == {"skipped": page.total, "paused": len(features)}


async def test_a_test_that_is_gone_when_it_is_asked_for_is_not_known(
    reader, sandbox, test_id, synced_path
):
    await reader.test(test_id)
    sandbox.world.delete_test(test_id)
    reader.age(f"kind = 'execution' AND id = {test_id}")
    with pytest.raises(NotFound, match=f"Test {test_id} is not known"):
        await stories(reader, test_id)
    assert test_id not in stamps(synced_path, Unit.EXECUTION)


async def test_a_look_up_of_a_new_test_brings_how_it_fared(reader, sandbox):
    new = sandbox.world.add_test(GAME)
    answer = await stories(reader, new)
    assert answer.freshness.state == State.FRESH
    assert sorted(reader.asked) == ["bugs", f"exploratory_tests/{new}"]


async def test_titles_without_an_id_are_stories_too(reader, sandbox, test_id):
    """What a deployment answers that ignores `includes[]`."""
    features = [
        {**feature, "user_stories": ["As a user I can | do this", "And that"]}
        for feature in sandbox.world.test(test_id)["features"]
    ]
    sandbox.world.set_field("test", test_id, "features", features)
    reader.age(f"kind = 'test' AND id = {test_id}")
    page = await stories(reader, test_id)
    assert {row.id for row in page.items} == {None}
    assert len(page.items) == 2 * len(features)
    assert {row.title for row in page.items} == {"As a user I can | do this", "And that"}


async def test_only_named_things_are_listed(reader, sandbox, test_id):
    elsewhere = next(id for id in sandbox.world.test_ids(BANK))
    for wanted, said in (
        ({}, "product_id .* or test_id"),
        ({"product_id": SHOP, "execution_status": WantedExecution.FAILED}, "Give test_id"),
        ({"product_id": SHOP, "test_id": elsewhere}, f"a test of product {BANK}"),
        ({"product_id": 98}, "Product 98 is not known"),
        ({"test_id": 98}, "Test 98 is not known"),
        ({"test_id": test_id, "feature_id": 98}, "Feature 98 is not known"),
    ):
        async with reader.app.services.open(UserStoryService) as service:
            with pytest.raises(TestIOMcpError, match=said):
                await service.list(UserStoryFilter(**wanted), Paging(1, 20, "feature_id"))
