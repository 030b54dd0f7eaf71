"""Which clients are found, and whether what they would start really starts."""

import json
import sys
from importlib.metadata import version

import pytest
from tests.examining import Patient

from testio_mcp.settings import Settings

# Answers the first request, as a server of some version.
SERVER = """
import json, sys
request = json.loads(sys.stdin.readline())
info = {"name": "testio", "version": sys.argv[1]}
print(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": info}}), flush=True)
"""
TOKEN = "TESTIO_CUSTOMER_API_TOKEN"


@pytest.fixture
def cursor(home):
    folder = home / ".cursor"
    folder.mkdir()
    return folder / "mcp.json"


@pytest.fixture
def examined(home, cursor):
    """The finding about Cursor with these servers; the other findings are of other tests."""
    patient = Patient(Settings(_env_file=None, offline=True), home)

    def examined(**servers):
        cursor.write_text(json.dumps({"mcpServers": servers}))
        return [one for one in patient.examination().findings if one.area == "Cursor"]

    return examined


def server(*args, command=sys.executable, **env):
    return {"command": command, "args": list(args), "env": env}


def test_a_client_that_is_not_connected_is_told_how(examined):
    [found] = examined(other={"command": "other"})
    assert (found.state, "testio-mcp setup" in found.to_do) == ("ok", True)


def test_a_foreign_program_is_never_started(examined, tmp_path):
    trace = tmp_path / "trace"
    examined(other=server("-c", f"open({str(trace)!r}, 'w')"))
    assert not trace.exists()


def test_another_version_is_a_warning(examined):
    [found] = examined(testio=server("-c", SERVER, "0.0.1"))
    assert (found.state, "testio 0.0.1 in" in found.found) == ("warning", True)
    assert "another installation" in found.to_do


def test_what_does_not_start_is_a_problem_with_what_it_said(examined):
    said = "import sys; sys.exit('no module; token s3cr3t, own 0wn')"
    [found, held] = examined(qa=server("-c", said, "testio_mcp", **{TOKEN: "0wn"}))
    assert (found.state, "no module; token ***, own ***" in found.found) == ("problem", True)
    assert "testio-mcp setup" in found.to_do
    assert (held.state, "holds the token" in held.found) == ("warning", True)


def test_a_program_that_is_gone_is_a_problem(examined):
    [found] = examined(testio=server(command="/gone/testio-mcp"))
    assert (found.state, "There is no program /gone/testio-mcp" in found.found) == ("problem", True)


def test_a_command_that_the_client_may_not_find_is_a_warning(examined, home):
    program = home / "bin" / "testio-mcp"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}{SERVER}")
    program.chmod(0o755)
    here = version("testio-mcp")
    [found] = examined(testio=server(here, command="testio-mcp", PATH=str(program.parent)))
    assert (found.state, f"testio {here} in" in found.found) == ("warning", True)
    assert "may not find testio-mcp" in found.to_do
    [found] = examined(testio=server(here, command=str(program)))
    assert (found.state, found.to_do) == ("ok", None)


def test_an_address_under_our_name_is_a_warning(examined):
    [found] = examined(testio={"url": "http://127.0.0.1:9/mcp"})
    assert (found.state, "starts no program" in found.found) == ("warning", True)


def test_a_configuration_that_cannot_be_read_is_a_problem(examined, cursor, home):
    cursor.write_text("{oops")
    patient = Patient(Settings(_env_file=None, offline=True), home)
    found = patient.findings()["Cursor"]
    assert (found.state, "no valid JSON" in found.found) == ("problem", True)
    assert cursor.read_text() == "{oops"
