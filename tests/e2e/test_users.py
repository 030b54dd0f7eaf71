"""Figures of people equal what plain loops count over TestIO's answers, and names find them."""

import unicodedata

import pytest
from fastmcp.exceptions import ToolError
from tests.e2e import counting, counting_people
from tests.e2e.test_figures import PERIODS
from tests.e2e.test_figures_elsewhere import table

pytestmark = pytest.mark.asyncio(loop_scope="session")

TESTER_SORTS = ("name", "bugs", "acceptance_rate", "critical", "tests", "last_activity")
CUSTOMER_SORTS = {"name": "name", "tests": "tests_created", "last_activity": "last_activity"}


def without_ids(rows):
    """By name: ids are the cache's own."""
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["name"]: {key: row[key] for key in row if key != "id"} for row in rows}


async def test_testers_are_counted(server):
    rows = await server.rows("list_users", page_size=11)
    expected = counting_people.tester_rows(server.world, lambda test: True)
    assert without_ids(rows) == expected
    assert len({row["acceptance_rate"] for row in rows}) > 3


async def test_customer_users_are_counted(server):
    rows = await server.rows("list_users", page_size=4, type="customer")
    everything = counting_people.customer_rows(server.world, server.now, lambda test: True)
    assert without_ids(rows) == everything


@pytest.mark.parametrize("period", ["last 3 months", "2026-Q3", "since 2026-11-01"])
async def test_people_are_counted_within_products_and_a_period(server, period):
    start, end = counting.bounds(PERIODS[period], server.now, server.zone)
    products = {1001, 1003}

    def is_wanted(test):
        return test["product_id"] in products and counting.is_within(test["end_at"], start, end)

    narrowed = {"product_ids": sorted(products), "period": period}
    pages = await server.pages("list_users", **narrowed)
    rows = [row for page in pages for row in page["items"]]
    assert without_ids(rows) == counting_people.tester_rows(server.world, is_wanted)
    assert rows
    assert pages[0]["period"]["by"] == "end_at"
    customers = await server.rows("list_users", type="customer", **narrowed)
    expected = counting_people.customer_rows(server.world, server.now, is_wanted)
    assert without_ids(customers) == expected


@pytest.mark.parametrize("sort", [*TESTER_SORTS, *(f"-{name}" for name in TESTER_SORTS)])
async def test_testers_are_sorted(server, sort):
    await assert_sorted(server, "tester", sort, sort.removeprefix("-"))


@pytest.mark.parametrize("sort", [*CUSTOMER_SORTS, *(f"-{name}" for name in CUSTOMER_SORTS)])
async def test_customer_users_are_sorted(server, sort):
    await assert_sorted(server, "customer", sort, CUSTOMER_SORTS[sort.removeprefix("-")])


async def assert_sorted(server, type, sort, key):
    rows = await server.rows("list_users", page_size=10, type=type, sort=sort)

    def value(row):
        return reference_name(row["name"]) if key == "name" else row[key]

    assert rows == counting.in_order(rows, value, descending=sort.startswith("-"))


def reference_name(name):
    """Accents do not matter in the order of names."""
    letters = unicodedata.normalize("NFD", name.casefold())
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


async def test_the_five_most_productive_testers_of_a_quarter_take_one_call(server):
    asked = {"period": "2026-Q3", "sort": "-bugs", "page_size": 5}
    answer, text = await server.said("list_users", type="tester", **asked)
    start, end = counting.bounds(PERIODS["2026-Q3"], server.now, server.zone)
    every = counting_people.tester_rows(
        server.world, lambda test: counting.is_within(test["end_at"], start, end)
    )
    numbers = sorted((row["bugs"] for row in every.values()), reverse=True)[:5]
    assert [row["bugs"] for row in answer["items"]] == numbers
    assert [row["bugs"] for row in table(text)] == [str(number) for number in numbers]
    for row in answer["items"]:
        assert every[row["name"]]["acceptance_rate"] == row["acceptance_rate"]
    assert "by test end" in text
    assert "namesakes count as one" in text


async def test_people_are_found_whatever_the_accents(server):
    found = await server.rows("list_users", search="rui FALCAO")
    assert [row["name"] for row in found] == ["Rui Falc\u00e3o"]
    assert await server.rows("list_users", search="nobody is called so") == []


async def test_testers_are_summed_up_by_id_and_by_name(server):
    customers = {row["name"] for row in await server.rows("list_users", type="customer")}
    for row in (await server.rows("list_users", sort="-bugs"))[::9]:
        expected = counting_people.tester_summary(server.world, row["name"]) | {"id": row["id"]}
        # A name that a customer user has too is a question back.
        names = () if row["name"] in customers else (row["name"], row["name"].upper())
        for user in (row["id"], str(row["id"]), *names):
            answer, text = await server.said("get_user_summary", user=user)
            assert answer["user"] == expected
            assert "namesakes" in " ".join(answer["notes"])
            assert row["name"] in text
            assert "None" not in text


async def test_customer_users_are_summed_up(server):
    for row in await server.rows("list_users", type="customer"):
        answer = await server.answer("get_user_summary", user=row["id"])
        expected = counting_people.customer_summary(server.world, server.now, row["name"])
        assert answer["user"] == expected | {"id": row["id"]}


async def test_a_part_of_a_name_is_enough_where_one_person_has_it(server):
    answer = await server.answer("get_user_summary", user="falc\u00e3o")
    assert answer["user"]["name"] == "Rui Falc\u00e3o"


async def test_a_name_that_several_have_names_them_with_their_ids(server):
    with pytest.raises(ToolError, match=r"'e' fits \d+ people: .*\(tester, id \d+\)") as error:
        await server.answer("get_user_summary", user="e")
    assert "id of one of them" in str(error.value)


async def test_a_name_that_nobody_has_comes_with_the_closest(server):
    with pytest.raises(ToolError, match=r"'Rui Falcon'.*Closest: .*Rui Falc\u00e3o \(tester, id"):
        await server.answer("get_user_summary", user="Rui Falcon")
    with pytest.raises(ToolError, match=r"User 99999 is not known.*list_users"):
        await server.answer("get_user_summary", user=99_999)


async def test_customer_users_have_no_bugs_to_be_sorted_by(server):
    with pytest.raises(ToolError, match=r"cannot be sorted by bugs.*name, tests, last_activity"):
        await server.answer("list_users", type="customer", sort="-bugs")
