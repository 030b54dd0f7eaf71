"""The sandbox answers over HTTP as TestIO does, quirks included."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from testio_mcp.sandbox import (
    FOREIGN_BUG_IDS,
    FOREIGN_PRODUCT_IDS,
    FOREIGN_TEST_IDS,
    Sandbox,
    Scale,
    serving,
)

ANCHOR = datetime(2026, 11, 21, 3, tzinfo=UTC)
SHOP, BANK = 1001, 1002
STORIES = {"includes[]": "user_stories"}


@pytest.fixture
def sandbox():
    return Sandbox(anchor=ANCHOR)


@pytest.fixture
async def client(sandbox):
    headers = {"Authorization": "Token sandbox"}
    # Certificates are of no use on the loopback interface, and slow to load.
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(base_url=url, headers=headers, verify=False) as client,
    ):
        yield client


@pytest.fixture
def get(client):
    async def get(path, **query):
        return (await client.get(path, params=query)).raise_for_status().json()

    return get


async def test_the_base_url_is_on_the_loopback_interface_and_has_the_prefix(client):
    assert client.base_url.host == "127.0.0.1"
    assert client.base_url.path == "/customer/v2/"


@pytest.mark.parametrize("header", [None, "Token wrong", "Bearer sandbox", "sandbox"])
async def test_a_wrong_or_missing_token_is_refused(client, header):
    del client.headers["Authorization"]
    headers = {"Authorization": header} if header else {}
    answer = await client.get("products", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        f"products/{FOREIGN_PRODUCT_IDS[0]}",
        f"products/{FOREIGN_PRODUCT_IDS[0]}/exploratory_tests",
        f"products/{FOREIGN_PRODUCT_IDS[0]}/features",
        f"exploratory_tests/{FOREIGN_TEST_IDS[-1]}",
        f"bugs/{FOREIGN_BUG_IDS[0]}",
        f"bugs?filter_test_cycle_ids={FOREIGN_TEST_IDS[0]}",
        f"bugs?filter_product_ids={FOREIGN_PRODUCT_IDS[0]}",
    ],
)
async def test_what_belongs_to_somebody_else_is_forbidden(client, path):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (403, {"error": "Forbidden"})


@pytest.mark.parametrize(
    "path",
    [
        "products/5",
        "products/5/exploratory_tests",
        "exploratory_tests/5",
        "bugs/5",
        f"products/{BANK}/sections/5/features",
        f"products/{BANK}/user_stories?section_id=5",
        "products/many",
        "nothing",
    ],
)
async def test_what_does_not_exist_is_not_found(client, path):
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


async def test_nothing_can_be_written(client, world):
    bug_id = world.bug_ids(world.test_ids(SHOP)[4])[0]
    assert (await client.put(f"bugs/{bug_id}/accept")).status_code == 404
    assert (await client.post("products")).status_code == 405


async def test_all_products_are_listed_and_each_can_be_asked_for(get):
    products = (await get("products"))["products"]
    assert len(products) == 4
    assert [(await get(f"products/{row['id']}"))["product"] for row in products] == products


async def test_a_lone_default_section_is_no_section(get):
    shop, bank, *_ = (await get("products"))["products"]
    assert (shop["sections"], len(shop["sections_with_default"])) == ([], 1)
    assert (len(bank["sections"]), len(bank["sections_with_default"])) == (2, 3)
    assert bank["default_section_id"] == bank["sections_with_default"][0]["id"]


async def test_pages_hold_25_tests_and_one_after_the_end_is_empty(get, world):
    path = f"products/{SHOP}/exploratory_tests"
    world_ids = world.test_ids(SHOP)
    for _ in range(10):
        world.add_test(SHOP)
    pages = [(await get(path, page=page))["exploratory_tests"] for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [25, len(world_ids) + 10 - 25, 0]
    assert [row["id"] for page in pages for row in page] == world.test_ids(SHOP)


async def test_a_page_can_be_of_any_size(get, world):
    path = f"products/{SHOP}/exploratory_tests"
    rows = (await get(path, page=3, per_page=4))["exploratory_tests"]
    assert [row["id"] for row in rows] == world.test_ids(SHOP)[8:12]


async def test_without_a_page_only_the_newest_150_come():
    sandbox = Sandbox(Scale.LARGE, anchor=ANCHOR)
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(
            base_url=url, headers={"Authorization": "Token sandbox"}, verify=False
        ) as client,
    ):
        rows = (await client.get(f"products/{SHOP}/exploratory_tests")).json()["exploratory_tests"]
    assert [row["id"] for row in rows] == sandbox.world.test_ids(SHOP)[:150]


async def test_unknown_parameters_are_ignored(get):
    path = f"products/{SHOP}/exploratory_tests"
    plain = await get(path, page=1)
    assert await get(path, page=1, status="running", sort="id", updated_since="2026") == plain


async def test_two_sandboxes_of_one_seed_answer_byte_for_byte_the_same(client, world):
    paths = [
        "products",
        f"products/{SHOP}/exploratory_tests?page=1",
        f"exploratory_tests/{world.test_ids(SHOP)[4]}?includes[]=user_stories",
        f"bugs?filter_product_ids={SHOP}",
    ]
    first = [(await client.get(path)).content for path in paths]
    async with (
        serving(Sandbox(anchor=ANCHOR)) as url,
        httpx.AsyncClient(base_url=url, headers=client.headers, verify=False) as other,
    ):
        assert [(await other.get(path)).content for path in paths] == first


async def test_stories_are_texts_until_they_are_included(get, world):
    path = f"products/{SHOP}/exploratory_tests"
    plain = (await get(path, page=1))["exploratory_tests"][4]["features"]
    included = (await get(path, page=1, **STORIES))["exploratory_tests"][4]["features"]
    for before, after in zip(plain, included, strict=True):
        assert before["user_stories"] == (
            after["user_stories"] and [story["title"] for story in after["user_stories"]]
        )
        for story in after["user_stories"] or ():
            assert story.keys() == {
                "id",
                "path",
                "title",
                "feature_id",
                "user_story_version_id",
            }


async def test_a_single_test_adds_figures_to_what_is_listed(get, world):
    test_id = world.test_ids(SHOP)[4]
    single = (await get(f"exploratory_tests/{test_id}"))["exploratory_test"]
    assert single.keys() - world.test(test_id).keys() == {"analytics", "reviews"}


@pytest.mark.parametrize("position", range(1, 23, 3))
async def test_figures_of_a_test_agree_with_the_bugs_that_are_served(get, world, position):
    test_id = world.test_ids(SHOP)[position]
    test = (await get(f"exploratory_tests/{test_id}", **STORIES))["exploratory_test"]
    bugs = (await get("bugs", filter_test_cycle_ids=test_id))["bugs"]
    assert test["analytics"]["total_bugs"] == len(bugs)
    for feature in test["features"]:
        own = [b["id"] for b in bugs if (b["test_feature"] or {}).get("id") == feature["id"]]
        assert feature["bug_ids"] == own
        assert feature["bugs_found"] == len(own)
        of_stories = [id_ for s in feature["user_stories"] or () for id_ in s["bug_ids"]]
        assert not feature["user_stories"] or sorted(of_stories) == sorted(own)
    statuses = [feature["execution_status"] for feature in test["features"]]
    assert test["analytics"]["failed_features"] == statuses.count("failed")
    assert test["analytics"]["tested_features"] == len(statuses) - statuses.count("not_tested")
    assert ("failed" in statuses) <= (len(bugs) > 0)
    if not bugs and test["status"] != "archived":
        assert set(statuses) == {"not_tested"}


async def test_bugs_come_for_many_tests_at_once(get, world):
    ids = world.test_ids(SHOP)[2:22] + world.test_ids(BANK)[2:7]
    bugs = (await get("bugs", filter_test_cycle_ids=",".join(map(str, ids))))["bugs"]
    assert [bug["id"] for bug in bugs] == [id_ for test in ids for id_ in world.bug_ids(test)]
    assert {bug["test"]["id"] for bug in bugs} <= set(ids)


async def test_unknown_tests_have_no_bugs(get):
    assert await get("bugs", filter_test_cycle_ids="5,6") == {"bugs": []}


async def test_bugs_come_for_products_and_sections(get, world):
    of_product = (await get("bugs", filter_product_ids=BANK))["bugs"]
    assert {bug["product"]["id"] for bug in of_product} == {BANK}
    section = world.product(BANK).sections[0].id
    of_section = (await get("bugs", filter_section_ids=section))["bugs"]
    own = {
        id_
        for id_ in world.test_ids(BANK)
        if world.test(id_).get("section", {}).get("id") == section
    }
    assert {bug["test"]["id"] for bug in of_section} <= own
    assert 0 < len(of_section) < len(of_product)


async def test_filters_narrow_each_other(get, world):
    ids = f"{world.test_ids(SHOP)[5]},{world.test_ids(BANK)[5]}"
    bugs = (await get("bugs", filter_test_cycle_ids=ids, filter_product_ids=SHOP))["bugs"]
    assert {bug["test"]["id"] for bug in bugs} == {world.test_ids(SHOP)[5]}


async def test_exported_bugs_can_be_told_apart(get):
    every, exported, others, ignored = [
        (await get("bugs", filter_product_ids=SHOP, export_status=status))["bugs"]
        for status in ("", "exported", "not_exported", "whatever")
    ]
    assert all(bug["exported_at"] for bug in exported)
    assert not any(bug.get("exported_at") for bug in others)
    assert len(exported) + len(others) == len(every) == len(ignored)


@pytest.mark.parametrize("query", [{}, {"filter_test_cycle_ids": "1,x"}])
async def test_bugs_without_a_usable_filter_are_refused(client, query):
    assert (await client.get("bugs", params=query)).status_code == 422


async def test_a_bug_is_the_same_alone_as_in_a_list(get, world):
    test_id = world.test_ids(SHOP)[4]
    for bug in (await get("bugs", filter_test_cycle_ids=test_id))["bugs"]:
        assert (await get(f"bugs/{bug['id']}"))["bug"] == bug
        assert bug["test"].keys() == {"id", "title"}
        assert bug["author"].keys() == {"name"}


async def test_reasons_of_rejections_have_a_default_comment(get):
    reasons = (await get("bugs/reject_reasons"))["reject_reasons"]
    assert all(reason.keys() == {"key", "name", "default_comment"} for reason in reasons)


async def test_features_of_a_product_without_sections_come_at_once(get):
    features = (await get(f"products/{SHOP}/features"))["features"]
    included = (await get(f"products/{SHOP}/features", **STORIES))["features"]
    assert {"Checkout", "Gift cards", "Login"} <= {feature["title"] for feature in features}
    assert any(feature["description"] is None for feature in features)
    for before, after in zip(features, included, strict=True):
        assert before["user_stories"] == [story["title"] for story in after["user_stories"]]


@pytest.mark.parametrize("noun", ["features", "user_stories"])
async def test_a_product_with_sections_wants_a_section(client, noun):
    answer = await client.get(f"products/{BANK}/{noun}")
    assert answer.status_code == 422
    assert "sections" in answer.json()["error"]


async def test_the_same_feature_comes_from_several_sections(get, world):
    product = world.product(BANK)
    found = [
        {row["id"] for row in (await get(f"products/{BANK}/sections/{s.id}/features"))["features"]}
        for s in product.every_section()
    ]
    default, first, second = found
    assert first & second
    assert default
    assert default | first | second == {feature.id for feature in product.features}


async def test_user_stories_come_by_section_or_all_at_once(get, world):
    section = world.product(BANK).sections[0].id
    path = f"products/{BANK}/sections/{section}/features"
    features = (await get(path, **STORIES))["features"]
    stories = (await get(f"products/{BANK}/user_stories", section_id=section))["user_stories"]
    assert stories == [story for feature in features for story in feature["user_stories"]]
    assert (await get(f"products/{SHOP}/user_stories"))["user_stories"]


async def test_executions_of_stories_are_counted_and_paged(get, world):
    story = (await get(f"products/{SHOP}/user_stories"))["user_stories"][0]
    query = {"user_story_ids[]": story["id"], "per_page": 2}
    pages = [await get("user_story_version_executions", page=page, **query) for page in (1, 2, 99)]
    first, second, last = (page["user_story_version_executions"] for page in pages)
    assert {page["meta"]["record_count"] for page in pages} == {pages[0]["meta"]["record_count"]}
    assert (len(first), len(second), last) == (2, 2, [])
    assert first[0]["test"]["id"] > second[0]["test"]["id"]
    test_id = first[0]["test"]["id"]
    test = (await get(f"exploratory_tests/{test_id}", **STORIES))["exploratory_test"]
    [same] = [
        s for f in test["features"] for s in f["user_stories"] or () if s["id"] == story["id"]
    ]
    assert same["bug_ids"] == first[0]["bug_ids"]
    assert same["execution_status"] == first[0]["execution_status"]


async def test_executions_of_all_stories_can_be_read_oldest_first(get):
    path = "user_story_version_executions"
    newest = await get(path, page=1, per_page=1)
    oldest = await get(path, page=newest["meta"]["record_count"], per_page=1, order="asc")
    assert (
        newest["user_story_version_executions"][0]["test"]
        == (oldest["user_story_version_executions"][0]["test"])
    )


async def test_credentials_are_served_in_test_environments_only(get, world):
    test_id = next(id_ for id_ in world.test_ids(SHOP) if world.test(id_)["test_environment"])
    test = (await get(f"exploratory_tests/{test_id}", **STORIES))["exploratory_test"]
    environment = test.pop("test_environment")
    assert all("s3cr3t-" in environment[field] for field in ("username", "password", "access"))
    others = [test, await get("products"), await get("bugs", filter_product_ids=SHOP)]
    assert "s3cr3t" not in json.dumps(others)


async def test_what_was_asked_is_on_record(sandbox, get):
    await get("products")
    await get(f"products/{SHOP}/exploratory_tests", page=1, per_page=5)
    assert list(sandbox.requests) == [
        ("GET", "products", ""),
        ("GET", f"products/{SHOP}/exploratory_tests", "page=1&per_page=5"),
    ]
    assert (sandbox.request_count, sandbox.max_in_flight) == (2, 1)
    sandbox.reset_counts()
    assert (len(sandbox.requests), sandbox.request_count, sandbox.max_in_flight) == (0, 0, 0)


def test_its_name_tells_scale_and_seed():
    assert Sandbox(Scale.MEDIUM, 7, ANCHOR).host_name == "sandbox:medium:7"


def test_without_an_anchor_it_is_the_present_hour():
    anchor = Sandbox().world.anchor
    assert (anchor.minute, anchor.second, anchor.microsecond) == (0, 0, 0)
    assert anchor <= datetime.now(UTC)
