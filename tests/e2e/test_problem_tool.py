"""get_problematic_tests: what a model is told about what could not be read."""

import pytest
from fastmcp.exceptions import ToolError
from tests.caches import GAME, SHOP

pytestmark = pytest.mark.usefixtures("unhurried")

PLACE = 4


@pytest.fixture
def told(client):
    async def told(**arguments):
        answer = await client.call_tool("get_problematic_tests", arguments)
        [content] = answer.content
        return answer.structured_content, content.text

    return told


@pytest.fixture
async def lost(client, sandbox):
    """A test that the sync could not read."""
    id = sandbox.world.test_ids(GAME)[PLACE]
    sandbox.world.poison_test(id, single_ok=True)
    await client.call_tool("sync_data", {"product_ids": [GAME, SHOP], "wait_seconds": 15})
    return id


async def test_the_answer_is_a_list_of_problems(told, lost):
    found, _ = await told()
    (item,) = found.pop("items")
    freshness = found.pop("freshness")
    assert found == {
        "total": 1,
        "returned": 1,
        "page": 1,
        "page_size": 20,
        "has_more": False,
    }
    assert freshness["state"] == "fresh"
    assert freshness["incomplete"]
    assert item["subject"] == "test"
    assert (item["product_id"], item["product"]) == (GAME, "Skyforge Arena")
    assert item["positions"] == "5-5"
    assert set(item["before"]) == set(item["after"]) == {"id", "end_at"}
    assert item["candidate_test_ids"] == [lost]
    assert item["mapped"] == []
    assert item["error"] == "TestIO answered 500."
    assert f"problematic map-tests {item['event_id']} ID" in item["to_do"]


async def test_the_text_says_what_is_missing_why_and_what_to_do(told, lost):
    found, text = await told()
    (item,) = found["items"]
    assert text.startswith("**1 problem**")
    for words in (item["what"], item["error"], str(lost), item["to_do"], item["event_id"]):
        assert words in text
    assert text.splitlines()[-1].startswith("As of ")


async def test_it_can_be_asked_of_one_product(told, lost):
    assert (await told(product_id=GAME))[0]["total"] == 1
    assert (await told(product_id=0))[0]["total"] == 1
    found, text = await told(product_id=SHOP)
    assert found["items"] == []
    assert "No problems are open" in text


async def test_an_unknown_product_is_answered_with_those_there_are(told, lost):
    with pytest.raises(ToolError, match=rf"Product 7 is not known.*Skyforge Arena \({GAME}\)"):
        await told(product_id=7)


async def test_a_page_that_is_cut_says_so(told, client, sandbox):
    for place in (1, 4, 7):
        sandbox.world.poison_test(sandbox.world.test_ids(GAME)[place], single_ok=True)
    await client.call_tool("sync_data", {"product_ids": [GAME], "wait_seconds": 15})
    found, text = await told(page_size=2)
    assert (found["total"], found["returned"], found["has_more"]) == (3, 2, True)
    assert "1 more: ask for page 2." in text
    rest, _ = await told(page_size=2, page=2)
    assert [item["positions"] for item in rest["items"]] == ["8-8"]


async def test_diagnostics_point_to_it_when_there_are_problems(client, lost, sandbox):
    async def diagnosed():
        answer = await client.call_tool("get_server_diagnostics")
        return answer.structured_content["diagnostics"]["problematic_count"], answer.content[0].text

    number, text = await diagnosed()
    assert number == 1
    assert "could not be read: 1: get_problematic_tests says what and why" in text
    sandbox.world.heal_test(lost)
    await client.call_tool("sync_data", {"product_ids": [GAME], "wait_seconds": 15})
    number, text = await diagnosed()
    assert number == 0
    assert "get_problematic_tests" not in text
