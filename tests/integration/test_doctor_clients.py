"""Which clients are found, and whether what they would start really starts."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version

import pytest
from tests.examining import Patient

from testio_mcp.http_server import HEALTH_PATH
from testio_mcp.settings import Settings

# As a server of some version, which says of itself what the environment tells it to.
SERVER = """
import json, os, sys
for line in sys.stdin:
    request = json.loads(line)
    found = {"warnings": [], "problems": [], **json.loads(os.environ.get("FOUND", "{}"))}
    info = {"name": "testio", "version": sys.argv[1]}
    result = {"serverInfo": info, "structuredContent": {"diagnostics": found}}
    if "id" in request:
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        print(json.dumps(answer), flush=True)
"""
HERE = version("testio-mcp")
TOKEN = "TESTIO_CUSTOMER_API_TOKEN"


@pytest.fixture
def cursor(home):
    folder = home / ".cursor"
    folder.mkdir()
    return folder / "mcp.json"


@pytest.fixture
def examined(home, cursor):
    """The findings about Cursor with these servers; the other findings are of other tests."""
    settings = Settings(_env_file=None, offline=True)

    def examined(environment=None, **servers):
        cursor.write_text(json.dumps({"mcpServers": servers}))
        patient = Patient(settings, home, **(environment or {}))
        return found_of(patient, "Cursor")

    return examined


def found_of(patient, area):
    return [one for one in patient.examination().findings if one.area.startswith(area)]


def saying(**found):
    return server("-c", SERVER, HERE, FOUND=json.dumps(found))


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
    assert "'qa' in ~/.cursor/mcp.json by hand" in found.to_do
    assert (held.state, "holds the token" in held.found) == ("warning", True)


def test_a_program_that_is_gone_is_a_problem(examined):
    [found] = examined(testio=server(command="/gone/testio-mcp"))
    assert (found.state, "There is no program /gone/testio-mcp" in found.found) == ("problem", True)


def test_a_command_that_the_client_may_not_find_is_a_warning(examined, home):
    program = home / "bin" / "testio-mcp"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}{SERVER}")
    program.chmod(0o755)
    [found] = examined(testio=server(HERE, command="testio-mcp", PATH=str(program.parent)))
    assert (found.state, f"testio {HERE} in" in found.found) == ("warning", True)
    assert "may not find testio-mcp" in found.to_do
    [found] = examined(testio=server(HERE, command=str(program)))
    assert (found.state, found.to_do) == ("ok", None)


def test_what_is_neither_a_program_nor_an_address_is_a_problem(examined):
    [found] = examined(testio={"args": []})
    assert (found.state, "starts no program" in found.found) == ("problem", True)


def test_an_address_under_our_name_is_a_server_that_is_not_asked_offline(examined):
    [found] = examined(testio={"url": "http://user:s3cr3t@127.0.0.1:9/mcp?key=s3cr3t"})
    assert (found.state, found.to_do) == ("ok", None)
    assert "leads to a server at http://***@127.0.0.1:9/mcp, which was not asked" in found.found


async def test_a_server_behind_an_address_is_asked_whether_it_answers(home, cursor):
    async with answering(HEALTH_PATH) as port:
        cursor.write_text(
            json.dumps(
                {
                    "mcpServers": {
                        "testio": {"url": f"http://127.0.0.1:{port}/mcp"},
                        "testio-mcp": {"command": "/gone/testio-mcp"},
                    }
                }
            )
        )
        settings = Settings(_env_file=None, customer_api_base_url="http://127.0.0.1:9/v2")
        patient = Patient(settings, home)
        answers, *_ = await asyncio.to_thread(found_of, patient, "Cursor")
        assert (answers.state, "which answers" in answers.found) == ("ok", True)
    silent, *_ = await asyncio.to_thread(found_of, patient, "Cursor")
    assert (silent.state, "does not answer" in silent.found) == ("warning", True)
    assert "setup" not in silent.to_do


@asynccontextmanager
async def answering(path):
    """A server that knows this path alone."""

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        status = "200 OK" if head.split()[1].decode() == path else "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def test_an_entry_that_starts_but_cannot_work_is_a_problem_with_what_to_do(examined):
    entry = saying(
        problems=["TESTIO_HTTP_TIMEOUT is 'soon'."], warnings=["TESTIO_X is no setting."]
    )
    entry["env"]["TESTIO_HTTP_TIMEOUT"] = "soon"
    started, problem, warning = examined(testio=entry)
    assert [one.state for one in (started, problem, warning)] == ["ok", "problem", "warning"]
    areas = ["Cursor", "Cursor, answers", "Cursor, settings"]
    assert [one.area for one in (started, problem, warning)] == areas
    assert "starts, but: TESTIO_HTTP_TIMEOUT is 'soon'." in problem.found
    assert "TESTIO_HTTP_TIMEOUT in the env of 'testio' in ~/.cursor/mcp.json" in problem.to_do
    assert "TESTIO_X is no setting." in warning.found


def test_a_token_that_only_this_terminal_has_is_said(examined):
    entry = saying(problems=[f"No TestIO token is set. Set {TOKEN}."])
    _, problem = examined({TOKEN: "s3cr3t"}, testio=entry)
    assert "in this terminal only, which the client does not see" in problem.to_do
    _, problem = examined(testio=entry)
    assert "terminal" not in problem.to_do


def test_a_proxy_that_only_this_terminal_has_is_said_unless_testio_is_reached(examined):
    proxy = {"HTTPS_PROXY": "http://proxy.example:8080"}
    _, warning = examined(proxy, testio=saying())
    assert (warning.state, "HTTPS_PROXY: set in this terminal" in warning.found) == (
        "warning",
        True,
    )
    assert "testio-mcp setup" in warning.to_do
    assert len(examined(proxy, testio=saying(api={"reachable": True}))) == 1
    entry = saying()
    entry["env"] |= proxy
    assert len(examined(proxy, testio=entry)) == 1
    secret = {"HTTPS_PROXY": "http://eve:s3cr3t@proxy.example:8080"}
    _, warning = examined(secret, testio=saying())
    assert "Add HTTPS_PROXY to its env by hand" in warning.to_do
    assert "s3cr3t" not in str(warning)


def test_a_damaged_copy_is_not_opened_by_a_server_that_is_only_looked_at(examined, home):
    path = home / ".testio-mcp" / "cache.db"
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 1000)
    [found] = examined(testio=saying(problems=["asked"]))
    assert found.state == "ok"
    assert path.read_bytes() == b"garbage" * 1000


def test_an_entry_that_setup_would_not_write_is_to_be_changed_by_hand(examined, home):
    [found] = examined(qa=server("-c", SERVER, "0.0.1", "testio_mcp"))
    assert "Run testio-mcp setup" not in found.to_do
    assert "'qa' in ~/.cursor/mcp.json by hand" in found.to_do
    projects = {"/projects/shop": {"mcpServers": {"testio": server(command="/gone/testio-mcp")}}}
    (home / ".claude.json").write_text(json.dumps({"projects": {**projects, "/other": {}}}))
    [found] = found_of(Patient(Settings(_env_file=None, offline=True), home), "Claude Code")
    assert "'testio' of the project /projects/shop in ~/.claude.json" in found.found
    assert "by hand" in found.to_do


def test_an_installed_bundle_is_found_and_said_to_be_too_much_beside_an_entry(home):
    folder = home / ".config" / "Claude"
    for name, manifest in (("a", {"name": "other"}), ("b", {"name": "testio-mcp", "version": "9"})):
        place = folder / "Claude Extensions" / name
        place.mkdir(parents=True)
        (place / "manifest.json").write_text(json.dumps(manifest))
    patient = Patient(Settings(_env_file=None, offline=True), home)
    [found] = found_of(patient, "Claude Desktop")
    assert (found.state, "testio-mcp 9 is installed" in found.found) == ("ok", True)
    form = {"mcpServers": {"testio": {"url": "http://127.0.0.1:9"}}}
    (folder / "claude_desktop_config.json").write_text(json.dumps(form))
    found, _ = found_of(patient, "Claude Desktop")
    assert (found.state, "connected twice" in found.to_do) == ("warning", True)


def test_a_configuration_that_cannot_be_read_is_a_problem(examined, cursor, home):
    cursor.write_text("{oops")
    patient = Patient(Settings(_env_file=None, offline=True), home)
    found = patient.findings()["Cursor"]
    assert (found.state, "no valid JSON" in found.found) == ("problem", True)
    assert cursor.read_text() == "{oops"
