"""`testio-mcp setup`: the token, the clients and the first sync, repeated and undone."""

import io
import json
import sys

import pytest
from tests.caches import GAME, ids
from tests.e2e.setting_up.first_time import ALONE, NOWHERE, OTHER, TOKEN, entry
from tests.keyrings import Missing, in_use
from tests.terminals import converse

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.credentials import VARIABLE
from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")


def test_everything_is_set_up_without_a_person(run, url, home, cursor, token_file, keyring):
    (home / ".config" / "Claude").mkdir(parents=True)
    (home / ".claude").mkdir()
    done = run("setup", "--no-input", "--token-file", str(token_file), "--json")
    report = done.parsed["setup"]
    assert done.code == ExitCode.OK
    assert len(report["products"]) == 4
    assert report["products"][0]["name"] == "Fjordbank"
    assert report["token"] == "kept in the keyring of this computer"
    assert [*keyring.kept.values()] == [TOKEN]
    changes = {client["client"]: client["change"] for client in report["clients"]}
    assert changes == dict.fromkeys(("Claude Desktop", "Claude Code", "Cursor"), "added")
    assert report["sync"]["state"] == "ok"
    assert len(ids(home / ".testio-mcp" / "cache.db", "tests")) == 10
    assert entry(cursor)["command"].startswith("/")
    assert entry(cursor)["env"]["TESTIO_PRODUCT_IDS"] == str(GAME)
    assert entry(cursor) == entry(home / ".claude.json")


def test_it_names_the_products_and_ends_with_questions(run, url, cursor, token_file):
    done = run(*ALONE, "--token-file", str(token_file))
    assert done.code == ExitCode.OK
    assert "4: Fjordbank (1002)" in done.out
    _, _, questions = done.out.partition("Three questions to try")
    assert questions.count("\n- ") == 3


def test_what_it_wrote_starts_and_the_doctor_says_so(run, url, cursor, env_file, token_file):
    with in_use(Missing()):
        assert run(*ALONE, "--token-file", str(token_file)).code == ExitCode.OK
        done = run("doctor", "--json")
    found = {one["area"]: one for one in done.parsed["doctor"]["findings"]}
    assert (done.code, found["Cursor"]["state"]) == (ExitCode.OK, "ok")
    assert "starts testio" in found["Cursor"]["found"]
    assert found["token"]["found"] == "accepted, sees 4 products; from ~/.testio-mcp/.env"


def test_a_second_time_it_changes_nothing_and_asks_for_no_token(run, url, cursor, token_file):
    run(*ALONE, "--token-file", str(token_file))
    before = {path: path.read_bytes() for path in cursor.parent.iterdir()}
    done = run(*ALONE, "--json")
    [client] = done.parsed["setup"]["clients"]
    assert (done.code, client["change"], client["backup"]) == (ExitCode.OK, "unchanged", None)
    assert {path: path.read_bytes() for path in cursor.parent.iterdir()} == before


