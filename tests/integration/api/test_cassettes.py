"""What TestIO's API answered once, read by the client again; no network is needed for that.

The cassettes were recorded from the sandbox. To record them from the live API, with a token that
may read at least one product with a test that has bugs:

    TESTIO_CUSTOMER_API_TOKEN=… uv run pytest -n0 tests/integration/api --record-mode=rewrite

Names, texts, addresses and credentials never reach a cassette (recording.py). Without a token the
same command records from the sandbox.
"""

import os

import pytest
from tests.integration.api.calls import error_of, new_client
from tests.integration.api.recording import BASE_URL, LIVE_URL, kept_request, kept_response

from testio_mcp.errors import ApiNotFound, ApiUnauthorized
from testio_mcp.sandbox import serving

pytestmark = [pytest.mark.vcr, pytest.mark.block_network]
UNKNOWN = 1


@pytest.fixture(scope="module")
def vcr_config():
    return {
        "before_record_request": kept_request,
        "before_record_response": kept_response,
        "decode_compressed_response": True,
        # What is asked twice is two answers.
        "allow_playback_repeats": False,
    }


@pytest.fixture
async def source(record_mode, sandbox):
    """The address of who answers, and the token for it."""
    token = os.environ.get("TESTIO_CUSTOMER_API_TOKEN")
    if record_mode == "none":
        yield BASE_URL, "recorded"
    elif token:
        yield os.environ.get("TESTIO_CUSTOMER_API_BASE_URL", LIVE_URL), token
    else:
        async with serving(sandbox) as url:
            yield url, sandbox.token


@pytest.fixture
async def client(source):
    base_url, token = source
    async with new_client(base_url, token) as client:
        yield client


@pytest.fixture(autouse=True)
def every_answer_is_read(vcr, record_mode):
    """A request that the client no longer makes must leave the cassette."""
    yield
    assert record_mode != "none" or vcr.all_played


@pytest.fixture
def assert_read(client):
    """Answers were read to the last field."""

    def assert_read(*listings):
        assert [(bool(one.items), one.unreadable) for one in listings] == [(True, [])] * len(
            listings
        )
        assert (client.unknown_forms, client.unknown_fields, client.last_error) == ([], {}, None)

    return assert_read


async def product_of(client):
    """The first product with tests that have bugs, and these bugs."""
    for item in (await client.products()).items:
        bugs = await client.bugs_of_product(item.payload.id)
        if bugs.items:
            return item.payload.id, bugs
    raise AssertionError("Record with a token of somebody who has bugs.")


async def test_the_catalogue_of_a_product_is_read(client, assert_read):
    products = await client.products()
    plain = next(item.payload.id for item in products.items if not item.payload.sections)
    assert (await client.product(plain)).payload.id == plain
    assert_read(products, await client.features(plain), await client.user_stories(plain))


async def test_the_catalogue_of_a_product_with_sections_is_read(client, assert_read):
    products = await client.products()
    with_sections = [item.payload for item in products.items if item.payload.sections]
    # Who has no such product has default sections at least.
    product = (with_sections or [item.payload for item in products.items])[0]
    section = (product.sections or product.sections_with_default)[0].id
    assert_read(
        products,
        await client.features(product.id, section),
        await client.user_stories(product.id, section),
    )


async def test_tests_are_read_in_pages_and_alone(client, assert_read):
    product, bugs = await product_of(client)
    pages = [await client.tests(product, page=page, per_page=2) for page in (1, 2)]
    id = bugs.items[0].payload.test.id
    test = (await client.test(id)).payload
    assert (test.id, test.product.id) == (id, product)
    assert test.analytics.total_bugs is not None
    assert_read(bugs, *pages)


async def test_bugs_are_read_by_test_and_alone_with_the_reasons_to_reject_them(client, assert_read):
    _, bugs = await product_of(client)
    bug = bugs.items[0].payload
    of_test = await client.bugs([bug.test.id])
    assert {item.payload.test.id for item in of_test.items} == {bug.test.id}
    assert (await client.bug(bug.id)).payload.id == bug.id
    assert_read(bugs, of_test, await client.reject_reasons())


async def test_how_user_stories_fared_is_read(client, assert_read):
    assert_read(await client.user_story_executions([], page=1, per_page=3))


async def test_what_is_unknown_is_not_found(client):
    error = await error_of(client.test(UNKNOWN))
    assert (type(error), error.status) == (ApiNotFound, 404)


async def test_a_wrong_token_is_refused(source):
    async with new_client(source[0], "wrong") as client:
        error = await error_of(client.products())
    assert (type(error), error.status) == (ApiUnauthorized, 401)
