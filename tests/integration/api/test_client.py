"""What the client asks of the sandbox over loopback HTTP, and how its answers are read."""

import gc
from datetime import UTC, datetime, timedelta

from tests.integration.api.calls import FIRST_PRODUCT, SECTIONED_PRODUCT, error_of, paths

from testio_mcp.errors import ApiError, ApiProtocolError


async def test_every_endpoint_is_read_whole(client):
    products = await client.products()
    tests = await client.tests(FIRST_PRODUCT, page=1)
    test = tests.items[0].payload.id
    bugs = await client.bugs_of_product(FIRST_PRODUCT)
    bug = bugs.items[0].payload.id
    listings = [
        products,
        tests,
        bugs,
        await client.bugs([item.payload.id for item in tests.items]),
        await client.reject_reasons(),
        await client.features(FIRST_PRODUCT),
        await client.user_stories(FIRST_PRODUCT),
        await client.user_story_executions([], page=1),
    ]
    assert [(bool(listing.items), listing.unreadable) for listing in listings] == [(True, [])] * 8
    assert (await client.product(FIRST_PRODUCT)).payload.id == FIRST_PRODUCT
    assert (await client.test(test)).payload.analytics is not None
    assert (await client.bug(bug)).payload == bugs.items[0].payload
    assert client.unknown_forms == []
    assert client.last_error is None


async def test_sections_are_asked_one_by_one(client, sandbox):
    product = (await client.product(SECTIONED_PRODUCT)).payload
    section = product.sections[0].id
    assert (await client.features(SECTIONED_PRODUCT, section)).rows
    assert (await client.user_stories(SECTIONED_PRODUCT, section)).rows
    error = await error_of(client.features(SECTIONED_PRODUCT))
    assert (type(error), error.status) == (ApiError, 422)
    assert paths(sandbox)[1] == f"products/{SECTIONED_PRODUCT}/sections/{section}/features"
    assert sandbox.requests[2].query == f"section_id={section}"


async def test_tests_come_in_pages_with_their_stories(client, sandbox):
    first = await client.tests(FIRST_PRODUCT, page=1, per_page=5)
    second = await client.tests(FIRST_PRODUCT, page=2, per_page=5)
    ids = [item.payload.id for page in (first, second) for item in page.items]
    assert ids == list(sandbox.world.test_ids(FIRST_PRODUCT))[:10]
    assert any(
        story.id
        for item in first.items
        for feature in item.payload.features
        for story in feature.user_stories
    )


async def test_bugs_of_no_test_are_no_request(client, sandbox):
    assert (await client.bugs([])).rows == 0
    assert sandbox.request_count == 0


async def test_executions_are_filtered_by_story(client):
    [one, *_] = (await client.user_stories(FIRST_PRODUCT)).items
    runs = await client.user_story_executions([one.payload.id], page=1, per_page=3)
    assert {item.payload.user_story_id for item in runs.items} == {one.payload.id}


async def test_raw_is_what_was_sent(client, sandbox):
    test_id = sandbox.world.test_ids(FIRST_PRODUCT)[0]
    fetched = await client.test(test_id)
    assert fetched.raw == sandbox.world.test_with_figures(test_id, expanded=True)


async def test_an_answer_began_when_the_attempt_that_brought_it_did(client, add_fault):
    add_fault("rate_limited", retry_after=0.05)
    start = datetime.now(UTC)
    listing = await client.products()
    assert start + timedelta(seconds=0.05) <= listing.began <= datetime.now(UTC)
    assert listing.began.tzinfo is UTC


async def test_large_answers_leave_the_garbage_collector_on(client):
    assert (await client.bugs_of_product(FIRST_PRODUCT)).rows > 250
    assert gc.isenabled()


async def test_an_unreadable_item_is_set_apart_and_named_without_its_words(client, sandbox):
    world = sandbox.world
    test_id = next(id_ for id_ in world.test_ids(FIRST_PRODUCT) if len(world.bug_ids(id_)) > 5)
    first, second, third, fourth, *rest = world.bug_ids(test_id)
    world.set_field("bug", first, "id", 2**63)
    world.set_field("bug", second, "severity", {"private": "words"})
    world.drop_field("bug", third, "status")
    world.set_field("bug", fourth, "status", "pondered")
    listing = await client.bugs([test_id])
    assert [item.payload.id for item in listing.items] == [fourth, *rest]
    assert [item.id for item in listing.unreadable] == [None, second, third]
    assert [item.error.split(":")[0] for item in listing.unreadable] == ["id", "severity", "status"]
    assert "private" not in repr(listing.unreadable)
    assert listing.rows == 4 + len(rest)


async def test_a_single_item_that_cannot_be_read_is_an_error_without_a_second_try(client, sandbox):
    test_id = sandbox.world.test_ids(FIRST_PRODUCT)[0]
    sandbox.world.set_field("test", test_id, "status", None)
    error = await error_of(client.test(test_id))
    assert type(error) is ApiProtocolError
    assert f"test {test_id} cannot be read: status:" in error.message
    assert sandbox.request_count == 1


async def test_an_optional_field_in_an_unknown_form_is_left_out_and_logged_once(
    client, sandbox, caplog
):
    test_id = sandbox.world.test_ids(FIRST_PRODUCT)[3]
    for bug_id in sandbox.world.bug_ids(test_id):
        sandbox.world.set_field("bug", bug_id, "language", {"code": "private"})
    assert (await client.bugs([test_id])).unreadable == []
    assert client.unknown_forms == ["bugs.language"]
    assert [record.getMessage() for record in caplog.records] == [
        "TestIO sends bugs.language in an unknown form; it is left out."
    ]


async def test_text_cut_in_the_middle_of_an_emoji_costs_no_item(client, sandbox):
    test_id = sandbox.world.test_ids(FIRST_PRODUCT)[0]
    sandbox.world.set_field("test", test_id, "title", "Cut \ud83d")
    assert (await client.test(test_id)).payload.title == "Cut ?"


async def test_fields_that_are_documented_nowhere_are_counted_and_left_out(client, sandbox):
    first, second, *_ = sandbox.world.test_ids(FIRST_PRODUCT)
    await client.tests(FIRST_PRODUCT, page=1)
    assert client.unknown_fields == {}
    for test in (first, second):
        sandbox.world.set_field("test", test, "mood", "sunny")
    listing = await client.user_facing().tests(FIRST_PRODUCT, page=1)
    assert listing.unreadable == []
    assert client.unknown_fields == {"exploratory_tests.mood": 2}
