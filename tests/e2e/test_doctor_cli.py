"""`testio-mcp doctor` as a command: what it prints, and what its exit code says."""

import pytest
from tests.caches import GAME
from tests.conftest import ANCHOR
from tests.keyrings import Memory, Missing, in_use
from tests.programs import finish, start
from tests.terminals import converse

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.credentials import VARIABLE
from testio_mcp.sandbox import Sandbox, Scale

pytestmark = pytest.mark.usefixtures("unhurried")

TOKEN = "0123-s3cr3t-token"
WITHOUT_SERVER = """
import sys
from testio_mcp.cli import main
code = main(sys.argv[1:])
assert not {"fastmcp", "mcp"} & {name.partition(".")[0] for name in sys.modules}
print(code)
"""


@pytest.fixture
def sandbox():
    return Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR, token=TOKEN)


@pytest.fixture(autouse=True)
def keyring():
    with in_use(Missing()):
        yield


def states(done):
    return {one["area"]: one["state"] for one in done.parsed["doctor"]["findings"]}


def test_warnings_end_with_zero_and_problems_with_one(run, url, home, monkeypatch):
    done = run("doctor", "--json")
    found = states(done)
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert (found["token"], found["cache"], found["clients"]) == ("ok", "warning", "warning")
    assert not (home / ".testio-mcp").exists()
    monkeypatch.setenv(VARIABLE, "wrong")
    done = run("doctor", "--json")
    assert (done.code, states(done)["token"]) == (ExitCode.FAILED, "problem")


def test_after_a_sync_everything_is_found_in_words(run, url):
    assert run("sync", "--product-ids", str(GAME)).code == ExitCode.OK
    done = run("doctor")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "| ok | last sync | ok " in done.out
    assert "**0 problems, 1 warning.**" in done.out
    assert f"| {VARIABLE} | (set) | the environment |" in done.out
    assert TOKEN not in done.out


def test_wrong_settings_are_findings_and_stop_nothing(run, url, monkeypatch):
    monkeypatch.setenv("TESTIO_HTTP_TIMEOUT", "soon")
    monkeypatch.setenv("TESTIO_PRODUKT_IDS", "1")
    done = run("doctor", "--env-file", "missing.env")
    assert (done.code, done.err) == (ExitCode.FAILED, "")
    for said in ("TESTIO_HTTP_TIMEOUT=30", "TESTIO_PRODUCT_IDS?", "no file missing.env"):
        assert said in done.out


def test_the_token_of_a_keyring_is_used_and_named_as_such(run, url, sandbox, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    with in_use(Memory()) as memory:
        memory.set_password("testio-mcp", "127.0.0.1, customer 0", TOKEN)
        done = run("--verbose", "doctor")
    assert (done.code, "from the keyring" in done.out) == (ExitCode.OK, True)
    assert TOKEN not in done.out + done.err


def test_fixing_says_what_it_did(run, url, path):
    path.write_bytes(b"garbage" * 1000)
    assert run("doctor").code == ExitCode.FAILED
    done = run("doctor", "--fix", "--json")
    assert done.code == ExitCode.OK
    assert any("moved to" in line for line in done.parsed["doctor"]["mended"])
    assert states(done)["integrity"] == "ok"


def test_on_a_terminal_a_table_is_drawn(home):
    environment = {"HOME": str(home), "TESTIO_OFFLINE": "1", "COLUMNS": "100", "TERM": "xterm"}
    code, shown = converse(environment, ("doctor",))
    assert code == ExitCode.FAILED
    assert "No TestIO token is set." in shown
    assert "\u2500" in shown
    assert "TESTIO_OFFLINE" in shown
    assert "| ---" not in shown


@pytest.mark.parametrize("arguments", [("doctor", "--json"), ("setup", "--print")])
def test_neither_command_needs_a_server(home, arguments):
    program = start(f"import os; os.environ['HOME'] = {str(home)!r}{WITHOUT_SERVER}", *arguments)
    assert finish(program).splitlines()[-1] in {"0", "1"}
