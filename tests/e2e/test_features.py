"""Figures of features and user stories equal what plain loops count over TestIO's answers."""

import pytest
from tests.e2e import counting, counting_people, reference
from tests.e2e.test_figures_elsewhere import table
from tests.e2e.upstream import FIRST, LAST, ODD_TEST, SECOND

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCTS = (FIRST, SECOND, LAST)
# Not in the catalogue any more, while tests contain it.
LOST = 40_999
SORTS = {
    "title": lambda row: row["title"].casefold(),
    **{
        name: lambda row, name=name: row[name]
        for name in ("tests", "bugs", "bugs_per_test", "fragility", "user_stories")
    },
}


async def catalogue_of(server, product_id):
    product = next(row for row in server.world["products"] if row["id"] == product_id)
    found = await counting_people.read_catalogue(server.url, server.sandbox.token, product)
    return product, found


async def expected_rows(server, product_id):
    _, catalogue = await catalogue_of(server, product_id)
    return [counting_people.feature_row(server.world, found) for found in catalogue.values()]


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
async def test_features_are_counted_and_sorted(server, sort):
    for product_id in PRODUCTS:
        expected = await expected_rows(server, product_id)
        rows = await server.rows("list_features", page_size=7, product_id=product_id, sort=sort)
        key = SORTS[sort.removeprefix("-")]
        assert rows == counting.in_order(expected, key, descending=sort.startswith("-"))


async def test_the_most_fragile_feature_takes_two_calls(server):
    products = await server.answer("list_products", page_size=100)
    shop = next(row for row in products["items"] if row["name"] == "Nordwind Shop")
    arguments = {"product_id": shop["id"], "sort": "-fragility", "page_size": 1}
    found = (await server.answer("list_features", **arguments))["items"][0]
    expected = await expected_rows(server, shop["id"])
    fragile = [row["fragility"] for row in expected if row["fragility"] is not None]
    assert found["fragility"] == max(fragile)
    assert found["tests"] >= 2


async def test_a_feature_of_one_test_is_not_called_fragile(server):
    rows = [row for id in PRODUCTS for row in await server.rows("list_features", product_id=id)]
    few = [row for row in rows if row["tests"] < 2]
    assert few
    assert {row["fragility"] for row in few} == {None}
    assert None not in {row["fragility"] for row in rows if row["tests"] >= 2}
    # Without a test there is no rate, and no bugs are no unknown number.
    untested = [row for row in few if not row["tests"]]
    assert {(row["bugs"], row["bugs_per_test"]) for row in untested} <= {(0, None)}


@pytest.mark.parametrize(
    ("search", "has_user_stories", "is_wanted"),
    [
        ("CARD", "any", lambda row: "card" in row["title"].lower()),
        ("", "yes", lambda row: row["user_stories"] > 0),
        ("", "no", lambda row: row["user_stories"] == 0),
        ("no feature is called so", "any", lambda row: False),
    ],
)
async def test_features_are_narrowed(server, search, has_user_stories, is_wanted):
    narrowed = {"search": search, "has_user_stories": has_user_stories}
    found, expected = set(), set()
    for product_id in PRODUCTS:
        rows = await server.rows("list_features", product_id=product_id, **narrowed)
        found |= {row["id"] for row in rows}
        expected |= {row["id"] for row in await expected_rows(server, product_id) if is_wanted(row)}
    assert found == expected
    assert bool(expected) == (not search.startswith("no"))


async def test_features_are_summed_up(server):
    for product_id in PRODUCTS:
        product, catalogue = await catalogue_of(server, product_id)
        for feature in [*catalogue.values()][:5]:
            answer, text = await server.said("get_feature_summary", feature_id=feature["id"])
            answer["feature"]["sections"].sort()
            assert answer["feature"] == counting_people.feature_summary(
                server.world, product, feature, server.now, server.zone
            )
            assert "None" not in text
            assert f"**{answer['feature']['tests']} executed test" in text


