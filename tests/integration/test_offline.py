"""Offline no connection is opened, every answer says so with its age, and a sync is refused."""

import sys

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from tests.caches import change, contents, sync
from tests.e2e.asking import questions
from tests.programs import ENVIRONMENT, start
from tests.reading import OLD, reading

from testio_mcp.domain.freshness import State
from testio_mcp.errors import ConfigurationError, NotFound
from testio_mcp.tools import TOOLS

# Runs a command, and writes down whatever reaches for an internet address family.
GUARDED = """
import socket, sys

INTERNET = (socket.AF_INET, socket.AF_INET6)
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
REACHES = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
log = open(sys.argv.pop(1), "a", buffering=1)

def guard(event, arguments):
    if event in NAMES or (event in REACHES and arguments[0].family in INTERNET):
        log.write(f"{event} {arguments}\\n")

sys.addaudithook(guard)
from testio_mcp.cli import main
sys.exit(main())
"""
SETTINGS = {
    "TESTIO_CUSTOMER_API_BASE_URL": "http://testio.invalid/customer/v2",
    "TESTIO_CUSTOMER_API_TOKEN": "sandbox",
}
OFFLINE = {"TESTIO_OFFLINE": "true"}


@pytest.fixture
def environment(home):
    return {**ENVIRONMENT, **SETTINGS, "HOME": str(home)}


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "reached.log"
    path.touch()
    return path


@pytest.fixture
def old_path(synced_path):
    """A cache all of which would be read again, were that possible."""
    change(synced_path, "UPDATE customers SET host = 'testio.invalid'")
    change(synced_path, f"UPDATE stamps SET at = '{OLD}'")
    return synced_path


async def ask_all(environment, log, asked, *arguments):
    """The answers of a guarded server, by tool."""
    program = ["-c", GUARDED, str(log), "serve", *arguments]
    transport = StdioTransport(sys.executable, program, env=environment, keep_alive=False)
    async with Client(transport) as client:
        return {
            tool: await client.call_tool(tool, given, raise_on_error=False)
            for tool, given in asked.items()
        }


def check(found):
    """Every answer says that it is offline, and how old it is."""
    assert found.keys() == {tool.__name__ for tool in TOOLS}
    refused = found.pop("sync_data")
    assert refused.is_error
    assert "testio-mcp is offline" in refused.content[0].text
    for tool, answer in found.items():
        assert not answer.is_error, tool
        freshness = answer.structured_content["freshness"]
        assert freshness["state"] == "offline", tool
        last = answer.content[0].text.splitlines()[-1]
        assert freshness["as_of"].startswith(OLD[:4]), tool
        assert last.startswith("As of 2020-01-01"), tool
        assert last.endswith("Offline."), tool


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["--offline"], {}), ([], OFFLINE)], ids=["option", "setting"]
)
async def test_a_whole_session_reaches_for_nothing_and_says_that_it_is_offline(
    old_path, environment, log, sandbox, arguments, variables
):
    before = contents(old_path, without=())
    asked = questions(sandbox.world)
    found = await ask_all(environment | variables, log, asked, *arguments)
    check(found)
    assert log.read_text() == ""
    assert contents(old_path, without=()) == before


async def test_the_guard_sees_what_a_server_reaches_for(old_path, environment, log):
    """Or the silence of its log would prove nothing."""
    variables = {"TESTIO_REFRESH_INTERVAL_SECONDS": "0"}
    found = await ask_all(environment | variables, log, {"list_products": {}})
    assert found["list_products"].structured_content["freshness"]["state"] == "stale"
    assert "testio.invalid" in log.read_text()


# What tools cannot do without, apart from the thing that they are about.
ABOUT_ALL = {"search": {"query": "login"}, "query_metrics": {"metrics": ["bug_count"]}}
ABOUT_ONE = {
    *("get_product_summary", "get_test_summary", "list_features", "get_feature_summary"),
    *("list_user_stories", "get_user_summary", "get_bug_summary"),
}


async def test_an_empty_demo_is_offline_too(environment, log, sandbox):
    asked = {
        tool.__name__: ABOUT_ALL.get(tool.__name__, {})
        for tool in TOOLS
        if tool.__name__ not in ABOUT_ONE
    }
    found = await ask_all(environment, log, asked, "--demo", "--offline")
    assert log.read_text() == ""
    assert "testio-mcp is offline" in found.pop("sync_data").content[0].text
    for tool, answer in found.items():
        assert answer.structured_content["freshness"]["state"] == "offline", tool
        assert "nothing was read before" in answer.content[0].text, tool


async def test_a_demo_that_was_filled_before_is_served_offline(environment, log, home):
    online = {"sync_data": {"wait_seconds": 15}, "list_tests": {}, "list_bugs": {}}
    filled = await ask_all(environment, log, online, "--demo")
    assert "127.0.0.1" in log.read_text()
    log.write_text("")
    change(home / ".testio-mcp" / "demo" / "cache.db", f"UPDATE stamps SET at = '{OLD}'")
    test, bug = (
        filled[tool].structured_content["items"][0] for tool in ("list_tests", "list_bugs")
    )
    about_one = {
        "get_product_summary": {"product_id": test["product_id"]},
        "get_test_summary": {"test_id": test["id"]},
        "list_features": {"product_id": test["product_id"]},
        "get_feature_summary": {"feature_id": bug["feature_id"]},
        "list_user_stories": {"test_id": test["id"]},
        "get_user_summary": {"user": bug["reporter"]},
        "get_bug_summary": {"bug_id": bug["id"]},
    }
    assert about_one.keys() == ABOUT_ONE
    asked = {tool.__name__: {} for tool in TOOLS} | ABOUT_ALL | about_one
    check(await ask_all(environment, log, asked, "--demo", "--offline"))
    assert log.read_text() == ""


def test_the_sync_command_refuses_before_it_reaches_for_anything(old_path, environment, log):
    program = start(f"import os; os.environ |= {environment | OFFLINE!r}\n{GUARDED}", log, "sync")
    said, errors = program.communicate(timeout=60)
    assert (program.returncode, said, log.read_text()) == (2, "", "")
    assert "testio-mcp is offline" in errors
    assert "unset TESTIO_OFFLINE" in errors
    assert "Traceback" not in errors


async def test_what_is_not_in_the_copy_is_not_said_to_be_unknown_to_testio(
    synced_path, settings, sandbox
):
    async with reading(settings, sandbox, offline=True) as reader:
        for ask in (reader.product, reader.test, reader.bug, reader.bugs):
            with pytest.raises(NotFound, match=r"98 is not in the local copy.*is offline"):
                await ask(98)
        with pytest.raises(ConfigurationError, match="is offline"):
            await sync(reader.app)
        answer = await reader.products()
        assert answer.freshness.state == State.OFFLINE
        assert answer.freshness.as_of is not None
        assert reader.refresher is None
    assert sandbox.request_count == 0
