"""What faults of TestIO become, and how many requests they cost."""

import pytest
from pydantic import SecretStr
from tests.integration.api.calls import FIRST_PRODUCT, TOKEN, error_of, new_client

from testio_mcp.api.connection import Connection, Question
from testio_mcp.errors import (
    ApiError,
    ApiNotFound,
    ApiProtocolError,
    ApiTimeout,
    ApiUnauthorized,
    ApiUnavailable,
)
from testio_mcp.sandbox import FOREIGN_BUG_IDS, FOREIGN_TEST_IDS


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 502, "html": True}),
        ("status", {"status": 503}),
        ("status", {"status": 524, "html": True}),
        ("rate_limited", {"retry_after": 0}),
        ("rate_limited", {"retry_after": None}),
        ("truncated_json", {}),
        ("html_body", {}),
        ("dropped_connection", {}),
        ("dropped_connection", {"midway": True}),
    ],
)
async def test_a_passing_fault_costs_two_more_requests(client, sandbox, add_fault, kind, options):
    add_fault(kind, times=2, **options)
    assert (await client.products()).rows == 4
    assert (client.requests_sent, sandbox.request_count) == (3, 3)
    assert client.last_error


@pytest.mark.parametrize(
    ("kind", "options", "error_type", "message"),
    [
        ("status", {"status": 500}, ApiUnavailable, "TestIO answered 500."),
        ("status", {"status": 503, "html": True}, ApiUnavailable, "TestIO answered 503."),
        ("status", {"status": 504}, ApiTimeout, "TestIO answered 504."),
        ("status", {"status": 524, "html": True}, ApiTimeout, "TestIO answered 524."),
        ("truncated_json", {}, ApiProtocolError, "is not JSON"),
        ("html_body", {}, ApiProtocolError, "is not JSON"),
        ("dropped_connection", {}, ApiUnavailable, "connection dropped (127.0.0.1)"),
        ("dropped_connection", {"midway": True}, ApiUnavailable, "connection dropped"),
    ],
)
async def test_a_lasting_fault_is_an_error_after_three_attempts(
    client, sandbox, add_fault, kind, options, error_type, message
):
    add_fault(kind, times=None, **options)
    error = await error_of(client.products())
    assert (type(error), sandbox.request_count) == (error_type, 3)
    assert message in error.message
    assert error.hint
    assert client.last_error == error.message
    assert "back soon" not in str(error)


async def test_a_page_instead_of_json_is_said_to_come_from_elsewhere_perhaps(client, add_fault):
    add_fault("html_body", times=None)
    error = await error_of(client.products())
    assert "something between this computer and TestIO may have answered" in error.message
    assert "Open http://127.0.0.1:" in error.hint


async def test_a_block_page_is_no_refusal_of_the_token_and_asked_for_once(client, add_fault):
    add_fault("status", times=None, status=403, html=True)
    error = await error_of(client.products())
    assert (isinstance(error, ApiUnavailable), client.requests_sent) == (True, 1)
    assert "block page" in error.message


async def test_the_attempts_of_one_call_can_be_fewer(client, sandbox, add_fault):
    add_fault("status", path="*", times=None)
    await error_of(client.tests(FIRST_PRODUCT, page=1, attempts=1))
    assert sandbox.request_count == 1
    await error_of(client.bugs([100_000], attempts=2))
    assert sandbox.request_count == 3


async def test_an_answer_that_takes_too_long_is_tried_again(url, add_fault):
    async with new_client(url, timeout=0.5) as client:
        add_fault("delay", seconds=30)
        assert (await client.products()).rows == 4
        assert client.requests_sent == 2


async def test_an_answer_that_always_takes_too_long_is_a_time_out(url, add_fault):
    async with new_client(url, timeout=0.1, attempts=2) as client:
        add_fault("delay", times=None, seconds=30)
        error = await error_of(client.products())
        assert (type(error), error.message) == (ApiTimeout, "TestIO did not answer in time.")
        assert client.requests_sent == 2


async def test_an_answer_without_its_root_key_is_tried_again_and_then_an_error(url, sandbox):
    connection = Connection(
        url, SecretStr(TOKEN), timeout=5, max_concurrent=1, reserved=0, attempts=3, backoff=0
    )
    question = Question("products", "exploratory_tests", "the products")
    error = await error_of(connection.ask(question, user_facing=False))
    await connection.aclose()
    assert type(error) is ApiProtocolError
    assert error.message == "TestIO's answer about the products has no 'exploratory_tests'."
    assert sandbox.request_count == 3


async def test_a_refused_token_ends_it_at_once_and_names_the_setting(url, sandbox):
    async with new_client(url, token="wrong") as client:
        error = await error_of(client.bug(1))
    assert (type(error), error.status, sandbox.request_count) == (ApiUnauthorized, 401, 1)
    assert "TESTIO_CUSTOMER_API_TOKEN" in error.hint


@pytest.mark.parametrize("token", ["", "  ", "two\nlines", "t\u00f6ken", "nul\0"])
async def test_what_cannot_be_a_token_is_refused_without_a_request(url, sandbox, token):
    async with new_client(url, token=token) as client:
        error = await error_of(client.products())
    assert (type(error), sandbox.request_count) == (ApiUnauthorized, 0)
    assert "TESTIO_CUSTOMER_API_TOKEN" in error.hint


async def test_blanks_around_a_token_are_forgiven(url):
    async with new_client(url, token=f" {TOKEN}\n") as client:
        assert (await client.products()).rows == 4


async def test_a_token_that_may_not_list_products_is_unauthorized(client, sandbox, add_fault):
    add_fault("status", status=403)
    error = await error_of(client.products())
    assert (type(error), error.status, sandbox.request_count) == (ApiUnauthorized, 403, 1)
    assert "TESTIO_CUSTOMER_API_TOKEN" in error.hint


async def test_what_belongs_to_another_customer_fails_alone(client, sandbox):
    for call in (client.bug(FOREIGN_BUG_IDS[0]), client.test(FOREIGN_TEST_IDS[0])):
        error = await error_of(call)
        assert (type(error), error.status) == (ApiError, 403)
    assert (await client.products()).rows == 4
    assert sandbox.request_count == 3


async def test_what_is_unknown_is_not_found_and_no_failure(client, sandbox):
    error = await error_of(client.test(1))
    assert (type(error), error.message) == (ApiNotFound, "TestIO does not know test 1.")
    assert (sandbox.request_count, client.last_error) == (1, None)


@pytest.mark.parametrize("status", [301, 302, 307, 304])
async def test_a_redirect_is_not_followed(client, sandbox, add_fault, status):
    add_fault("status", times=None, status=status)
    error = await error_of(client.products())
    assert (type(error), sandbox.request_count) == (ApiProtocolError, 1)
    assert "TESTIO_CUSTOMER_API_BASE_URL" in error.hint
