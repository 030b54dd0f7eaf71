"""Searching through the tool: any text is safe, and only what is ours and still there is found."""

import pytest
from fastmcp.exceptions import ToolError
from tests.caches import GAME, rows, sync
from tests.e2e.test_foreign_rows import MARK, plant_ghosts, plant_strangers
from tests.factories import BugDetailsFactory, BugFactory
from tests.reading import served

WORDLESS = ['"', "*", "\U0001f41b", "'; --", "\0\u200b", "\u202e"]
NASTY = [
    "sign-in",
    "POL-358",
    "'; drop table bugs; --",
    "\U0001f41b crash",
    "crash \0 bug",
    "NEAR(a b, 3) AND title:x OR NOT ^y {a b}: -z + (",
    "%s %(x)s {x} ${x} \\",
    "\u202e\u200bcrash\u2066",
    "<script>alert(1)</script>",
    "a" * 10_000,
    "crash " * 2_000,
    "a*",
    "\u4e2d\u6587 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "9" * 30,
    "https://app.test.io/bugs/99999999999999999999",
]


async def search(client, query, **arguments):
    answer = await client.call_tool("search", {"query": query, **arguments})
    [content] = answer.content
    return answer.structured_content, content.text


@pytest.mark.parametrize("query", NASTY, ids=range(len(NASTY)))
async def test_any_text_is_answered(synced_path, client, query):
    page, text = await search(client, query)
    assert page["returned"] == len(page["items"])
    assert text.splitlines()[-1].startswith("As of ")


@pytest.mark.parametrize("query", ["", *WORDLESS], ids=range(len(WORDLESS) + 1))
async def test_without_a_word_it_is_said_what_to_type(synced_path, client, query):
    with pytest.raises(ToolError, match=r"There is no word to search for\. Type words"):
        await search(client, query)


@pytest.mark.parametrize("limit", [0, 51])
async def test_a_limit_that_is_none_is_refused(synced_path, client, limit):
    with pytest.raises(ToolError, match="limit"):
        await search(client, "crash", limit=limit)


@pytest.mark.parametrize("plant", [plant_strangers, plant_ghosts])
@pytest.mark.parametrize("query", [MARK, "bug 7", "test 7", "#7", "Foreign*", "foreigne"])
async def test_what_is_not_ours_or_gone_is_neither_found_nor_counted_nor_suggested(
    plant, query, synced_path, client, save
):
    [(test, feature)] = rows(synced_path, "SELECT test_id, feature_id FROM test_features LIMIT 1")
    before, _ = await search(client, query)
    await plant(save, test, feature)
    after, text = await search(client, query)
    assert after.pop("freshness")["state"] == before.pop("freshness")["state"]
    assert after == before
    assert MARK not in text


async def test_what_testio_deleted_is_found_no_more(synced, sandbox, client):
    world = sandbox.world
    test = next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)
    bug = world.bug_ids(test)[0]
    world.set_field("bug", bug, "title", "A lone quokka")
    await sync(synced, force=True)
    page, _ = await search(client, "quokka")
    assert [hit["id"] for hit in page["items"]] == [bug]
    world.delete_bug(bug)
    await sync(synced, force=True)
    page, _ = await search(client, "quokka")
    assert page["total"] == 0
    page, _ = await search(client, f"bug {bug}")
    assert page["total"] == 0


async def test_a_cache_that_was_limited_to_products_finds_only_those(
    synced_path, settings, sandbox
):
    async with served(settings, sandbox) as (client, _):
        every, _ = await search(client, "login", limit=50)
    async with served(settings, sandbox, product_ids=(GAME,)) as (client, _):
        page, _ = await search(client, "login", limit=50)
    ours = [hit["id"] for hit in every["items"] if hit["product_id"] == GAME]
    assert {hit["product_id"] for hit in page["items"]} == {GAME}
    assert 0 < page["total"] < every["total"]
    assert set(ours) <= {hit["id"] for hit in page["items"]} or page["has_more"]


async def test_what_is_stale_is_read_again_before_it_is_searched(synced_path, settings, sandbox):
    world = sandbox.world
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "locked")
    world.set_field("bug", world.bug_ids(test)[0], "title", "A new quokka")
    async with served(settings, sandbox) as (client, reader):
        reader.age(f"kind = 'bugs' AND id = {test}")
        page, _ = await search(client, "quokka", product_ids=[GAME], kinds=["feature", "test"])
        assert (page["total"], reader.asked) == (0, [])
        page, _ = await search(client, "quokka", product_ids=[GAME])
        assert (page["total"], page["freshness"]["state"]) == (1, "fresh")
        assert "bugs" in reader.asked


async def test_an_empty_cache_says_that_it_was_never_synced(client):
    page, text = await search(client, "crash")
    assert (page["total"], page["freshness"]["state"]) == (0, "never_synced")
    assert text.splitlines()[-1].startswith("Not synced yet.")


async def test_the_text_names_ids_and_marks_the_words(synced_path, client, save):
    [(test, product)] = rows(synced_path, "SELECT id, product_id FROM tests LIMIT 1")
    title = "Quokka | [link](x) `code` <b>"
    row = {"id": 1, "test_id": test, "product_id": product, "severity": "high", "known": True}
    await save(BugFactory(title=title, **row))
    await save(BugDetailsFactory(bug_id=1, steps="# One\n> the quokka *jumps*\n1. away"))
    page, text = await search(client, "quokka", limit=1)
    line = text.splitlines()[2]
    assert line.startswith(r"1. bug 1: **Quokka** \| \[link\](x) \`code\` \<b> [high; open; known;")
    assert f"test {page['items'][0]['test']} ({test}); 2026-11-02]" in line
    page, text = await search(client, "quokka jumps", limit=1)
    assert text.splitlines()[3] == r"   found: # One > the **quokka** \***jumps**\* 1. away"
    assert page["items"][0]["snippet"] == "# One\n> the **quokka** ***jumps***\n1. away"


async def test_the_text_says_what_is_left_out(synced_path, client):
    page, text = await search(client, "the", limit=2, period="2026-Q3", kinds=["bug", "feature"])
    assert f"**{page['total']} hits**, of which 1 to 2" in text
    assert f"{page['total'] - 2} more: ask with a larger limit or more words." in text
    assert "Period: 2026-07-01 00:00 UTC to before 2026-10-01 00:00 UTC, bug reported_at." in text
    assert "Products and features have no date" in text
