"""Figures of products and tests equal what plain loops count over TestIO's answers."""

import pytest
from tests.e2e import counting, counting_people, reference

pytestmark = pytest.mark.asyncio(loop_scope="session")

# From the first day to before the second; running tests stay in what goes up to now.
PERIODS = {
    "today": ("2026-11-16", "2026-11-17"),
    "this month": ("2026-11-01", "now"),
    "ytd": ("2026-01-01", "now"),
    "last month": ("2026-10-01", "2026-11-01"),
    "last 30 days": ("2026-10-18", "2026-11-17"),
    "last 3 months": ("2026-08-01", "2026-11-01"),
    "since 2026-11-01": ("2026-11-01", None),
    "2026-Q3": ("2026-07-01", "2026-10-01"),
    "2026-10-18..2026-10-31": ("2026-10-18", "2026-11-01"),
}
TEST_FILTERS = {
    "products": ({"product_ids": [1002, 1004]}, lambda test: test["product_id"] in {1002, 1004}),
    "statuses": (
        {"statuses": ["running", "cancelled"]},
        lambda test: test["status"] in {"running", "cancelled"},
    ),
    "types": (
        {"testing_types": ["custom", "usability"]},
        lambda test: test["testing_type"] in {"custom", "usability"},
    ),
    "features": (
        {"feature_ids": [40_001, 40_999]},
        lambda test: features_of(test) & {40_001, 40_999},
    ),
    "all together": (
        {
            "product_ids": [1001, 1003],
            "statuses": ["locked", "archived"],
            "testing_types": ["coverage", "focused"],
            "feature_ids": [40_000, 40_003, 40_005, 42_001, 42_002],
        },
        lambda test: (
            test["product_id"] in {1001, 1003}
            and test["status"] in {"locked", "archived"}
            and test["testing_type"] in {"coverage", "focused"}
            and features_of(test) & {40_000, 40_003, 40_005, 42_001, 42_002}
        ),
    ),
}
TEST_SORTS = {
    "end_at": lambda row: row["end_at"],
    "start_at": lambda row: row["start_at"],
    "title": lambda row: row["title"].casefold(),
    "bugs": lambda row: row["bugs"]["total"],
    "id": lambda row: row["id"],
}
PRODUCT_SORTS = {
    "name": lambda row: row["name"].casefold(),
    "tests": lambda row: row["tests"]["total"],
    "bugs": lambda row: row["bugs"],
    "last_test_end": lambda row: row["last_test_end"],
    "id": lambda row: row["id"],
}


def features_of(test):
    return {feature["feature_id"] for feature in test["features"].values()}


def matching_tests(server, is_wanted):
    """In the default order."""
    rows = [
        counting.test_row(server.world, test) for test in server.world["tests"] if is_wanted(test)
    ]
    return counting.in_order(rows, lambda row: row["end_at"], descending=True)


@pytest.mark.parametrize("sort", [*PRODUCT_SORTS, *(f"-{name}" for name in PRODUCT_SORTS)])
async def test_products_are_counted_and_sorted(server, sort):
    expected = counting.product_rows(server.world, server.now, server.zone)
    key = PRODUCT_SORTS[sort.removeprefix("-")]
    rows = await server.rows("list_products", page_size=4, sort=sort)
    stamps = [row.pop("synced_at") for row in rows]
    assert rows == counting.in_order(expected, key, descending=sort.startswith("-"))
    assert all(stamp[:13] == reference.written(server.now)[:13] for stamp in stamps)


async def test_products_are_narrowed_to_types(server):
    expected = counting.product_rows(server.world, server.now, server.zone)
    rows = await server.rows("list_products", types=["website", "gaming"])
    found = {row["id"] for row in expected if row["type"] in {"website", "gaming"}}
    assert {row["id"] for row in rows} == found


async def test_products_are_summed_up(server):
    for product in server.world["products"]:
        answer = await server.answer("get_product_summary", product_id=product["id"])
        answer["product"].pop("synced_at")
        fragile = answer["product"].pop("fragile_features")
        assert [
            (row["id"], row["tests"], row["bugs"], pytest.approx(row["fragility"]))
            for row in fragile
        ] == counting_people.fragile_features(server.world, product["id"])
        catalogue = server.world["features"][product["id"]]
        for row in fragile:
            title = catalogue.get(row["id"], {}).get("title", row["title"])
            assert row["title"] == reference.visible(title)
        expected = counting.product_summary(server.world, product, server.now, server.zone)
        assert answer["product"] == expected
        for name in ("by_status", "by_severity"):
            assert list(answer["product"]["bugs"][name]) == list(expected["bugs"][name])


@pytest.mark.parametrize("sort", [*TEST_SORTS, *(f"-{name}" for name in TEST_SORTS)])
async def test_tests_are_counted_and_sorted(server, sort):
    product_ids = [1001, 1003]
    expected = matching_tests(server, lambda test: test["product_id"] in product_ids)
    key = TEST_SORTS[sort.removeprefix("-")]
    rows = await server.rows("list_tests", sort=sort, product_ids=product_ids)
    assert rows == counting.in_order(expected, key, descending=sort.startswith("-"))


@pytest.mark.parametrize("name", TEST_FILTERS)
async def test_tests_are_narrowed(server, name):
    arguments, is_wanted = TEST_FILTERS[name]
    expected = matching_tests(server, is_wanted)
    assert expected
    assert await server.rows("list_tests", **arguments) == expected


@pytest.mark.parametrize("period", PERIODS)
async def test_tests_end_in_a_period(server, period):
    start, end = counting.bounds(PERIODS[period], server.now, server.zone)
    goes_on = PERIODS[period][1] == "now"

    def is_wanted(test):
        still_runs = test["status"] == "running" and goes_on and test["end_at"] >= start
        return still_runs or counting.is_within(test["end_at"], start, end)

    expected = matching_tests(server, is_wanted)
    assert expected
    pages = await server.pages("list_tests", period=period)
    assert [row for page in pages for row in page["items"]] == expected
    resolved = pages[0]["period"]
    assert (resolved["by"], resolved["timezone"]) == ("end_at", server.zone.key)
    found = [resolved[name] and resolved[name][:19] for name in ("from", "to")]
    assert found == [bound and bound[:19] for bound in (start, end)]


async def test_tests_are_summed_up(server):
    hour = reference.written(server.now)[:13]
    tests = some_tests(server.world)
    ids = [test["id"] for test in tests]
    told = await reference.read_alone(server.url, server.sandbox.token, ids)
    for test in tests:
        found = (await server.answer("get_test_summary", test_id=test["id"]))["test"]
        alone = told[test["id"]]
        expected = counting.test_summary(server.world, test, server.now, alone)
        expected["previous_status"] = before = server.status_before("tests", test)
        assert {name: found[name] for name in expected} == expected
        assert list(found["bugs_by_platform"].items()) == list(expected["bugs_by_platform"].items())
        assert (found["status_changed_at"] or "")[:13] == (hour if before else "")
        if test["status"] in {"running", "locked"}:
            assert found["bugs"]["total"] == alone["analytics"]["total_bugs"]
            # TestIO has no count where the features of the test were changed.
            by_feature = {row["id"]: row.get("bugs_found") for row in alone["features"]}
            shown = {row["test_feature_id"]: row["bugs"] for row in found["features"]}
            assert [id for id, n in shown.items() if by_feature[id] not in {n, None}] == []


def some_tests(world):
    """All that are not archived, and every ninth that is."""
    archived = [test for test in world["tests"] if test["status"] == "archived"]
    return [test for test in world["tests"] if test not in archived] + archived[::9]