@pytest.mark.usefixtures("no_keyring")
def test_the_token_may_come_from_standard_input(run, url, env_file, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    assert run("setup", "--token-stdin", "--no-sync").code == ExitCode.OK
    assert env_file.read_text() == f"{VARIABLE}='{TOKEN}'\n"


def test_a_stored_token_is_what_commands_use(run, url, token_file, keyring, home):
    assert run(*ALONE, "--token-file", str(token_file)).code == ExitCode.OK
    assert keyring.kept
    assert not (home / ".testio-mcp" / ".env").exists()
    assert run("sync").code == ExitCode.OK


@pytest.mark.usefixtures("no_keyring")
def test_the_token_is_in_its_file_and_nowhere_else(run, url, home, cursor, env_file, token_file):
    done = run("--verbose", "setup", "--no-input", "--token-file", str(token_file))
    assert (done.code, TOKEN in done.out + done.err) == (ExitCode.OK, False)
    holding = {
        path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    }
    assert holding == {token_file, env_file}
    assert "~/.testio-mcp/.env, which only you may read" in done.out.replace("\\", "")
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_the_token_of_a_keyring_is_in_no_log(run, url, token_file, monkeypatch, sandbox):
    run(*ALONE, "--token-file", str(token_file))
    sandbox.faults.add(Fault("bugs/reject_reasons", FaultKind.STATUS, status=401))
    done = run("--verbose", "sync")
    assert (done.code, "DEBUG" in done.err) == (ExitCode.CREDENTIALS, True)
    assert TOKEN not in done.out + done.err


def test_a_token_that_stood_in_a_configuration_is_said_to_be_in_the_backup(
    run, url, cursor, token_file
):
    server = {"command": "testio-mcp", "args": ["serve"], "env": {VARIABLE: TOKEN}}
    cursor.write_text(json.dumps({"mcpServers": {"testio": server}}))
    done = run(*ALONE, "--token-file", str(token_file))
    [backup] = cursor.parent.glob("*.bak")
    assert (done.code, VARIABLE in entry(cursor)["env"]) == (ExitCode.OK, False)
    assert f"{backup.name} still holds it" in done.out
    assert TOKEN not in done.out


def test_a_place_for_the_token_may_be_chosen(run, url, keyring, env_file, token_file):
    given = ("--token-file", str(token_file))
    assert run(*ALONE, *given, "--store", "file").code == ExitCode.OK
    assert (TOKEN in env_file.read_text(), keyring.kept) == (True, {})
    # Later it is left where it is, unless it is said otherwise.
    assert run(*ALONE).code == ExitCode.OK
    assert (TOKEN in env_file.read_text(), keyring.kept) == (True, {})
    assert run(*ALONE, "--store", "keyring").code == ExitCode.OK
    assert (env_file.exists(), [*keyring.kept.values()]) == (False, [TOKEN])


def test_printing_changes_nothing_and_needs_nothing(run, home, cursor, monkeypatch):
    monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", NOWHERE)
    before = sorted(home.rglob("*"))
    done = run("setup", "--print")
    _, _, rest = done.out.partition("```json\n")
    printed = json.loads(rest.partition("```")[0])
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "~/.cursor/mcp.json" in done.out
    assert printed["mcpServers"]["testio"]["args"][-1] == "serve"
    assert run("setup", "--print", "--json").parsed["configuration"] == printed
    assert (sorted(home.rglob("*")), json.loads(cursor.read_text())) == (before, OTHER)


def test_one_client_may_be_named_and_need_not_have_run(run, url, home, cursor, token_file):
    done = run(*ALONE, "--token-file", str(token_file), "--client", "claude-code")
    assert (done.code, json.loads(cursor.read_text())) == (ExitCode.OK, OTHER)
    assert entry(home / ".claude.json")


def test_no_client_need_be_connected(run, url, cursor, token_file):
    done = run(*ALONE, "--token-file", str(token_file), "--client", "none", "--json")
    assert (done.code, done.parsed["setup"]["clients"]) == (ExitCode.OK, [])
    assert json.loads(cursor.read_text()) == OTHER


def test_settings_of_a_named_file_are_handed_on_as_that_file(
    run, url, cursor, tmp_path, token_file
):
    named = tmp_path / "customer.env"
    named.write_text("TESTIO_CUSTOMER_NAME=Nordwind")
    done = run(*ALONE, "--token-file", str(token_file), "--env-file", str(named))
    assert (done.code, entry(cursor)["args"][-2:]) == (0, ["--env-file", str(named)])


def test_a_token_in_the_terminal_is_kept_but_said_to_win(run, url, keyring, monkeypatch):
    monkeypatch.setenv(VARIABLE, TOKEN)
    done = run(*ALONE)
    assert (done.code, [*keyring.kept.values()]) == (ExitCode.OK, [TOKEN])
    assert f"{VARIABLE} is set in this terminal" in done.out.replace("\\", "")


def test_it_is_undone_with_the_token_only_on_request(run, url, cursor, token_file, keyring):
    run(*ALONE, "--token-file", str(token_file))
    done = run("setup", "--remove", "--no-input", "--json")
    [client] = done.parsed["setup"]["clients"]
    assert (done.code, client["change"], bool(keyring.kept)) == (ExitCode.OK, "removed", True)
    assert done.parsed["setup"]["notes"][0].startswith("Quit Cursor and start it again")
    assert json.loads(cursor.read_text()) == OTHER
    done = run("setup", "--remove", "--no-input", "--forget-token", "--json")
    assert done.parsed["setup"]["clients"][0]["change"] == "absent"
    assert done.parsed["setup"]["notes"][0].startswith("Nothing was connected")
    assert done.parsed["setup"]["token"] == "forgotten, was in the keyring of this computer"
    assert keyring.kept == {}


def test_forgetting_belongs_to_removing(run, url):
    assert run("setup", "--forget-token").code == ExitCode.USAGE


def test_a_person_is_asked_and_the_token_is_not_shown(url, home, cursor, env_file):
    (home / ".claude").mkdir()
    environment = {
        "HOME": str(home),
        "TESTIO_CUSTOMER_API_BASE_URL": url,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    code, shown = converse(
        environment,
        ("setup",),
        ("Your TestIO token", TOKEN),
        ("Connect Claude Code", "n"),
        ("Connect Cursor", ""),
        ("Read your data now?", "n"),
    )
    assert (code, TOKEN in shown) == (0, False)
    assert TOKEN in env_file.read_text()
    assert entry(cursor)["args"] == ["serve"]
    assert not (home / ".claude.json").exists()
