"""Where clients keep their configuration, what is written there, and what is left alone."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from testio_mcp.clients import files
from testio_mcp.clients.entries import Entry, is_ours, own_entry, withheld_from
from testio_mcp.clients.files import Change, put, remove, servers
from testio_mcp.clients.locations import ClientName, Computer, chosen, locations
from testio_mcp.errors import ConfigurationError

NOW = datetime(2026, 11, 21, 10, 48, 58, tzinfo=UTC)
TOKEN = "TESTIO_CUSTOMER_API_TOKEN"
ENTRY = Entry("/opt/bin/testio-mcp", ("serve",), {"TESTIO_CUSTOMER_ID": "1"})
DESKTOP = "claude_desktop_config.json"
OTHERS = {
    "theme": "dark",
    "mcpServers": {"b": {"url": "https://b.example"}, "a": {"command": "a", "args": ["x"]}},
    "projects": {"/tmp": {"history": ["Käthe \u2026"], "cost": 0.1}},
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "client" / "mcp.json"


@pytest.fixture
def write(file):
    def write(content):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return file

    return write


def add(file, entry=ENTRY, **options):
    return put(file, entry, secret=TOKEN, customer_id=1, now=NOW, **options)


def computer(platform, home, **environment):
    return Computer(platform, home, environment)


def found(computer, client):
    return [place.file for place in chosen(computer, [client]) if place.is_found]


@pytest.mark.parametrize(
    ("platform", "folder"),
    [("darwin", "Library/Application Support/Claude"), ("linux", ".config/Claude")],
)
def test_claude_desktop_is_found_by_its_folder(tmp_path, platform, folder):
    here = computer(platform, tmp_path)
    assert found(here, ClientName.CLAUDE_DESKTOP) == []
    (tmp_path / folder).mkdir(parents=True)
    assert found(here, ClientName.CLAUDE_DESKTOP) == [tmp_path / folder / DESKTOP]


def test_on_linux_the_configuration_may_lie_elsewhere(tmp_path):
    (tmp_path / "conf" / "Claude").mkdir(parents=True)
    here = computer("linux", tmp_path, XDG_CONFIG_HOME=str(tmp_path / "conf"))
    assert found(here, ClientName.CLAUDE_DESKTOP) == [tmp_path / "conf" / "Claude" / DESKTOP]


def test_on_windows_both_kinds_of_installation_are_found(tmp_path):
    roaming, local = tmp_path / "Roaming", tmp_path / "Local"
    here = computer("win32", tmp_path, APPDATA=str(roaming), LOCALAPPDATA=str(local))
    package = local / "Packages" / "Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    # Something else whose name begins like it.
    (local / "Packages" / "ClaudeMonet_1").mkdir()
    stored = package / "LocalCache" / "Roaming" / "Claude" / DESKTOP
    assert found(here, ClientName.CLAUDE_DESKTOP) == [stored]
    (roaming / "Claude").mkdir(parents=True)
    assert found(here, ClientName.CLAUDE_DESKTOP) == [stored, roaming / "Claude" / DESKTOP]


def test_on_windows_without_variables_the_home_leads_there(tmp_path):
    (tmp_path / "AppData" / "Roaming" / "Claude").mkdir(parents=True)
    [file] = found(computer("win32", tmp_path), ClientName.CLAUDE_DESKTOP)
    assert file == tmp_path / "AppData" / "Roaming" / "Claude" / DESKTOP


@pytest.mark.parametrize("platform", ["darwin", "linux", "win32"])
def test_claude_code_and_cursor_lie_in_the_home_everywhere(tmp_path, platform):
    here = computer(platform, tmp_path)
    assert chosen(here) == []
    (tmp_path / ".claude.json").write_text("{}")
    (tmp_path / ".cursor").mkdir()
    assert [(place.title, place.file) for place in chosen(here)] == [
        ("Claude Code", tmp_path / ".claude.json"),
        ("Cursor", tmp_path / ".cursor" / "mcp.json"),
    ]


def test_claude_code_may_keep_its_configuration_elsewhere(tmp_path):
    here = computer("linux", tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "code"))
    (tmp_path / ".claude").mkdir()
    assert found(here, ClientName.CLAUDE_CODE) == [tmp_path / "code" / ".claude.json"]


def test_a_client_that_is_named_is_chosen_wherever_it_would_be(tmp_path):
    (tmp_path / ".cursor").mkdir()
    here = computer("win32", tmp_path)
    [place] = chosen(here, [ClientName.CLAUDE_DESKTOP])
    assert (place.client, place.is_found) == (ClientName.CLAUDE_DESKTOP, False)
    assert {place.client for place in locations(here)} == set(ClientName)


def test_the_entry_starts_the_program_beside_the_interpreter(tmp_path):
    program = tmp_path / "testio-mcp"
    assert own_entry(tmp_path / "python", {}, {}).form() == {
        "command": str(tmp_path / "python"),
        "args": ["-m", "testio_mcp", "serve"],
        "env": {},
    }
    program.touch(mode=0o755)
    entry = own_entry(tmp_path / "python", {}, {}, "--env-file", "/x")
    assert (entry.command, entry.args) == (str(program), ("serve", "--env-file", "/x"))


def test_what_uv_only_unpacked_is_started_through_uv():
    interpreter = Path("/home/k/.cache/uv/archive-v0/Abc/bin/python")
    entry = own_entry(interpreter, {"UV": "/opt/uv"}, {})
    assert (entry.command, entry.args[:3]) == ("/opt/uv", ("tool", "run", "--from"))
    assert entry.args[3].startswith("testio-mcp @ file:")
    assert entry.args[4:] == ("testio-mcp", "serve")


def test_clients_are_told_the_way_through_the_network_but_no_password():
    environment = {
        "HTTPS_PROXY": "http://proxy.example:8080",
        "all_proxy": "http://kaethe:s3cr3t@proxy.example:8080",
        "SSL_CERT_FILE": "/etc/company.pem",
        "PATH": "/bin",
    }
    entry = own_entry(Path("/x/python"), environment, {"TESTIO_HOME": "/data"})
    assert entry.env == {
        "HTTPS_PROXY": "http://proxy.example:8080",
        "SSL_CERT_FILE": "/etc/company.pem",
        "TESTIO_HOME": "/data",
    }
    assert withheld_from(environment) == ["all_proxy"]


def test_an_entry_is_added_and_everything_else_stays_in_its_order(write):
    file = write(OTHERS)
    done = add(file)
    whole = json.loads(file.read_text("utf-8"))
    assert done.change is Change.ADDED
    assert whole["mcpServers"].pop("testio") == ENTRY.form()
    assert json.dumps(whole) == json.dumps(OTHERS)


def test_the_same_again_changes_nothing_and_leaves_no_backup(write):
    file = write(OTHERS)
    add(file)
    before, there = file.stat(), sorted(file.parent.iterdir())
    assert add(file) == files.Changed(Change.UNCHANGED)
    assert (file.stat(), sorted(file.parent.iterdir())) == (before, there)


def test_the_file_as_it_was_lies_beside_it_as_private_as_it_was(write):
    file = write(OTHERS)
    before = file.read_bytes()
    file.chmod(0o640)
    first, second = add(file).backup, remove(file, now=NOW).backup
    assert first.read_bytes() == before
    # Also within one second none is overwritten.
    assert json.loads(second.read_text("utf-8"))["mcpServers"]["testio"] == ENTRY.form()
    assert {path.stat().st_mode & 0o777 for path in (file, first, second)} == {0o640}
    assert sorted(file.parent.iterdir()) == sorted([file, first, second])


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xef\xbb\xbf{}", b'{"mcpServers": null}'])
def test_an_empty_configuration_is_as_good_as_any(write, file, content):
    if content is not None:
        write(content)
    assert add(file).change is Change.ADDED
    assert servers(file) == {"testio": ENTRY.form()}


def test_a_new_configuration_is_for_nobody_else(file):
    assert add(file).backup is None
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b'{"mcpServers": {}, // mine\n}',
        b'{"mcpServers": {},}',
        b"[]",
        b'{"mcpServers": []}',
        b'{"cost": NaN}',
        b'{"cost": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"name": "K\xe4the"}',
        b"{" * 5000,
    ],
)
def test_what_cannot_be_understood_is_refused_and_never_overwritten(write, content):
    file = write(content)
    with pytest.raises(ConfigurationError, match=r"left as it is\..*setup --print"):
        add(file)
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_settings_of_an_entry_stay_but_a_token_goes(write):
    env = {"TESTIO_PRODUCT_IDS": "1,2", TOKEN: "s3cr3t", "TESTIO_CUSTOMER_ID": "1"}
    old = {"type": "stdio", "command": "testio-mcp", "args": ["serve"], "env": env}
    file = write({"mcpServers": {"testio": old}})
    done = add(file)
    assert (done.change, done.had_secret) == (Change.UPDATED, True)
    assert done.kept == ("TESTIO_PRODUCT_IDS",)
    assert add(file).had_secret is False
    assert servers(file)["testio"] == {
        **ENTRY.form(),
        "type": "stdio",
        "env": {"TESTIO_PRODUCT_IDS": "1,2", "TESTIO_CUSTOMER_ID": "1"},
    }


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            {"url": "http://u:s3cr3t@127.0.0.1:9/mcp?k=s3cr3t"},
            "server at http://***@127.0.0.1:9/mcp.",
        ),
        ({"args": []}, "starts no program"),
        ({"command": "x", "env": {"TESTIO_CUSTOMER_ID": "7"}}, "is of customer 7"),
        ({"command": "x", "env": {"TESTIO_HOME": "/other"}}, "keeps its files in /other"),
        ({"command": "x", "args": ["serve", "--env-file", "/b.env"]}, "its settings from /b.env"),
        ({"command": "x", "args": ["serve", "--env-file=/b.env"]}, "its settings from /b.env"),
    ],
)
def test_another_entry_of_our_name_is_replaced_on_request_only(write, form, said):
    file = write({"mcpServers": {"testio": {**form, "timeout": 60}}})
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="--replace") as caught:
        add(file)
    assert said in caught.value.message
    assert "s3cr3t" not in str(caught.value)
    assert file.read_bytes() == before
    done = add(file, replaces=True)
    assert (done.change, done.backup.read_bytes()) == (Change.UPDATED, before)
    assert servers(file)["testio"] == ENTRY.form()


def test_an_entry_without_a_file_of_settings_is_another_than_one_with_it(write):
    file = write({"mcpServers": {"testio": {"command": "x", "args": ["serve"]}}})
    with pytest.raises(ConfigurationError, match="reads no settings from a file"):
        add(file, Entry("/x", ("serve", "--env-file", "/b.env")))


def test_an_entry_of_the_same_home_and_customer_is_continued(write):
    env = {"TESTIO_HOME": "~/.testio-mcp", "TESTIO_CUSTOMER_ID": "1"}
    file = write({"mcpServers": {"testio": {"command": "x", "env": env}}})
    assert add(file).change is Change.UPDATED


def test_half_an_emoji_survives(write):
    # JavaScript cuts text in the middle of one.
    file = write(b'{"history": ["\\ud83d"]}')
    add(file)
    assert json.loads(file.read_text("utf-8"))["history"] == ["\ud83d"]


def test_a_link_goes_on_to_lead_to_the_file(write, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(write(OTHERS))
    add(link)
    assert link.is_symlink()
    assert "testio" in servers(link.resolve())


def test_what_another_program_writes_at_the_same_moment_is_not_lost(write, monkeypatch):
    file = write(OTHERS)

    def interfere(source, target):
        file.write_bytes(b'{"new": true}')

    monkeypatch.setattr(shutil, "copymode", interfere)
    with pytest.raises(ConfigurationError, match="same moment"):
        add(file)
    assert file.read_bytes() == b'{"new": true}'


def test_a_file_that_may_not_be_written_is_said(write, monkeypatch):
    file = write(OTHERS)

    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        add(file)
    assert json.loads(file.read_bytes()) == OTHERS


def test_removing_takes_our_entry_only(write):
    file = write(OTHERS)
    add(file)
    assert remove(file, now=NOW).change is Change.REMOVED
    assert json.loads(file.read_text("utf-8")) == OTHERS
    assert remove(file, now=NOW) == files.Changed(Change.ABSENT)


def test_removing_from_no_file_makes_none(file):
    assert remove(file, now=NOW).change is Change.ABSENT
    assert not file.parent.exists()


@pytest.mark.parametrize(
    ("name", "form", "ours"),
    [
        ("testio", {"command": "anything"}, True),
        ("testio", {"url": "http://x"}, True),
        ("qa", {"command": r"C:\Tools\testio-mcp.exe"}, True),
        ("qa", {"command": "/opt/bin/testio-mcp", "args": None}, True),
        ("qa", {"command": "uvx", "args": ["testio-mcp"]}, True),
        ("qa", {"command": "python", "args": ["-m", "testio_mcp", "serve"]}, True),
        ("qa", {"command": "/opt/testio-mcp/other"}, False),
        ("qa", {"command": "npx", "args": ["testio-mcp-notes"]}, False),
        ("qa", {"url": "https://testio-mcp"}, False),
        ("qa", "testio-mcp", False),
    ],
)
def test_only_what_is_named_or_starts_testio_mcp_is_ours(name, form, ours):
    assert is_ours(name, form) is ours
