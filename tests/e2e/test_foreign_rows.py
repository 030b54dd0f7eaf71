"""Rows of another customer, and rows that TestIO deleted, change no answer of any tool."""

from datetime import UTC, datetime

import pytest
import time_machine
from fastmcp.exceptions import ToolError
from tests.caches import GAME, rows
from tests.e2e.asking import answers, questions
from tests.factories import (
    BugDetailsFactory,
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    PayloadFactory,
    ProblemFactory,
    ProblemTestFactory,
    ProductFactory,
    RejectReasonFactory,
    StampFactory,
    SyncRunFactory,
    TestDetailsFactory,
    TestFactory,
    TestFeatureFactory,
    UserFactory,
    UserStoryFactory,
)

from testio_mcp.domain.freshness import Unit

NOW = datetime.now(UTC)
MARK = "Foreigner"
THEIRS = {"customer_id": 9}


@pytest.fixture
def asked(sandbox):
    """Of every tool but the one that changes the cache."""
    every = questions(sandbox.world)
    del every["sync_data"]
    return every


@pytest.fixture
async def told(synced_path, client, asked):
    """All answers at one instant, without what differs from call to call."""

    async def told():
        with time_machine.travel(NOW, tick=False):
            found = {tool: data for tool, (data, _) in (await answers(client, asked)).items()}
        diagnostics = found["get_server_diagnostics"]["diagnostics"]
        del diagnostics["api"], diagnostics["database"]["size_bytes"]
        return found

    return told


async def plant_strangers(save, test, feature):
    """Rows of all tables, most of them hung onto a test of ours."""
    await save(
        ProductFactory(id=7, name=MARK, **THEIRS),
        UserFactory(id=700, name=MARK, **THEIRS),
        UserFactory(id=701, name=MARK, type="customer", **THEIRS),
        RejectReasonFactory(key="foreign", name=MARK, **THEIRS),
        SyncRunFactory(id=700, incomplete=[MARK], error=MARK, started_at=NOW, **THEIRS),
        SyncRunFactory(id=701, status="running", started_at=NOW, finished_at=None, **THEIRS),
        PayloadFactory(id=7, **THEIRS),
        ProblemFactory(event_id="foreign", product_id=GAME, error=MARK, **THEIRS),
        *(StampFactory(kind=kind, id=7, at=NOW, **THEIRS) for kind in Unit),
    )
    await save(
        TestFactory(id=7, product_id=7, title=MARK, status="running", **THEIRS),
        TestFactory(id=8, product_id=GAME, title=MARK, status="lunar", **THEIRS),
        FeatureFactory(id=7, product_id=GAME, title=MARK, **THEIRS),
        UserStoryFactory(id=7, product_id=GAME, title=MARK, **THEIRS),
        ProblemTestFactory(event_id="foreign", test_id=test, **THEIRS),
    )
    await save(
        TestDetailsFactory(test_id=7, goal=MARK, **THEIRS),
        TestDetailsFactory(test_id=8, goal=MARK, **THEIRS),
        TestFeatureFactory(id=7, test_id=test, feature_id=feature, title=MARK, **THEIRS),
    )
    for id, test_id in ((7, test), (8, 8)):
        await save(
            BugFactory(
                id=id, test_id=test_id, title=MARK, product_id=GAME, severity="odd", **THEIRS
            )
        )
        await save(
            BugDetailsFactory(bug_id=id, steps=MARK, **THEIRS),
            BugDeviceFactory(bug_id=id, operating_system=MARK, **THEIRS),
        )


async def plant_ghosts(save, test, feature):
    """Things of ours that TestIO has deleted."""
    gone = {"deleted_at": NOW}
    await save(
        FeatureFactory(id=7, product_id=GAME, title=MARK, **gone),
        UserStoryFactory(id=7, product_id=GAME, title=MARK, **gone),
        TestFactory(id=7, product_id=GAME, title=MARK, status="lunar", end_at=NOW, **gone),
        BugFactory(id=7, test_id=test, product_id=GAME, title=MARK, severity="odd", **gone),
    )
    await save(
        BugFactory(id=8, test_id=7, product_id=GAME, title=MARK, status="odd", **gone),
        TestDetailsFactory(test_id=7, goal=MARK),
        TestFeatureFactory(id=7, test_id=7, feature_id=feature, title=MARK),
        TestFeatureFactory(id=8, test_id=7, feature_id=7, title=MARK),
        BugDetailsFactory(bug_id=7, steps=MARK),
    )


@pytest.mark.parametrize("plant", [plant_strangers, plant_ghosts])
async def test_they_appear_in_no_answer_and_count_in_no_figure(
    plant, told, save, asked, synced_path
):
    before = await told()
    test = asked["get_test_summary"]["test_id"]
    [(feature,)] = rows(
        synced_path, "SELECT feature_id FROM test_features WHERE test_id = ? LIMIT 1", test
    )
    await plant(save, test, feature)
    after = await told()
    assert MARK not in repr(after)
    for tool in asked:
        assert after[tool] == before[tool]


@pytest.mark.parametrize("plant", [plant_strangers, plant_ghosts])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_test_summary", {"test_id": 7}),
        ("get_bug_summary", {"bug_id": 7}),
        ("get_feature_summary", {"feature_id": 7}),
        ("list_features", {"product_id": 7}),
        ("list_user_stories", {"test_id": 7}),
        ("get_user_summary", {"user": 700}),
        ("list_bugs", {"test_ids": [7]}),
        ("list_bugs", {"operating_systems": [MARK]}),
    ],
)
async def test_who_asks_for_one_of_them_is_told_that_it_is_not_known(
    plant, save, asked, synced_path, client, tool, arguments
):
    test = asked["get_test_summary"]["test_id"]
    await plant(save, test, rows(synced_path, "SELECT feature_id FROM test_features")[0][0])
    with pytest.raises(ToolError, match=r"is not known|No operating system is called"):
        await client.call_tool(tool, arguments)
