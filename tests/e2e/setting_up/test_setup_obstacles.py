"""`testio-mcp setup` where something stands in its way: what is left alone, and what is said."""

import json
import signal
import threading

import pytest
from tests.caches import GAME
from tests.e2e.commands import say_one_line
from tests.e2e.setting_up.first_time import ALONE, NOWHERE, OTHER, TOKEN, entry
from tests.keyrings import Locked, in_use

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.credentials import VARIABLE
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.sync.lock import SyncLock

pytestmark = pytest.mark.usefixtures("unhurried")


def test_a_client_that_starts_without_a_token_is_a_problem(run, url, cursor, monkeypatch, sandbox):
    cursor.write_text(json.dumps(run("setup", "--print", "--json").parsed["configuration"]))
    monkeypatch.setenv(VARIABLE, TOKEN)
    done = run("doctor", "--json")
    starts, lacks = [
        one for one in done.parsed["doctor"]["findings"] if one["area"].startswith("Cursor")
    ]
    assert lacks["area"] == "Cursor, answers"
    assert (done.code, starts["state"], lacks["state"]) == (ExitCode.FAILED, "ok", "problem")
    assert "No TestIO token is set." in lacks["found"]
    assert "in this terminal only" in lacks["to_do"]
    # It began no sync.
    assert {asked.path for asked in sandbox.requests} <= {"", "products"}


def untouched(cursor, env_file, keyring):
    return json.loads(cursor.read_text()) == OTHER and not env_file.exists() and not keyring.kept


@pytest.mark.parametrize("wrong", ["wrong", "two words", "k\u00e4the", ""])
def test_a_token_that_is_refused_is_not_kept(
    run, url, cursor, env_file, keyring, token_file, wrong
):
    token_file.write_text(wrong, encoding="utf-8")
    done = run(*ALONE, "--token-file", str(token_file))
    code = ExitCode.CREDENTIALS if wrong == "wrong" else ExitCode.USAGE
    assert (done.code, done.out) == (code, "")
    assert untouched(cursor, env_file, keyring)


@pytest.mark.usefixtures("no_keyring")
def test_a_keyring_that_is_chosen_must_be_there(run, url, cursor, env_file, token_file):
    done = run(*ALONE, "--token-file", str(token_file), "--store", "keyring", "--quiet")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert (json.loads(cursor.read_text()), env_file.exists()) == (OTHER, False)


def test_without_testio_nothing_is_kept(
    run, url, cursor, env_file, keyring, token_file, monkeypatch
):
    monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", NOWHERE)
    done = run(*ALONE, "--token-file", str(token_file), "--quiet")
    assert (done.code, say_one_line(done)) == (ExitCode.UNREACHABLE, True)
    assert untouched(cursor, env_file, keyring)


def test_without_a_token_or_a_person_it_is_said_how_to_give_one(run, url, cursor):
    done = run(*ALONE)
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert "--token-file" in done.err


def test_a_token_file_that_is_not_there_is_named(run, url):
    done = run(*ALONE, "--token-file", "missing.txt")
    assert (done.code, say_one_line(done)) == (2, True)
    assert "There is no file missing.txt." in done.err


def test_a_broken_configuration_keeps_no_other_client_from_being_connected(
    run, url, home, cursor, token_file
):
    broken = home / ".claude.json"
    broken.write_text("{oops")
    done = run(*ALONE, "--token-file", str(token_file), "--json")
    refused, added = done.parsed["setup"]["clients"]
    assert (done.code, refused["change"], added["change"]) == (ExitCode.FAILED, "refused", "added")
    assert "no valid JSON (line 1" in refused["reason"]
    told = run("setup", "--remove", "--no-input").out
    assert "by hand: testio-mcp setup --print shows what belongs there." in told
    assert broken.read_text() == "{oops"


def test_what_could_not_be_read_is_an_exit_code_of_its_own(run, url, token_file, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS))
    done = run("setup", "--no-input", "--token-file", str(token_file))
    assert (done.code, "could not be read" in done.out) == (ExitCode.INCOMPLETE, True)


def test_a_sync_that_fails_takes_nothing_back(run, url, token_file, cursor, keyring, sandbox):
    sandbox.faults.add(Fault("bugs/reject_reasons", FaultKind.STATUS, status=401))
    done = run("setup", "--no-input", "--token-file", str(token_file))
    assert (done.code, "refused the API token" in done.out) == (ExitCode.CREDENTIALS, True)
    assert (bool(keyring.kept), bool(entry(cursor))) == (True, True)


