"""Which tools are offered, in this process and as a client starts the server."""

import sys

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from tests.programs import ENVIRONMENT

from testio_mcp.settings import Settings, load_settings
from testio_mcp.tools import TOOLS
from testio_mcp.tools.selection import selected

NAMES = [tool.__name__ for tool in TOOLS]
DIAGNOSTICS = "get_server_diagnostics"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("ENABLED_TOOLS", "DISABLED_TOOLS"):
        monkeypatch.delenv(f"TESTIO_{name}", raising=False)


def offered(enabled="", disabled=""):
    """The names of the tools, and what is said of the settings."""
    settings = Settings(_env_file=None, enabled_tools=enabled, disabled_tools=disabled)
    found = selected(settings)
    return [tool.__name__ for tool in found.tools], found.warnings


def test_all_tools_are_offered_unless_some_are_named():
    assert offered() == (NAMES, [])


def test_named_tools_are_offered_in_the_usual_order_and_diagnostics_with_them():
    names, warnings = offered(" list_bugs ,list_products,")
    assert (names, warnings) == (["list_products", "list_bugs", DIAGNOSTICS], [])


def test_disabled_tools_are_not_offered_also_where_they_are_enabled():
    names, warnings = offered(disabled="sync_data,list_bugs")
    assert (names, warnings) == ([n for n in NAMES if n not in {"sync_data", "list_bugs"}], [])
    assert offered("list_bugs,list_tests", "list_bugs") == (["list_tests", DIAGNOSTICS], [])


def test_names_may_be_written_in_any_case_and_with_dashes():
    assert offered("List-Bugs") == (["list_bugs", DIAGNOSTICS], [])


def test_diagnostics_cannot_be_switched_off():
    names, warnings = offered(disabled=",".join(NAMES))
    assert names == [DIAGNOSTICS]
    assert warnings == [f"TESTIO_DISABLED_TOOLS names {DIAGNOSTICS}, which is always offered."]


def test_an_unknown_name_is_said_with_the_closest():
    names, warnings = offered("list_bug,list_tests", "sync")
    assert names == ["list_tests", DIAGNOSTICS]
    assert warnings == [
        "TESTIO_ENABLED_TOOLS: there is no tool 'list_bug'. Did you mean list_bugs?",
        "TESTIO_DISABLED_TOOLS: there is no tool 'sync'. Did you mean sync_data?",
    ]


def test_a_name_that_is_like_none_is_said_with_all():
    names, [warning] = offered(disabled="qqqq")
    assert names == NAMES
    assert warning.endswith(f"There are {', '.join(NAMES)}.")


def test_settings_of_tools_are_never_a_reason_not_to_sync(monkeypatch):
    monkeypatch.setenv("TESTIO_ENABLED_TOOLS", "nothing,that,exists")
    loaded = load_settings()
    assert (loaded.problems, loaded.warnings) == ([], [])
    assert loaded.settings.enabled_tools == ("nothing", "that", "exists")


async def served(home, log, *arguments, **variables):
    """What a server started as a process offers, and what its diagnostics and its log say."""
    kept = {name: ENVIRONMENT[name] for name in ("PYTHONPATH",) if name in ENVIRONMENT}
    transport = StdioTransport(
        sys.executable,
        ["-m", "testio_mcp", "serve", *arguments],
        env={
            **kept,
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "TESTIO_REFRESH_INTERVAL_SECONDS": "0",
            **{f"TESTIO_{name}": value for name, value in variables.items()},
        },
        cwd="/",
        keep_alive=False,
        log_file=log,
    )
    async with Client(transport) as client:
        names = [tool.name for tool in await client.list_tools()]
        prompt = await client.get_prompt("prep-meeting")
        answer = await client.call_tool(DIAGNOSTICS)
        gone = await client.call_tool("list_bugs", raise_on_error=False)
    diagnostics = answer.structured_content["diagnostics"]
    return names, diagnostics, prompt.messages[0].content.text, gone


async def test_a_server_with_wrong_names_starts_and_says_so(home, tmp_path):
    log = tmp_path / "log"
    names, diagnostics, prompt, gone = await served(
        home, log, ENABLED_TOOLS="list_products,list_bugz", DISABLED_TOOLS="sync"
    )
    assert names == ["list_products", DIAGNOSTICS]
    warnings = [
        "TESTIO_ENABLED_TOOLS: there is no tool 'list_bugz'. Did you mean list_bugs?",
        "TESTIO_DISABLED_TOOLS: there is no tool 'sync'. Did you mean sync_data?",
    ]
    assert diagnostics["warnings"] == warnings
    for warning in warnings:
        assert log.read_text().count(warning) == 1
    assert "Switched off on this server: " in prompt
    assert gone.is_error
    assert "list_bugs is switched off on this server" in gone.content[0].text


async def test_the_demo_offers_everything(home, tmp_path):
    names, diagnostics, prompt, _ = await served(
        home, tmp_path / "log", "--demo", "--offline", ENABLED_TOOLS="list_products,list_bugz"
    )
    assert names == NAMES
    assert [warning for warning in diagnostics["warnings"] if "TOOLS" in warning] == []
    assert "Switched off" not in prompt
