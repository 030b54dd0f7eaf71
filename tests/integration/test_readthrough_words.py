"""What is never asked for again, and how an answer and diagnostics say how current things are."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.caches import GAME, change, stamps, sync
from tests.e2e.asking import answers, questions
from tests.reading import reading, served

from testio_mcp.domain.freshness import State, Unit
from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

NOW = datetime.now(UTC)
HOUR, DAY = 3600, 86400
DOWN = Fault("*", FaultKind.STATUS, status=503)


@pytest.fixture
async def reader(synced_path, settings, sandbox):
    async with reading(settings, sandbox, read_budget_seconds=15) as reader:
        yield reader


@pytest.fixture
def test_id(sandbox):
    world = sandbox.world
    return next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)


def ago(**span):
    return f"{NOW - timedelta(**span):%Y-%m-%d %H:%M:%S.%f}"


@pytest.fixture
def finish(synced_path, sandbox, test_id):
    """Make it a test that ended long ago, was then archived and read after that, but for this."""

    def finish(status="archived", ended=90 * DAY, read=70 * DAY, bugs=69 * DAY):
        facts = "UPDATE tests SET status = ?, end_at = ?, first_seen_at = ?, status_changed_at = ?"
        times = (ago(seconds=ended), ago(days=99), ago(days=80))
        change(synced_path, f"{facts} WHERE id = ?", status, *times, test_id)
        sandbox.world.set_field("test", test_id, "status", status)
        sandbox.world.set_field("test", test_id, "end_at", NOW - timedelta(seconds=ended))
        for unit, at in ((Unit.TEST, read), (Unit.BUGS, bugs)):
            query = "UPDATE stamps SET at = ? WHERE kind = ? AND id = ?"
            change(synced_path, query, ago(seconds=at), unit, test_id)
        # The test was read alone at that time, so that it is known how it fared.
        query = "INSERT INTO stamps (kind, id, customer_id, at) VALUES (?, ?, 0, ?)"
        change(synced_path, query, Unit.EXECUTION, test_id, ago(seconds=read))

    return finish


@pytest.mark.parametrize("status", ["archived", "cancelled"])
async def test_a_test_that_cannot_change_any_more_is_never_asked_for(
    reader, sandbox, test_id, finish, status
):
    finish(status=status)
    bug_id = sandbox.world.bug_ids(test_id)[0]
    for answer in (
        await reader.test(test_id),
        await reader.bugs(test_id),
        await reader.bug(bug_id),
    ):
        assert (answer.freshness.state, answer.freshness.reason) == (State.FRESH, None)
        assert answer.freshness.as_of == NOW - timedelta(days=69)
    assert (await reader.tests(GAME)).freshness.state == State.FRESH
    assert reader.asked == []


@pytest.mark.parametrize(
    ("fact", "asked"),
    [
        ({"status": "locked"}, ["bugs", "test"]),
        ({"ended": 59 * DAY}, ["bugs", "test"]),
        ({"read": 81 * DAY}, ["bugs", "test"]),
        ({"bugs": 81 * DAY}, ["bugs", "test"]),
        ({"ended": 59 * DAY, "bugs": 35 * HOUR}, ["test"]),
        ({"ended": 59 * DAY, "read": 35 * HOUR, "bugs": 35 * HOUR}, []),
        ({"status": "locked", "read": HOUR, "bugs": 2 * HOUR}, ["bugs"]),
    ],
)
async def test_a_test_that_may_still_change_is_asked_for_when_it_is_old(
    reader, test_id, finish, fact, asked
):
    finish(**fact)
    assert (await reader.test(test_id)).freshness.state == State.FRESH
    paths = {"bugs": "bugs", "test": f"exploratory_tests/{test_id}"}
    assert sorted(reader.asked) == sorted(
        ["products"] * bool(asked) + [paths[one] for one in asked]
    )


async def test_text_and_data_say_the_same_of_how_current_an_answer_is(
    synced_path, settings, sandbox
):
    asked = questions(sandbox.world)
    del asked["sync_data"]
    async with served(settings, sandbox, read_budget_seconds=0) as (client, reader):
        reader.age(at=ago(hours=3))
        sandbox.faults.add(DOWN)
        await answers(client, asked)
        await reader.landed()
        found = await answers(client, asked)
    for tool, (data, text) in found.items():
        freshness, last = data["freshness"], text.splitlines()[-1]
        assert freshness["state"] == "stale", tool
        as_of = datetime.fromisoformat(freshness["as_of"])
        assert f"As of {as_of:%Y-%m-%d %H:%M}" in last, tool
        assert last.count("(3 h ago)") == 1, tool
        assert f"Stale: {freshness['reason']}" in last.replace("\\", ""), tool


async def test_what_was_never_counted_is_unknown_in_text_and_data(path, settings, sandbox, test_id):
    for what in ("bugs", f"products/{GAME}/*features"):
        sandbox.faults.add(Fault(what, FaultKind.STATUS, status=503))
    async with served(settings, sandbox, read_budget_seconds=0) as (client, reader):
        assert (await sync(reader.app)).state == "partial"
        sandbox.faults.add(DOWN)
        asked = questions(sandbox.world)
        chosen = {
            "list_products": {},
            "list_tests": {"product_ids": [GAME]},
            "get_test_summary": {"test_id": test_id},
            "get_product_summary": asked["get_product_summary"],
        }
        found = await answers(client, chosen)
    products = {row["id"]: row for row in found["list_products"][0]["items"]}
    assert {row["bugs"] for row in products.values()} == {None}
    assert products[GAME]["features"] is None
    for row in found["list_tests"][0]["items"]:
        assert set(row["bugs"].values()) == {None}
    assert found["get_test_summary"][0]["test"]["bugs"]["total"] is None
    assert found["get_product_summary"][0]["product"]["bugs"]["total"] is None
    for data, text in found.values():
        assert data["freshness"]["state"] == "stale"
        for line in data["freshness"]["incomplete"]:
            assert f"Incomplete: {line}" in text.replace("\\", "")
        assert "not synced yet" in text


async def test_time_that_was_left_out_on_purpose_does_not_make_an_answer_stale(
    path, settings, sandbox
):
    async with reading(settings, sandbox) as reader:
        await sync(reader.app, since="since 2026-10-20")
        sandbox.reset_counts()
        page = await reader.tests(GAME)
        assert (page.freshness.state, page.freshness.reason) == (State.FRESH, None)
        assert "were not asked for" in page.freshness.incomplete[0]
        assert reader.asked == []


async def test_diagnostics_tell_how_old_things_are_by_kind_and_product(reader, sandbox):
    path = reader.app.settings.database_path
    tests = sandbox.world.test_ids(GAME)
    reader.age("kind = 'test' AND id IN ({}, {})".format(*tests[:2]), at=ago(days=3))
    reader.age("kind = 'features'", at=ago(hours=2))
    diagnostics = (await reader.diagnosed()).diagnostics
    kinds = {row.kind: row for row in diagnostics.stamps}
    read = stamps(path, Unit.TEST)
    assert kinds[Unit.TEST].units == len(read)
    assert f"{kinds[Unit.TEST].oldest:%Y-%m-%d %H:%M:%S.%f}" == min(read.values())
    assert f"{kinds[Unit.TEST].newest:%Y-%m-%d %H:%M:%S.%f}" == max(read.values())
    assert kinds[Unit.TEST].stale_share == 2 / len(read)
    assert kinds[Unit.FEATURES].stale_share == 1
    assert kinds[Unit.BUGS].stale_share == 0
    game = next(row for row in diagnostics.products if row.product_id == GAME)
    other = next(row for row in diagnostics.products if row.product_id != GAME)
    assert f"{game.oldest:%Y-%m-%d %H:%M:%S.%f}" == ago(days=3)
    assert game.stale_share > other.stale_share > 0


async def test_diagnostics_tell_what_the_cache_saves_and_what_fails(reader, test_id):
    before = (await reader.diagnosed()).diagnostics.api
    assert (before.requests_saved, before.refreshes_in_flight, before.last_error) == (0, 0, None)
    for _ in range(3):
        await reader.bugs(test_id)
    assert (await reader.diagnosed()).diagnostics.api.requests_saved == 3
    reader.age("kind = 'bugs'")
    reader.sandbox.faults.add(DOWN)
    await reader.bugs(test_id)
    after = (await reader.diagnosed()).diagnostics
    assert after.api.requests_saved == 3
    assert after.api.last_error.startswith("TestIO answered 503")
    assert not after.ready
