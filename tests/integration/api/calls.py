"""What the tests of the client share."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from testio_mcp.api.client import TestIOClient
from testio_mcp.errors import ApiError

TOKEN = "xyzzy-0123456789-token"
ANCHOR = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST_PRODUCT = 1001
SECTIONED_PRODUCT = 1002


def new_client(base_url, token=TOKEN, **options):
    return TestIOClient(base_url, SecretStr(token), **{"backoff": 0, **options})


async def error_of(call):
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value


def paths(sandbox):
    return [asked.path for asked in sandbox.requests]
