"""The server as a client starts it: a process that speaks JSON-RPC on stdin and stdout."""

import asyncio
import json
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from tests.caches import GAME, change, ids, latest_run, rows
from tests.programs import ENDS_WITHIN, ENVIRONMENT

from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.sync.lock import SyncLock
from testio_mcp.tools import TOOLS

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "Käthes Büro"
    home.mkdir()
    return home


@pytest.fixture
def path(home):
    """Where the server keeps its cache."""
    return home / ".testio-mcp" / "cache.db"


@pytest.fixture
def environment(home):
    """All that a desktop gives to the programs it starts."""
    # So that compiled modules are found, as they are after an installation.
    kept = {name: ENVIRONMENT[name] for name in ("PYTHONPATH",) if name in ENVIRONMENT}
    return {**kept, "PATH": "/usr/bin:/bin", "HOME": str(home)}


@pytest.fixture
def online(environment, sandbox, api_url):
    """With the sandbox for TestIO."""
    return environment | {
        "TESTIO_CUSTOMER_API_BASE_URL": api_url,
        "TESTIO_CUSTOMER_API_TOKEN": sandbox.token,
    }


class Server:
    def __init__(self, process):
        self.process = process
        self.lines = []

    async def ask(self, method, **params):
        """The result of a request; fails when it is none."""
        id = len(self.lines) + 1
        await self.send({"id": id, "method": method, "params": params})
        while True:
            self.lines.append(await self.process.stdout.readline())
            message = json.loads(self.lines[-1])
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == id:
                return message["result"]

    async def send(self, message):
        line = json.dumps({"jsonrpc": "2.0", **message}) + "\n"
        self.process.stdin.write(line.encode())
        await self.process.stdin.drain()

    async def call(self, tool, **arguments):
        """Whether a call failed, and its text."""
        result = await self.ask("tools/call", name=tool, arguments=arguments)
        return result.get("isError", False), result["content"][0]["text"]

    async def ended(self, sent=None):
        """What it printed last, and its log, after a signal or the end of its input."""
        if sent:
            # Its input goes on: a client that sends a signal may well keep its end open.
            self.process.send_signal(sent)
            await asyncio.wait_for(self.process.wait(), ENDS_WITHIN)
        return await asyncio.wait_for(self.process.communicate(), ENDS_WITHIN)


@asynccontextmanager
async def serving(environment, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testio_mcp", "serve", *arguments),
        env=environment,
        cwd="/",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    server = Server(process)
    try:
        await server.ask("initialize", **INITIALIZE)
        await server.send({"method": "notifications/initialized"})
        yield server
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def is_gone(process):
    """Whether nothing of its session lives on."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_client_can_list_and_call_tools_and_hears_nothing_but_json(environment):
    async with serving(environment) as server:
        tools = await server.ask("tools/list")
        failed, text = await server.call("list_products")
        rest, log = await server.ended()
    assert [tool["name"] for tool in tools["tools"]] == [tool.__name__ for tool in TOOLS]
    assert failed
    assert "TESTIO_CUSTOMER_API_TOKEN" in text
    assert rest == b""
    assert server.process.returncode == 0
    assert is_gone(server.process)
    assert b"Traceback" not in log


async def test_a_client_of_the_newer_era_is_served_too(online):
    arguments = ["-m", "testio_mcp", "serve"]
    transport = StdioTransport(sys.executable, arguments, env=online, cwd="/", keep_alive=False)
    async with Client(transport, mode="auto") as client:
        assert len(await client.list_tools()) == len(TOOLS)
        answer = await client.call_tool("sync_data", {"product_ids": [GAME], "wait_seconds": 15})
        page = await client.call_tool("list_products")
    assert answer.structured_content["sync"]["state"] == "ok"
    assert page.structured_content["total"] > 0


async def test_two_servers_of_one_client_share_the_cache_and_the_work(online, path, sandbox):
    async with serving(online) as first, serving(online) as second:
        for server in (first, second):
            # Nobody asks for a sync: it is due in the background.
            while "| ok |" not in (await server.call("get_server_diagnostics"))[1]:
                pass
            failed, text = await server.call("list_products")
            assert (failed, "4 products" in text) == (False, True)
        for server in (first, second):
            await server.ended()
    assert rows(path, "SELECT trigger, status FROM sync_runs") == [("background", "ok")]
    assert ids(path, "products") == sandbox.world.product_ids()


async def test_the_demo_needs_no_token_and_no_network(environment, home):
    async with serving(environment, "--demo") as server:
        failed, text = await server.call("sync_data", wait_seconds=15)
        assert not failed, text
        failed, text = await server.call("list_products")
        await server.ended()
    assert "4 products" in text
    assert (home / ".testio-mcp" / "demo" / "cache.db").is_file()
    assert not (home / ".testio-mcp" / "cache.db").exists()


async def asked_for_bugs(server, path):
    """Wait until a sync has stored tests and waits for bugs."""
    created = "SELECT 1 FROM sqlite_master WHERE name = 'tests'"
    while not (path.exists() and rows(path, created) and ids(path, "tests")):
        await server.ask("ping")


async def test_it_ends_at_once_also_in_the_middle_of_a_sync(online, sandbox, home):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=60))

    async def ended_by(name, sent):
        path = home / name / "cache.db"
        async with serving(online | {"TESTIO_HOME": str(path.parent)}) as server:
            await asked_for_bugs(server, path)
            rest, log = await server.ended(sent)
        assert (rest, is_gone(server.process)) == (b"", True)
        assert b"Traceback" not in log
        assert latest_run(path)[0] == "cancelled"
        with SyncLock(path).held():
            return server.process.returncode

    codes = await asyncio.gather(
        ended_by("end of input", None),
        ended_by("SIGTERM", signal.SIGTERM),
        ended_by("SIGINT", signal.SIGINT),
    )
    assert codes == [0, 0, 130]


def leave_it(path):
    pass


def damage(path):
    path.write_bytes(b"garbage" * 1000)


def make_newer(path):
    change(path, "UPDATE alembic_version SET version_num = '9999'")


# What is done to the cache, which variables are set, and what diagnostics must say.
WRONG = {
    "no token": (leave_it, {}, "Set TESTIO_CUSTOMER_API_TOKEN"),
    "bad setting": (leave_it, {"TESTIO_TIMEZONE": "Mars"}, "TESTIO_TIMEZONE=Europe/Berlin"),
    "newer cache": (make_newer, {}, "Update testio-mcp"),
    "damaged cache": (damage, {}, "cache.db.damaged"),
    "no home": (leave_it, {"TESTIO_HOME": "/dev/null"}, "Set TESTIO_HOME or TESTIO_DB_PATH"),
    "no log": (leave_it, {"TESTIO_LOG_FILE": "/dev/null/log"}, "TESTIO_LOG_FILE /dev/null/log"),
}


async def test_it_starts_whatever_is_wrong_and_says_what_to_do(environment, home, template):
    async def diagnosed(name):
        do_harm, variables, _ = WRONG[name]
        path = home / name / "cache.db"
        path.parent.mkdir()
        shutil.copy(template, path)
        do_harm(path)
        async with serving(environment | {"TESTIO_HOME": str(path.parent)} | variables) as server:
            failed, text = await server.call("get_server_diagnostics")
            await server.ended()
        return (failed, server.process.returncode, text.replace("\\", ""))

    found = dict(zip(WRONG, await asyncio.gather(*map(diagnosed, WRONG)), strict=True))
    for name, (failed, code, text) in found.items():
        assert (failed, code) == (False, 0), name
        assert WRONG[name][2] in text, name