def test_while_another_process_syncs_the_rest_is_set_up(run, url, path, token_file, cursor):
    with SyncLock(path).held():
        done = run("setup", "--no-input", "--token-file", str(token_file))
    assert (done.code, "Sync in progress" in done.out) == (ExitCode.OK, True)
    assert entry(cursor)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_token_file_may_be_what_powershell_writes(run, url, keyring, token_file, encoding):
    # Only the first two write a mark at the beginning by themselves.
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    token_file.write_text(f"{mark}{TOKEN}\r\n", encoding=encoding)
    assert run(*ALONE, "--token-file", str(token_file)).code == ExitCode.OK
    assert [*keyring.kept.values()] == [TOKEN]


def test_a_block_page_is_not_told_as_a_bad_token(run, url, token_file, sandbox, cursor, keyring):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, status=403, html=True))
    done = run(*ALONE, "--token-file", str(token_file), "--quiet")
    assert (done.code, say_one_line(done)) == (ExitCode.UNREACHABLE, True)
    assert "block page" in done.err
    assert "refused the API token" not in done.err
    assert (json.loads(cursor.read_text()), keyring.kept) == (OTHER, {})


def test_a_proxy_with_a_password_is_not_handed_on_and_said(
    run, url, cursor, token_file, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://eve:hunter2@proxy.example:8080")
    monkeypatch.setenv("TESTIO_OFFLINE", "1")
    done = run(*ALONE, "--token-file", str(token_file), "--json")
    notes = done.parsed["setup"]["notes"]
    assert any("Not handed on: HTTPS_PROXY" in note and "Ask IT" in note for note in notes)
    # Nor is it handed on for good without a word that nothing may be asked.
    assert any("TESTIO_OFFLINE is set in this terminal and was handed" in note for note in notes)
    assert "HTTPS_PROXY" not in entry(cursor)["env"]
    assert "hunter2" not in done.out + done.err
    form = json.loads(cursor.read_text())
    form["mcpServers"]["testio"]["env"]["HTTPS_PROXY"] = "by hand"
    cursor.write_text(json.dumps(form))
    assert "Not handed on" not in run(*ALONE, "--json").out
    assert entry(cursor)["env"]["HTTPS_PROXY"] == "by hand"


def test_what_is_set_here_no_more_stays_in_an_entry_and_is_said(
    run, url, cursor, token_file, monkeypatch
):
    run(*ALONE, "--token-file", str(token_file))
    monkeypatch.delenv("TESTIO_PRODUCT_IDS")
    done = run(*ALONE)
    assert entry(cursor)["env"]["TESTIO_PRODUCT_IDS"] == str(GAME)
    said = done.out.replace("\\", "")
    assert "as it was written there before: TESTIO_PRODUCT_IDS." in said
    done = run(*ALONE, "--replace")
    assert "TESTIO_PRODUCT_IDS" not in entry(cursor)["env"]
    assert "as it was written there before" not in done.out


@pytest.mark.parametrize(
    "other",
    [
        {"url": "http://10.0.0.7:8000/mcp"},
        {"command": "testio-mcp", "env": {"TESTIO_CUSTOMER_ID": "7"}},
    ],
)
def test_another_entry_of_the_name_is_replaced_on_request_only(run, url, cursor, token_file, other):
    cursor.write_text(json.dumps({"mcpServers": {"testio": other}}))
    done = run(*ALONE, "--token-file", str(token_file), "--json")
    [client] = done.parsed["setup"]["clients"]
    assert (done.code, client["change"]) == (ExitCode.FAILED, "refused")
    assert "--replace" in client["reason"]
    assert entry(cursor) == other
    assert run(*ALONE, "--replace").code == ExitCode.OK
    assert entry(cursor)["args"][-1] == "serve"


def test_a_locked_keyring_keeps_nothing_else_from_being_undone(
    run, url, cursor, env_file, token_file
):
    with in_use(Locked()):
        run(*ALONE, "--token-file", str(token_file), "--store", "file")
        done = run("setup", "--remove", "--no-input", "--forget-token", "--json")
    report = done.parsed["setup"]
    assert (done.code, report["clients"][0]["change"]) == (ExitCode.FAILED, "removed")
    assert report["token"] == "forgotten, was in ~/.testio-mcp/.env"
    assert not env_file.exists()
    assert any("Unlock it, then run testio-mcp setup --remove" in one for one in report["notes"])


def test_an_interrupted_sync_does_not_lose_the_report(run, url, token_file, cursor, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=30))
    is_over = threading.Event()

    def interrupt():
        while not is_over.is_set():
            if "bugs" in {asked.path for asked in list(sandbox.requests)}:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                return

    person = threading.Thread(target=interrupt)
    person.start()
    done = run("setup", "--no-input", "--token-file", str(token_file))
    is_over.set()
    person.join()
    assert (done.code, "was interrupted" in done.out) == (ExitCode.INTERRUPTED, True)
    assert "4: Fjordbank" in done.out
    assert entry(cursor)
