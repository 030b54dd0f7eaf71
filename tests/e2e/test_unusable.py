"""Servers that cannot sync or have no cache: every tool says what to do about it."""

from contextlib import asynccontextmanager

import pytest
from fastmcp import Client
from tests.caches import change
from tests.e2e.asking import questions

from testio_mcp.app import Source, open_app
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded
from testio_mcp.tools import TOOLS

SET_TOKEN = "Set TESTIO_CUSTOMER_API_TOKEN"
BAD = "TESTIO_TIMEZONE is 'Mars', which is not valid: no such time zone."


@asynccontextmanager
async def serving(settings, host, problems=()):
    """A server without a token, and perhaps with wrong settings."""
    source = Source("http://127.0.0.1:9", None, host)
    opening = Opening(lambda: open_app(Loaded(settings, [*problems], []), source))
    async with Client(create_server(opening)) as client:
        yield client


async def ask_all(client, world):
    return {
        tool: await client.call_tool(tool, arguments, raise_on_error=False)
        for tool, arguments in questions(world).items()
    }


@pytest.mark.parametrize(
    ("problems", "said"), [((), SET_TOKEN), ((BAD,), BAD)], ids=["no token", "bad setting"]
)
async def test_over_an_empty_cache_every_tool_says_what_to_set(settings, sandbox, problems, said):
    async with serving(settings, sandbox.host_name, problems) as client:
        found = await ask_all(client, sandbox.world)
    assert len(found) == len(TOOLS)
    for tool, answer in found.items():
        assert answer.is_error is (tool != "get_server_diagnostics"), tool
        assert said in answer.content[0].text.replace("\\", ""), tool


@pytest.mark.parametrize(
    ("problems", "said"), [((), SET_TOKEN), ((BAD,), BAD)], ids=["no token", "bad setting"]
)
async def test_over_a_filled_cache_every_tool_answers_and_says_why_it_is_stale(
    synced_path, settings, sandbox, problems, said
):
    async with serving(settings, sandbox.host_name, problems) as client:
        found = await ask_all(client, sandbox.world)
    assert found.pop("sync_data").is_error
    for tool, answer in found.items():
        assert not answer.is_error, tool
        freshness = answer.structured_content["freshness"]
        assert freshness["state"] == "stale", tool
        assert said in freshness["reason"], tool
        last = answer.content[0].text.splitlines()[-1].replace("\\", "")
        assert last.startswith("As of ")
        assert said in last, tool


async def test_over_a_newer_cache_every_tool_says_to_update(path, settings, sandbox):
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    async with serving(settings, sandbox.host_name) as client:
        found = await ask_all(client, sandbox.world)
    for tool, answer in found.items():
        assert answer.is_error is (tool != "get_server_diagnostics"), tool
        assert "Update testio-mcp" in answer.content[0].text, tool