async def test_a_feature_that_left_the_catalogue_is_told_as_long_as_tests_contain_it(server):
    answer, text = await server.said("get_feature_summary", feature_id=LOST)
    feature = answer["feature"]
    bugs = counting_people.bugs_of_feature(server.world, LOST)
    assert feature["in_catalogue"] is False
    assert feature["bugs"] == counting.figures(bugs)
    assert feature["tests"] == len(counting_people.executed_with(server.world, LOST)) > 0
    assert "in the catalogue: no longer" in text
    listed = await server.rows("list_features", product_id=feature["product_id"])
    assert LOST not in {row["id"] for row in listed}


async def test_texts_show_the_rows_of_features(server):
    answer, text = await server.said("list_features", product_id=FIRST, page_size=100)
    shown = table(text)
    assert [row["id"] for row in shown] == [str(row["id"]) for row in answer["items"]]
    for name in ("user stories", "tests", "bugs"):
        values = [str(row[name.replace(" ", "_")]) for row in answer["items"]]
        assert [row[name] for row in shown] == values
    assert "executed ones only" in text


async def test_the_stories_of_a_catalogue_are_listed(server):
    for product_id in PRODUCTS:
        _, catalogue = await catalogue_of(server, product_id)
        expected = counting_people.story_rows(catalogue)
        stories = server.world["stories"][product_id]
        assert {row["id"] for row in expected} == stories.keys()
        rows = await server.rows("list_user_stories", page_size=9, product_id=product_id)
        assert rows == expected
        feature_id = expected[-1]["feature_id"]
        narrowed = {"product_id": product_id, "feature_id": feature_id}
        assert await server.rows("list_user_stories", **narrowed) == [
            row for row in expected if row["feature_id"] == feature_id
        ]


async def some_tests(server):
    """Those that run or were just run, an archived one, and one whose features were changed."""
    world = server.world
    archived = [test for test in world["tests"] if test["status"] == "archived"][::20]
    live = [test for test in world["tests"] if test["status"] in {"running", "locked", "waiting"}]
    odd = [test for test in world["tests"] if test["id"] == ODD_TEST]
    tests = {test["id"]: test for test in [*archived, *live, *odd]}
    alone = await reference.read_alone(server.url, server.sandbox.token, tests)
    return [(test, alone[id]) for id, test in tests.items()]


def paths(server):
    every = server.world["stories"].values()
    return {id: visible["path"] for stories in every for id, visible in stories.items()}


async def test_the_stories_of_a_test_tell_how_they_fared(server):
    statuses = set()
    for test, alone in await some_tests(server):
        expected = counting_people.executed_stories(test, alone, paths(server))
        rows = await server.rows("list_user_stories", page_size=6, test_id=test["id"])
        assert rows == expected
        statuses |= {row["execution_status"] for row in rows}
    assert statuses >= {"not_tested", "passed", "failed"}


@pytest.mark.parametrize("status", ["not_tested", "passed", "failed", "blocked"])
async def test_which_stories_failed_takes_one_call(server, status):
    number = 0
    for test, alone in await some_tests(server):
        every = counting_people.executed_stories(test, alone, paths(server))
        expected = [row for row in every if row["execution_status"] == status]
        narrowed = {"test_id": test["id"], "execution_status": status}
        answer, text = await server.said("list_user_stories", page_size=100, **narrowed)
        assert answer["items"] == expected
        assert "notes" not in answer
        shown = table(text) if expected else []
        assert [row["status"] for row in shown] == [status] * len(expected)
        number += len(expected)
    assert number or status == "blocked"


async def test_stories_of_a_test_are_narrowed_to_a_feature(server):
    [(test, alone), *_] = await some_tests(server)
    expected = counting_people.executed_stories(test, alone, paths(server))
    feature_id = next(row["feature_id"] for row in expected)
    narrowed = {"test_id": test["id"], "feature_id": feature_id, "product_id": test["product_id"]}
    rows = await server.rows("list_user_stories", **narrowed)
    assert rows == [row for row in expected if row["feature_id"] == feature_id]
    assert 0 < len(rows) < len(expected)
