"""The server over HTTP: the same tools, for many clients of both eras, in one process."""

import asyncio
import gc
from contextlib import nullcontext

import httpx
import pytest
from fastmcp import Client
from mcp.server.connection import Connection
from mcp.server.streamable_http import StreamableHTTPServerTransport
from tests.caches import SHOP, latest_run, rows
from tests.e2e.over_http import ACCEPT, LIST_TOOLS, calling, environment_of, http_process
from tests.watching import until

from testio_mcp.http_server import HttpServer, listening
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.server import Opening, create_server
from testio_mcp.tools import TOOLS

CLIENTS = 8
VISITS = 20
KEPT_BY_SESSIONS = {StreamableHTTPServerTransport, Connection}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture
def online(home, sandbox, api_url):
    return environment_of(home, sandbox, api_url)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_clients_of_both_eras_list_and_call_tools_and_hear_of_progress(online, mode):
    heard = []

    async def hear(progress, total, message):
        heard.append(message)

    quiet = online | {"TESTIO_REFRESH_INTERVAL_SECONDS": "0"}
    async with http_process(quiet) as server, Client(server.url, mode=mode) as client:
        tools = await client.list_tools()
        done = await client.call_tool("sync_data", {"wait_seconds": 15}, progress_handler=hear)
        page = await client.call_tool("list_products")
    assert [tool.name for tool in tools] == [tool.__name__ for tool in TOOLS]
    assert done.structured_content["sync"]["state"] == "ok"
    assert heard
    assert page.structured_content["total"] == 4
    assert "**4 products**" in page.content[0].text


async def test_a_script_needs_one_request_and_no_session(online):
    async with http_process(online) as server:
        listed = await server.post(LIST_TOOLS)
        called = await server.post(calling("get_server_diagnostics"))
        stream = await server.get("/mcp")
    assert (listed.status_code, called.status_code, stream.status_code) == (200, 200, 405)
    assert '"list_bugs"' in listed.text
    assert "**testio-mcp " in called.text
    assert "mcp-session-id" not in {*listed.headers, *called.headers}


async def test_it_writes_each_request_to_stderr_and_nothing_to_stdout(online):
    async with http_process(online) as server:
        await server.get()
        await server.post(LIST_TOOLS)
        await server.get("/elsewhere")
        code, printed = await server.ended(15, within=10)
    assert (code, printed) == (0, b"")
    log = "".join(server.log)
    for line in ("GET /health HTTP/1.1", "POST /mcp HTTP/1.1", "GET /elsewhere HTTP/1.1"):
        assert log.count(line) == 1
    assert '"GET /elsewhere HTTP/1.1" 404' in log


async def test_quiet_it_writes_no_requests(online):
    async with http_process(online, "--quiet") as server:
        await server.get()
        await server.ended(15, within=10)
    assert server.log == [f"Serving MCP on {server.url}\n", ""]


async def test_health_tells_nothing_but_that_it_is_there(home):
    """Whatever else is wrong: there is not even a token for TestIO."""
    async with http_process(environment_of(home, TESTIO_TIMEZONE="Mars")) as server:
        health = await server.get()
        said = await server.post(calling("list_products"))
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert "TESTIO_TIMEZONE" in said.text


async def test_many_clients_at_once_share_one_sync_that_nobody_has_to_ask_for(
    online, home, sandbox
):
    path = home / ".testio-mcp" / "cache.db"
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, times=1, seconds=0.1))

    async def ask(server, mode):
        async with Client(server.url, mode=mode) as client:
            while True:
                page = await client.call_tool("list_bugs", {"product_ids": [SHOP]})
                if page.structured_content["freshness"]["state"] == "fresh":
                    return page.structured_content["total"]

    async with http_process(online) as server:
        await until(lambda: path.exists() and "sync_runs" in tables(path) and finished(path))
        modes = ("auto", "legacy") * (CLIENTS // 2)
        totals = await asyncio.gather(*(ask(server, mode) for mode in modes))
    world = sandbox.world
    bugs = sum(len(world.bug_ids(test_id)) for test_id in world.test_ids(SHOP))
    assert set(totals) == {bugs}
    assert rows(path, "SELECT trigger, status FROM sync_runs") == [("background", "ok")]


def tables(path):
    return {name for (name,) in rows(path, "SELECT name FROM sqlite_master")}


def finished(path):
    runs = rows(path, "SELECT 1 FROM sync_runs")
    return runs and latest_run(path)[0] != "running"


@pytest.mark.parametrize("arguments", [["--demo"], ["--demo", "--offline"]])
async def test_the_demo_works_over_http_too(home, arguments):
    async with (
        http_process(environment_of(home), *arguments) as server,
        Client(server.url) as client,
    ):
        page = await client.call_tool("list_products")
    freshness = page.structured_content["freshness"]
    assert (freshness["state"] == "offline") == ("--offline" in arguments)
    assert bool(page.structured_content["total"]) == ("--offline" not in arguments)


async def test_clients_leave_nothing_behind(app):
    """Without sessions a server stays as small as it is, however many clients come."""

    opening = Opening(lambda: nullcontext(app))
    listener = listening("127.0.0.1", 0, is_protected=False)
    server = HttpServer(create_server(opening), listener)
    running = asyncio.create_task(server.run_until_ended())

    async def visit(mode):
        async with Client(server.url, mode=mode) as client:
            await client.call_tool("list_products")
        # This one leaves without a farewell.
        async with httpx.AsyncClient() as http:
            assert (await http.post(server.url, json=INITIALIZE, headers=ACCEPT)).is_success

    async def left():
        await until(lambda: not server.server_state.connections)
        gc.collect()
        kept = [one for one in gc.get_objects() if type(one) in KEPT_BY_SESSIONS]
        return len(kept), len(asyncio.all_tasks())

    for mode in ("auto", "legacy"):
        await visit(mode)
    before = await left()
    for mode in ("auto", "legacy") * (VISITS // 2):
        await visit(mode)
    assert await left() == before
    server.should_exit = True
    await running
