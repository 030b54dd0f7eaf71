"""Changes of the sandbox's data between two reads, by call and through its control endpoints."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from testio_mcp.sandbox import Sandbox, Scale, World, serving
from testio_mcp.sandbox.control import CHANGES
from testio_mcp.sandbox.records import UnknownId

ANCHOR = datetime(2026, 11, 21, 3, tzinfo=UTC)
SHOP, BANK = 1001, 1002


@pytest.fixture
def sandbox():
    return Sandbox(anchor=ANCHOR)


@pytest.fixture
async def client(sandbox):
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(
            base_url=url, headers={"Authorization": "Token sandbox"}, verify=False
        ) as client,
    ):
        yield client


@pytest.fixture
def control(client):
    """Calls a control endpoint and gives what it answered."""

    async def call(method, path, /, **arguments):
        url = client.base_url.copy_with(path=f"/_control/{path}")
        return await client.request(method, url, json=arguments or None)

    return call


def first_with(world, status, product_id=SHOP):
    return next(id_ for id_ in world.test_ids(product_id) if world.status(id_) == status)


def test_an_added_test_runs_and_is_the_newest_that_does(world):
    id_ = world.add_test(SHOP, title="Hotfix", testing_type="rapid")
    running = [i for i in world.test_ids(SHOP) if world.status(i) == "running"]
    test = world.test(id_)
    assert id_ in running
    assert (test["title"], test["testing_type"], test["status"]) == ("Hotfix", "rapid", "running")
    assert test["features"]
    assert world.bug_ids(id_) == []


def test_an_added_test_stands_where_its_end_puts_it(world):
    neighbours = world.test_ids(SHOP)[9:11]
    end = datetime.fromisoformat(world.test(neighbours[0])["end_at"]) - timedelta(seconds=1)
    id_ = world.add_test(SHOP, end_at=end, status="archived")
    assert world.test_ids(SHOP)[9:12] == [neighbours[0], id_, neighbours[1]]
    assert world.test_ids(BANK) == World(Scale.SMALL, 1, ANCHOR).test_ids(BANK)


def test_an_added_bug_is_open_and_belongs_to_its_test(world):
    test_id = first_with(world, "running")
    before = world.bug_ids(test_id)
    id_ = world.add_bug(test_id, severity="high")
    bug = world.bug(id_)
    assert world.bug_ids(test_id) == [*before, id_]
    assert (bug["status"], bug["severity"], bug["test"]["id"]) == ("forwarded", "high", test_id)
    assert datetime.fromisoformat(bug["reported_at"]) == ANCHOR


def test_added_things_get_ids_that_nothing_had(world):
    known = {i for p in world.product_ids() for t in world.test_ids(p) for i in world.bug_ids(t)}
    test_id = world.add_test(SHOP, title="Hotfix")
    ids = [world.add_bug(test_id) for _ in range(3)]
    assert len(set(ids)) == 3
    assert known.isdisjoint(ids)
    assert world.bug(ids[0])["test"] == {"id": test_id, "title": "Hotfix"}


async def test_figures_follow_added_and_moved_bugs(client, world):
    test_id = world.add_test(SHOP)
    ids = [world.add_bug(test_id) for _ in range(5)]
    answer = await client.get(f"exploratory_tests/{test_id}")
    test = answer.json()["exploratory_test"]
    assert test["analytics"]["total_bugs"] == 5
    assert sorted(i for f in test["features"] for i in f["bug_ids"]) == ids
    for id_ in ids:
        world.move_bug(id_, "rejected")
    test = (await client.get(f"exploratory_tests/{test_id}")).json()["exploratory_test"]
    assert "failed" not in {feature["execution_status"] for feature in test["features"]}


def test_a_test_that_is_locked_has_ended(world):
    id_ = first_with(world, "running")
    world.move_test(id_, "locked")
    assert world.test(id_)["status"] == "locked"
    assert datetime.fromisoformat(world.test(id_)["end_at"]) == ANCHOR
    assert world.bug_ids(id_)


def test_a_test_that_begins_to_run_has_begun(world):
    id_ = first_with(world, "waiting")
    world.move_test(id_, "running")
    test = world.test(id_)
    assert datetime.fromisoformat(test["start_at"]) <= ANCHOR
    assert datetime.fromisoformat(test["end_at"]) > ANCHOR


def test_a_draft_without_dates_gets_some_when_it_runs(world):
    id_ = first_with(world, "initialized")
    assert world.test(id_)["end_at"] is None
    world.move_test(id_, "running")
    assert world.test(id_)["end_at"]


def test_a_moved_bug_can_bring_a_comment(world):
    id_ = world.bug_ids(first_with(world, "running"))[0]
    before = world.bug(id_)["comments"]
    world.move_bug(id_, "rejected", comment="We could not reproduce this issue.")
    after = world.bug(id_)
    assert after["status"] == "rejected"
    assert after["comments"][:-1] == before
    assert after["comments"][-1]["body"] == "We could not reproduce this issue."


def test_a_bug_can_be_accepted_by_time(world):
    id_ = world.bug_ids(first_with(world, "running"))[0]
    world.move_bug(id_, "accepted", auto_accepted=True)
    assert (world.bug(id_)["status"], world.bug(id_)["auto_accepted"]) == ("accepted", True)


async def test_a_deleted_test_is_gone_with_its_bugs_until_it_is_restored(client, world):
    ids = world.test_ids(SHOP)
    test_id = first_with(world, "locked")
    bug_id = world.bug_ids(test_id)[0]
    world.delete_test(test_id)
    listed = (await client.get(f"products/{SHOP}/exploratory_tests")).json()["exploratory_tests"]
    assert [row["id"] for row in listed] == [id_ for id_ in ids if id_ != test_id]
    assert (await client.get(f"exploratory_tests/{test_id}")).status_code == 404
    assert (await client.get(f"bugs/{bug_id}")).status_code == 404
    bugs = await client.get("bugs", params={"filter_test_cycle_ids": test_id})
    assert bugs.json() == {"bugs": []}
    world.restore_test(test_id)
    assert world.test_ids(SHOP) == ids
    assert world.bug_ids(test_id)[0] == bug_id


async def test_a_deleted_product_is_gone_with_all_it_has_until_it_comes_back(client, world):
    test_id = first_with(world, "locked", BANK)
    bug_ids = world.bug_ids(test_id)
    ids = world.product_ids()
    world.delete_product(BANK)
    listed = (await client.get("products")).json()["products"]
    assert [product["id"] for product in listed] == [id_ for id_ in ids if id_ != BANK]
    of_product = [f"products/{BANK}{what}" for what in ("", "/exploratory_tests", "/features")]
    for path in (*of_product, f"exploratory_tests/{test_id}", f"bugs/{bug_ids[0]}"):
        assert (await client.get(path)).status_code == 404
    bugs = await client.get("bugs", params={"filter_test_cycle_ids": f"{test_id},7"})
    assert bugs.json() == {"bugs": []}
    world.restore_product(BANK)
    assert world.product_ids() == ids
    assert world.bug_ids(test_id) == bug_ids


async def test_a_deleted_bug_is_gone(client, world):
    test_id = first_with(world, "locked")
    bug_id, *others = world.bug_ids(test_id)
    world.delete_bug(bug_id)
    assert (await client.get(f"bugs/{bug_id}")).status_code == 404
    assert world.bug_ids(test_id) == others


async def test_a_deleted_feature_leaves_the_catalogue_but_not_the_tests(client, world):
    feature_id = world.features(BANK)[0].id
    sections = world.product(BANK).every_section()
    named = {f["feature_id"] for id_ in world.test_ids(BANK) for f in world.test(id_)["features"]}
    world.delete_feature(feature_id)
    for section in sections:
        answer = await client.get(f"products/{BANK}/sections/{section.id}/features")
        assert feature_id not in {row["id"] for row in answer.json()["features"]}
    assert feature_id in named


@pytest.mark.parametrize("scale", list(Scale))
def test_a_round_is_the_same_for_the_same_seed_and_anchor(scale):
    worlds = [World(scale, 3, ANCHOR) for _ in range(2)]
    first, second = [[world.move_on() for _ in range(3)] for world in worlds]
    assert first == second
    assert first[0] != first[1]
    every = [[w.test(i) for i in w.test_ids(w.product_ids()[0])[:20]] for w in worlds]
    assert json.dumps(every[0]) == json.dumps(every[1])


def test_a_round_brings_something_of_everything(world):
    before = Sandbox(anchor=ANCHOR).world
    change = world.move_on()
    [added] = change.tests_added
    assert world.status(added) == "running"
    assert len(world.bug_ids(added)) == 3
    assert {world.bug(id_)["test"]["id"] for id_ in change.bugs_added} > {added}
    assert set(change.bugs_moved.values()) == {"accepted", "rejected"}
    for id_ in change.bugs_moved:
        assert before.bug(id_)["status"] == "forwarded" != world.bug(id_)["status"]
    moves = {(before.status(id_), world.status(id_)) for id_ in change.tests_moved}
    assert moves >= {("running", "locked"), ("locked", "archived"), ("waiting", "running")}
    [deleted] = change.bugs_deleted
    with pytest.raises(UnknownId):
        world.bug(deleted)


def test_a_round_can_happen_later_than_the_anchor(world):
    later = ANCHOR + timedelta(hours=5)
    change = world.move_on(at=later)
    reported = {world.bug(id_)["reported_at"] for id_ in change.bugs_added}
    assert {datetime.fromisoformat(text) for text in reported} == {later}
    with pytest.raises(ValueError, match="time zone"):
        world.move_on(at=later.replace(tzinfo=None))


def test_many_rounds_find_something_to_change(world):
    rounds = [world.move_on() for _ in range(30)]
    assert all(change.tests_moved and change.bugs_moved for change in rounds)
    assert all(world.test(i)["id"] == i for p in world.product_ids() for i in world.test_ids(p))


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ("add_test", (5,)),
        ("add_bug", (5,)),
        ("move_test", (5, "locked")),
        ("move_bug", (5, "accepted")),
        ("delete_product", (5,)),
        ("restore_product", (SHOP,)),
        ("delete_test", (5,)),
        ("delete_bug", (5,)),
        ("delete_feature", (5,)),
        ("restore_test", (5,)),
        ("poison_test", (5,)),
        ("set_field", ("bug", 5, "status", "x")),
        ("drop_field", ("test", 5, "status")),
    ],
)
def test_what_is_unknown_cannot_be_changed(world, change, arguments):
    with pytest.raises(UnknownId):
        getattr(world, change)(*arguments)


def test_only_products_tests_and_bugs_have_fields_to_change(world):
    with pytest.raises(ValueError, match="product, test, bug"):
        world.set_field("feature", SHOP, "name", "x")


def test_what_a_reader_does_to_its_copy_changes_nothing(world):
    test_id = first_with(world, "locked")
    bug_id = world.bug_ids(test_id)[0]
    world.bug(bug_id)["steps"].clear()
    world.test(test_id)["features"].clear()
    assert world.bug(bug_id)["steps"]
    assert world.test(test_id)["features"]


async def test_changes_can_be_made_through_control(control, client, world):
    answer = await control("POST", "world/add_test", product_id=SHOP, title="From outside")
    test_id = answer.json()["result"]
    assert world.test(test_id)["title"] == "From outside"
    answer = await control("POST", "world/add_bug", test_id=test_id, severity="low")
    bug_id = answer.json()["result"]
    await control("POST", "world/move_bug", bug_id=bug_id, status="accepted")
    assert (await client.get(f"bugs/{bug_id}")).json()["bug"]["status"] == "accepted"
    change = (await control("POST", "world/move_on", at="2026-11-21T04:00:00Z")).json()["result"]
    assert change["tests_added"] == [test_id + 1]


async def test_faults_can_be_added_and_cleared_through_control(control, client):
    answer = await control("POST", "faults", path="products", kind="status", status=503)
    assert answer.status_code == 201
    assert (await client.get("products")).status_code == 503
    [fault] = (await control("GET", "")).json()["faults"]
    assert (fault["kind"], fault["status"]) == ("status", 503)
    await control("DELETE", "faults")
    assert (await client.get("products")).status_code == 200


async def test_control_tells_what_was_asked_and_does_not_count_itself(control, client, sandbox):
    await client.get("products", params={"a": 1})
    asked = (await control("GET", "requests")).json()["requests"]
    assert asked == [{"method": "GET", "path": "products", "query": "a=1"}]
    state = (await control("GET", "")).json()
    assert (state["name"], state["request_count"]) == (sandbox.host_name, 1)
    await control("DELETE", "requests")
    assert (await control("GET", "")).json()["request_count"] == 0


@pytest.mark.parametrize(
    ("path", "arguments", "status"),
    [
        ("faults", {"path": "bugs", "kind": "explosion"}, 400),
        ("faults", {"path": "bugs", "kind": "status", "colour": "red"}, 400),
        ("world/explode", {}, 404),
        ("world/delete_bug", {"bug_id": 5}, 404),
        ("world/delete_bug", {}, 400),
        ("world/move_on", {"at": "soon"}, 400),
    ],
)
async def test_control_explains_what_it_cannot_do(control, path, arguments, status):
    answer = await control("POST", path, **arguments)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("body", ["{", "[1]"])
async def test_control_wants_a_json_object(client, body):
    url = client.base_url.copy_with(path="/_control/faults")
    assert (await client.post(url, content=body)).status_code == 400


def test_every_change_can_be_made_through_control():
    public = {name for name in vars(World) if not name.startswith("_")}
    assert public - {"breaks_list", "breaks_alone"} == set(CHANGES)
