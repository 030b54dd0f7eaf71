"""The command line: what it prints where, and what its exit code says."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import pytest
from tests.caches import GAME, change, ids, rows
from tests.conftest import ANCHOR
from tests.e2e.commands import say_one_line
from tests.programs import ENDS_WITHIN, ENVIRONMENT

from testio_mcp.cli import COMMANDS
from testio_mcp.cli.exit_codes import MEANINGS, ExitCode, exit_code
from testio_mcp.errors import TestIOMcpError
from testio_mcp.sandbox import Fault, FaultKind, Sandbox, Scale
from testio_mcp.sync.lock import SyncLock

pytestmark = pytest.mark.usefixtures("unhurried")

TOKEN = "0123-s3cr3t-token"
# Nothing listens there: ports below 1024 are given to nobody here.
NOWHERE = "http://127.0.0.1:9/customer/v2"
ONE_PRODUCT = ("--product-ids", str(GAME))


@pytest.fixture
def sandbox():
    return Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR, token=TOKEN)


def test_a_sync_prints_its_report_and_nothing_else(run, url, path, sandbox):
    done = run("sync", *ONE_PRODUCT)
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "| tests | 10 |" in done.out
    assert ids(path, "tests") == sorted(sandbox.world.test_ids(GAME))


def test_results_can_be_had_as_json(run, url, path):
    synced, status = run("sync", *ONE_PRODUCT, "--json"), run("sync", "--status", "--json")
    assert (synced.err, status.err) == ("", "")
    assert synced.parsed["sync"]["state"] == "ok"
    assert synced.parsed["sync"]["counts"]["tests"] == {"new": 10}
    [latest] = status.parsed["syncs"]
    assert latest == synced.parsed["sync"]
    assert status.parsed["lock_holder"] is None


def test_the_cache_is_created_by_the_first_command(run, url, home):
    assert run("sync", *ONE_PRODUCT).code == ExitCode.OK
    assert (home / ".testio-mcp" / "cache.db").is_file()


@pytest.mark.usefixtures("path")
def test_the_status_of_syncs_is_shown_without_any_network(run, monkeypatch):
    monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", NOWHERE)
    done = run("sync", "--status")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "No sync" in done.out


def test_the_status_of_syncs_names_who_syncs_now(run, path):
    with SyncLock(path).held():
        done = run("sync", "--status", "--json")
    assert done.parsed["lock_holder"]["pid"]


def test_since_and_force_are_passed_on(run, url, path):
    done = run("sync", *ONE_PRODUCT, "--since", "2026-10-01", "--force", "--json")
    [(options,)] = rows(path, "SELECT options FROM sync_runs")
    assert done.code == ExitCode.OK
    assert json.loads(options) == {
        "product_ids": [GAME],
        "since": "2026-10-01T00:00:00+00:00",
        "force": True,
    }


def test_without_a_token_it_is_said_where_to_put_one(run, path):
    done = run("sync")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert "TESTIO_CUSTOMER_API_TOKEN" in done.err
    assert "~/.testio-mcp/.env" in done.err


def test_a_wrong_setting_is_said_with_an_example(run, url, monkeypatch):
    monkeypatch.setenv("TESTIO_HTTP_TIMEOUT", "soon")
    done = run("sync")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert "TESTIO_HTTP_TIMEOUT=30" in done.err


def test_a_variable_nobody_reads_is_mentioned_once(run, url, path, monkeypatch):
    monkeypatch.setenv("TESTIO_PRODUKT_IDS", "1")
    done = run("sync", *ONE_PRODUCT)
    assert done.code == ExitCode.OK
    assert done.err.count("Did you mean TESTIO_PRODUCT_IDS?") == 1
    assert "PRODUKT" not in done.out


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["sync", "--since", "some day"], "last N days"),
        (["sync", "--product-ids", "7"], "1001, 1002, 1003, 1004"),
        (["sync", "--product-ids", "x"], "1,2"),
        (["sync", "--sinse", "today"], "--sinse"),
        (["synk"], "sync"),
        (["--env-file", "missing.env", "sync"], "missing.env"),
    ],
)
def test_wrong_arguments_are_said_with_what_would_be_right(run, url, arguments, hint):
    done = run(*arguments)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert hint in done.err
    assert "Traceback" not in done.err


def test_what_could_not_be_read_is_an_exit_code_of_its_own(run, url, path, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS))
    done = run("sync", *ONE_PRODUCT)
    assert (done.code, done.err) == (ExitCode.INCOMPLETE, "")
    assert "could not be read: TestIO answered 500" in done.out


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 401}, ExitCode.CREDENTIALS),
        ({"status": 403}, ExitCode.CREDENTIALS),
        ({"status": 503}, ExitCode.UNREACHABLE),
        ({"status": 400}, ExitCode.FAILED),
    ],
)
def test_a_failed_sync_is_a_line_and_a_code(run, url, path, sandbox, fault, code):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, **fault))
    done = run("sync")
    assert (done.code, say_one_line(done)) == (code, True)


def test_a_server_that_is_not_there_is_unreachable(run, url, path, monkeypatch):
    monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", NOWHERE)
    done = run("sync")
    assert (done.code, say_one_line(done)) == (ExitCode.UNREACHABLE, True)
    assert "could not be reached" in done.err


def test_while_another_sync_runs_it_is_said_whose(run, url, path):
    with SyncLock(path).held():
        done = run("sync")
    assert (done.code, say_one_line(done)) == (ExitCode.SYNC_RUNNING, True)
    assert "Sync in progress (pid" in done.err


def test_a_newer_cache_says_to_update(run, url, path):
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    for arguments in (["sync"], ["sync", "--status"]):
        done = run(*arguments)
        assert (done.code, say_one_line(done)) == (ExitCode.FAILED, True)
        assert "Update testio-mcp" in done.err


def test_a_cache_of_another_host_is_refused(run, url, path, monkeypatch):
    change(path, "INSERT INTO customers VALUES (0, 'api.test.io')")
    done = run("sync")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert "holds data of api.test.io" in done.err


def test_a_damaged_cache_is_moved_aside_said_and_built_anew(run, url, path):
    path.write_bytes(b"garbage" * 1000)
    done = run("sync", *ONE_PRODUCT)
    [damaged] = path.parent.glob("cache.db.damaged-*")
    assert done.code == ExitCode.OK
    assert damaged.name in done.err
    assert damaged.read_bytes() == b"garbage" * 1000
    assert len(ids(path, "tests")) == 10


def test_the_token_is_never_shown_not_even_when_everything_is_logged(run, url, path, sandbox):
    sandbox.faults.add(Fault("bugs/reject_reasons", FaultKind.STATUS, status=401))
    done = run("--verbose", "sync")
    assert done.code == ExitCode.CREDENTIALS
    assert "DEBUG" in done.err
    assert TOKEN not in done.out + done.err


def test_quiet_leaves_the_result_alone(run, url, path, monkeypatch):
    monkeypatch.setenv("TESTIO_PRODUKT_IDS", "1")
    done = run("sync", *ONE_PRODUCT, "--quiet")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "| tests | 10 |" in done.out


def test_settings_may_stand_in_a_named_file(run, url, path, tmp_path, monkeypatch):
    monkeypatch.delenv("TESTIO_CUSTOMER_API_TOKEN")
    file = tmp_path / "customer.env"
    file.write_text(f"TESTIO_CUSTOMER_API_TOKEN={TOKEN}")
    assert run("sync", *ONE_PRODUCT, "--env-file", str(file)).code == ExitCode.OK
    assert run("--env-file", str(file), "sync", *ONE_PRODUCT).code == ExitCode.OK


def test_the_version_is_told(run):
    done = run("--version")
    assert (done.code, done.out) == (0, f"testio-mcp {version('testio-mcp')}\n")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_explains_itself(run, command):
    done = run(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("usage: testio-mcp")
    for option in ("--env-file", "--verbose", "--quiet"):
        assert option in done.out


def test_every_command_is_in_the_overview(run):
    assert all(name in run("--help").out for name in COMMANDS)


def test_every_exit_code_has_a_meaning_and_every_error_a_code():
    assert set(MEANINGS) == set(ExitCode)
    kinds, pending = [], [TestIOMcpError]
    while pending:
        kind = pending.pop()
        kinds.append(kind)
        pending += kind.__subclasses__()
    codes = {exit_code(kind.__new__(kind)) for kind in kinds}
    assert codes <= set(ExitCode) - {ExitCode.OK}


def test_the_demo_asks_its_questions_and_shows_how_to_connect_a_client(run, home):
    done = run("demo")
    assert (done.code, "Traceback" in done.err) == (ExitCode.OK, False)
    for question in ("What runs right now?", "Which critical bugs are still open?"):
        assert question in done.out
    # To be pasted as it is, without spaces at the ends of its lines.
    assert '"mcpServers": {\n    "testio": {\n' in done.out
    assert '"--demo"' in done.out
    assert "testio-mcp setup asks for your token" in done.out
    assert "TESTIO_CUSTOMER_API_TOKEN" not in done.out
    assert "As of " in done.out
    assert list((home / ".testio-mcp" / "demo" / "processes").iterdir()) == []


def test_an_interrupted_sync_ends_at_once_and_keeps_the_cache_sound(url, path, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=30))
    command = [sys.executable, "-m", "testio_mcp", "sync", "--verbose"]
    environment = {**ENVIRONMENT, "HOME": str(path.parents[1])}
    environment |= {"TESTIO_CUSTOMER_API_BASE_URL": url, "TESTIO_CUSTOMER_API_TOKEN": TOKEN}
    program = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while "bugs" not in {asked.path for asked in list(sandbox.requests)}:
        assert program.poll() is None
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=ENDS_WITHIN)
    assert (program.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert err.splitlines()[-1].startswith("testio-mcp: Interrupted.")
    assert "Traceback" not in err
    with closing(sqlite3.connect(path)) as cache:
        [(status,)] = cache.execute("SELECT status FROM sync_runs")
    assert status == "cancelled"


def test_whoever_reads_the_output_may_leave(url):
    """As `testio-mcp problematic list --json | head -1` does."""
    command = [sys.executable, "-m", "testio_mcp", "sync", "--json", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        told = process.stderr.read()
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told
