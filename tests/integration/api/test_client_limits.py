"""Slots, priorities, and what happens when TestIO asks to wait."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.api.calls import ANCHOR, FIRST_PRODUCT, TOKEN, error_of, new_client, paths

from testio_mcp.errors import ApiRateLimited
from testio_mcp.sandbox import Sandbox, Scale, serving


async def test_retry_after_holds_back_every_request(url, sandbox, add_fault):
    async with new_client(url, max_concurrent=1) as client:
        add_fault("rate_limited", retry_after=0.1)
        start = datetime.now(UTC)
        limited, other, urgent = await asyncio.gather(
            client.products(), client.reject_reasons(), client.user_facing().product(FIRST_PRODUCT)
        )
    for answer in (limited, other, urgent):
        assert answer.began - start >= timedelta(seconds=0.1)
    assert sandbox.request_count == 4


async def test_a_call_with_one_attempt_still_waits_as_told(client, sandbox, add_fault):
    add_fault("rate_limited", path="*", times=2, retry_after=0.01)
    assert (await client.tests(FIRST_PRODUCT, page=1, attempts=1)).rows
    assert sandbox.request_count == 3


async def test_a_lasting_limit_is_given_up_after_five_requests(client, sandbox, add_fault):
    add_fault("rate_limited", times=None, retry_after=0.01)
    error = await error_of(client.products())
    assert (type(error), error.retry_after) == (ApiRateLimited, 0.01)
    assert sandbox.request_count == 5


async def test_a_long_wait_is_handed_to_the_caller_and_kept_by_all(client, sandbox, add_fault):
    add_fault("rate_limited", retry_after=3600)
    error = await error_of(client.products())
    assert (type(error), error.retry_after) == (ApiRateLimited, 3600)
    later = await error_of(client.user_facing().reject_reasons())
    assert type(later) is ApiRateLimited
    assert 3500 < later.retry_after <= 3600
    assert (sandbox.request_count, client.requests_sent) == (1, 1)


async def test_two_hundred_calls_at_once_are_ten_requests_at_a_time():
    sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR, token=TOKEN, latency=0.005)
    async with serving(sandbox) as url, new_client(url, reserved=2) as client:
        views = [client, client.user_facing()]
        answers = await asyncio.gather(*(views[turn % 2].products() for turn in range(200)))
    assert [answer.rows for answer in answers] == [4] * 200
    assert (sandbox.request_count, sandbox.max_in_flight) == (200, 10)


async def test_user_facing_requests_go_before_those_that_wait(url, sandbox):
    async with new_client(url, max_concurrent=1) as client:
        await asyncio.gather(
            client.products(), client.reject_reasons(), client.user_facing().product(FIRST_PRODUCT)
        )
    assert paths(sandbox) == ["products", f"products/{FIRST_PRODUCT}", "bugs/reject_reasons"]


async def test_no_slot_is_held_while_a_failure_waits_for_its_next_attempt(url, sandbox, add_fault):
    async with new_client(url, max_concurrent=1, backoff=0.05) as client:
        add_fault("status")
        await asyncio.gather(client.products(), client.reject_reasons())
    assert paths(sandbox) == ["products", "bugs/reject_reasons", "products"]


async def test_a_cancelled_call_frees_its_slot(url, add_fault):
    async with new_client(url, max_concurrent=2) as client:
        add_fault("delay", seconds=30)
        call = asyncio.create_task(client.products())
        await asyncio.create_task(client.reject_reasons())
        assert client.requests_in_flight == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert client.requests_in_flight == 0
        assert (await client.products()).rows == 4


async def test_a_call_cancelled_between_attempts_makes_no_more(url, sandbox, add_fault):
    async with new_client(url, backoff=30, max_concurrent=1) as client:
        add_fault("status", times=None)
        call = asyncio.create_task(client.products())
        # Its turn comes when the first attempt is over.
        await asyncio.create_task(client.reject_reasons())
        assert client.last_error == "TestIO answered 500."
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert paths(sandbox) == ["products", "bugs/reject_reasons"]


async def test_user_facing_calls_share_the_counters(client):
    await client.user_facing().products()
    await client.products()
    assert client.requests_sent == client.user_facing().requests_sent == 2
    await error_of(client.user_facing().product(999_999))
    assert client.requests_in_flight == 0
