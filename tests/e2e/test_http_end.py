"""A server over HTTP ends within two seconds, whatever it is doing, and leaves a sound cache."""

import asyncio
import signal

import httpx
import pytest
from fastmcp import Client
from mcp.shared.exceptions import MCPError
from tests.caches import defects, latest_run
from tests.e2e.over_http import calling, environment_of, http_process
from tests.programs import ENDS_WITHIN
from tests.watching import until

from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.sync.lock import SyncLock

ENDS = [(signal.SIGTERM, 0), (signal.SIGINT, 130)]


@pytest.fixture
def path(home):
    return home / ".testio-mcp" / "cache.db"


@pytest.fixture
def online(home, sandbox, api_url):
    """Nothing happens unless somebody asks."""
    return environment_of(home, sandbox, api_url, TESTIO_REFRESH_INTERVAL_SECONDS="0")


async def until_asked_for(needed, sandbox):
    await until(lambda: any(asked.path.startswith(needed) for asked in sandbox.requests))


def is_sound(path):
    with SyncLock(path).held():
        return defects(path) == []


@pytest.mark.parametrize(("sent", "code"), ENDS)
async def test_it_ends_at_once_when_nobody_asks(online, sent, code):
    async with http_process(online) as server:
        await server.get()
        assert await server.ended(sent, ENDS_WITHIN) == (code, b"")
    assert "Traceback" not in "".join(server.log)


@pytest.mark.parametrize(("sent", "code"), ENDS)
async def test_a_call_that_runs_is_answered_that_the_server_stops(
    online, path, sandbox, sent, code
):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=60))
    async with http_process(online) as server:
        call = asyncio.create_task(server.post(calling("sync_data", wait_seconds=15)))
        await until_asked_for("bugs", sandbox)
        assert await server.ended(sent, ENDS_WITHIN) == (code, b"")
        answer = await call
    # The stream had begun, and ends without a result.
    assert (answer.status_code, '"result"' in answer.text) == (200, False)
    assert latest_run(path)[0] == "cancelled"
    assert is_sound(path)
    assert "Traceback" not in "".join(server.log)
    assert "ERROR" not in "".join(server.log)


@pytest.mark.parametrize(
    ("tool", "arguments", "needed"),
    [("sync_data", {"wait_seconds": 15}, "bugs"), ("list_products", {}, "products")],
)
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_clients_of_both_eras_see_their_call_fail_rather_than_hang(
    online, path, sandbox, mode, tool, arguments, needed
):
    sandbox.faults.add(Fault(needed, FaultKind.DELAY, seconds=60))
    async with http_process(online) as server:

        async def call():
            async with Client(server.url, mode=mode) as client:
                await client.call_tool(tool, arguments)

        calling = asyncio.create_task(call())
        await until_asked_for(needed, sandbox)
        assert (await server.ended(signal.SIGTERM, ENDS_WITHIN))[0] == 0
        with pytest.raises(MCPError, match="SSE stream ended without a response"):
            await calling
    assert is_sound(path)
    assert "Traceback" not in "".join(server.log)
    assert "ERROR" not in "".join(server.log)


async def test_a_request_that_has_not_arrived_is_told_that_the_server_stops(online):
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    async with http_process(online) as server:
        port = int(server.base.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await server.get()
        assert (await server.ended(signal.SIGTERM, ENDS_WITHIN))[0] == 0
        answer = (await reader.read()).decode()
        writer.close()
    assert answer.startswith("HTTP/1.1 503 ")
    assert answer.endswith('The server is stopping."}')
    assert "ERROR" not in "".join(server.log)


async def test_it_ends_although_a_client_keeps_its_connection(online):
    async with http_process(online) as server, httpx.AsyncClient(base_url=server.base) as http:
        await http.get("/health")
        assert (await server.ended(signal.SIGTERM, ENDS_WITHIN))[0] == 0


async def test_it_ends_in_the_middle_of_a_sync_of_its_own(home, path, sandbox, api_url):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=60))
    async with http_process(environment_of(home, sandbox, api_url)) as server:
        await until_asked_for("bugs", sandbox)
        assert (await server.ended(signal.SIGTERM, ENDS_WITHIN))[0] == 0
    assert latest_run(path)[0] == "cancelled"
    assert is_sound(path)
