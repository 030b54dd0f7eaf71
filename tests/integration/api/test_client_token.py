"""No message, log line or chain of errors shows the token."""

import logging
import traceback

import pytest
from tests.integration.api.calls import TOKEN, error_of, new_client

from testio_mcp.sandbox import Fault, FaultKind

FAULTS = [
    Fault("*", FaultKind.STATUS, status=status)
    for status in (302, 400, 401, 403, 404, 422, 500, 503, 524)
] + [
    Fault("*", FaultKind.RATE_LIMITED, retry_after=0),
    Fault("*", FaultKind.RATE_LIMITED, retry_after=3600),
    Fault("*", FaultKind.TRUNCATED_JSON),
    Fault("*", FaultKind.HTML_BODY),
    Fault("*", FaultKind.DROPPED_CONNECTION),
    Fault("*", FaultKind.DROPPED_CONNECTION, midway=True),
    Fault("*", FaultKind.DELAY, seconds=30),
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}"
)
async def test_no_error_and_no_log_holds_the_token(url, sandbox, fault, caplog):
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add(fault)
    async with new_client(url, timeout=0.2) as client:
        error = await error_of(client.products())
        said = [repr(client), repr(error), str(error), client.last_error or ""]
    said += traceback.format_exception(error)
    said += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert TOKEN not in "".join(said)


@pytest.mark.parametrize("token", [f"{TOKEN}\n{TOKEN}", f"{TOKEN}\u00e9"])
async def test_a_token_that_cannot_be_sent_is_not_shown_either(url, token):
    async with new_client(url, token=token) as client:
        error = await error_of(client.products())
    assert TOKEN not in "".join(traceback.format_exception(error))


async def test_a_retry_is_logged_with_its_reason(client, add_fault, caplog):
    caplog.set_level(logging.INFO, logger="testio_mcp")
    add_fault("status", status=502)
    await client.products()
    [line] = [record.getMessage() for record in caplog.records if record.name.startswith("testio")]
    assert line == "TestIO answered 502. Try again in a few minutes. Trying again in 0.0 s."
