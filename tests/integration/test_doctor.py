"""What is found on a computer: the program, settings, the disk, the cache, and its syncs."""

import json
import shutil
import sqlite3
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from functools import partial

import psutil
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine
from tests.caches import change, rows
from tests.examining import Patient, judged
from tests.factories import CustomerFactory, ProblemFactory, ProductFactory
from tests.programs import HOLD, finish, start

from testio_mcp.database.migrations import SCRIPTS
from testio_mcp.services.doctor import program
from testio_mcp.services.doctor.findings import Case
from testio_mcp.services.doctor.settings import check as settings_check
from testio_mcp.settings import Settings, load_settings
from testio_mcp.sync.lock import SyncLock

# Nobody connected a client here, and nobody set a token.
NOT_SET_UP = {"token": "problem", "clients": "warning"}


@pytest.fixture
def settings(home):
    return Settings(_env_file=None, offline=True, customer_api_base_url="http://127.0.0.1:9/v2")


@pytest.fixture
def patient(settings, home):
    return Patient(settings, home)


@pytest.fixture
def synced_path(synced_path):
    """As if it were synced just now, and from the host of the settings."""
    synced_path.parent.chmod(0o700)
    for file in synced_path.parent.iterdir():
        file.chmod(0o600)
    now = datetime.now(UTC).isoformat(sep=" ")
    change(synced_path, "UPDATE customers SET host = '127.0.0.1'")
    change(synced_path, "UPDATE sync_runs SET started_at = ?", now)
    return synced_path


def test_a_new_computer_lacks_a_token_a_copy_and_a_client_and_is_told_what_to_do(patient, home):
    found = patient.findings()
    assert judged(found) == {**NOT_SET_UP, "cache": "warning"}
    assert all(one.to_do for one in found.values() if one.state != "ok")
    assert not (home / ".testio-mcp").exists()


def test_a_synced_copy_is_as_it_should_be_and_stays_as_it_is(patient, synced_path):
    before = {path: path.read_bytes() for path in synced_path.parent.iterdir()}
    found = patient.findings(mend=True)
    assert judged(found) == NOT_SET_UP
    assert (found["last sync"].found[:3], patient.mended) == ("ok ", [])
    assert synced_path.read_bytes() == before[synced_path]


def test_versions_are_told_with_the_verdict_about_sqlite(patient, monkeypatch):
    found = patient.findings()
    assert "on Python 3." in found["program"].found
    assert "fastmcp 4." in found["packages"].found
    said = f"SQLite {sqlite3.sqlite_version}, which can do all that testio-mcp needs"
    assert (found["SQLite"].state, found["SQLite"].found) == ("ok", said)
    monkeypatch.setattr(program, "has_fts5", lambda: False)
    assert patient.states("SQLite") == ["problem"]


def test_settings_are_told_with_their_source_and_secrets_masked(home, monkeypatch):
    folder = home / ".testio-mcp"
    folder.mkdir(mode=0o700)
    (folder / ".env").write_text("TESTIO_CUSTOMER_NAME=Nordwind\nTESTIO_REVIEW_DAYS=7")
    environment = {
        "TESTIO_CUSTOMER_API_TOKEN": "s3cr3t",
        "TESTIO_REVIEW_DAYS": "8",
        "TESTIO_CUSTOMER_API_BASE_URL": "http://kaethe:passw0rd@127.0.0.1:9/v2",
        "TESTIO_OFFLINE": "yes",
        "TESTIO_TIMEZONE": "Mars",
        "TESTIO_PRODUKT_IDS": "1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    patient = Patient(loaded.settings, home, **environment)
    patient.problems, patient.warnings = loaded.problems, loaded.warnings
    examination = patient.examination()
    shown = {one.variable: (one.value, one.source) for one in examination.settings}
    assert shown["TESTIO_CUSTOMER_API_TOKEN"] == ("(set)", "the environment")
    assert shown["TESTIO_REVIEW_DAYS"] == ("8", "the environment")
    assert shown["TESTIO_HTTP_TIMEOUT"][1] == "default"
    said = {(one.state, one.found) for one in examination.findings if one.area == "settings"}
    [*_, made] = settings_check(Case(loaded, patient.computer))
    where = "in the environment and in ~/.testio-mcp/.env"
    assert made.found.startswith(f"6 settings are made, {where}; all others")
    assert ("warning", loaded.warnings[0]) in said
    assert "Did you mean TESTIO_PRODUCT_IDS?" in loaded.warnings[0]
    [problem] = [one for one in examination.findings if "Mars" in one.found]
    assert (problem.state, "TESTIO_TIMEZONE=Europe/Berlin" in problem.to_do) == ("problem", True)
    dumped = examination.model_dump_json()
    assert "s3cr3t" not in dumped
    assert "passw0rd" not in dumped


@pytest.mark.parametrize(
    ("free", "state"), [(50_000_000, "problem"), (500_000_000, "warning"), (5_000_000_000, "ok")]
)
def test_a_full_disk_is_found(patient, monkeypatch, free, state):
    Usage = namedtuple("Usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free))
    assert patient.states("disk") == [state]


@pytest.mark.parametrize(
    ("fstype", "opts", "state"),
    [("ext4", "rw", "ok"), ("nfs4", "rw", "problem"), ("NTFS", "rw,remote", "problem")],
)
def test_a_network_drive_is_found(patient, home, monkeypatch, fstype, opts, state):
    Disk = namedtuple("Disk", "mountpoint fstype opts")
    disks = [Disk("/", "ext4", "rw"), Disk(str(home), fstype, opts), Disk("/else", "nfs", "rw")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: disks)
    assert patient.states("drive") == [state]


def test_a_folder_that_a_service_copies_is_found(settings, home):
    elsewhere = home / "OneDrive - Nordwind" / "testio"
    elsewhere.mkdir(parents=True)
    patient = Patient(settings.model_copy(update={"home": elsewhere}), home)
    found = patient.findings()["drive"]
    assert (found.state, "OneDrive" in found.found) == ("warning", True)


def test_files_that_others_may_read_are_found_and_closed(patient, synced_path):
    (synced_path.parent / ".env").touch(0o644)
    synced_path.chmod(0o640)
    assert patient.states("permissions") == ["warning"]
    assert patient.states("permissions", mend=True) == ["ok"]
    assert synced_path.stat().st_mode & 0o777 == 0o600
    assert ".env" in patient.mended[0]
    assert "cache.db" in patient.mended[0]


def damage_head(path):
    path.write_bytes(b"garbage" * 1000)


def damage_pages(path):
    """SQLite opens the file, and finds its pages filled with something else."""
    change(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))


@pytest.mark.parametrize("damage", [damage_head, damage_pages])
def test_a_damaged_copy_is_found_and_moved_aside_on_request_only(patient, synced_path, damage):
    damage(synced_path)
    broken = synced_path.read_bytes()
    found = patient.findings()
    assert (found["integrity"].state, "--fix" in found["integrity"].to_do) == ("problem", True)
    assert "cannot be read again" in found["integrity"].to_do
    assert synced_path.read_bytes() == broken
    found = patient.findings(mend=True)
    assert found["integrity"].state == "ok"
    assert found["last sync"].found == "No sync has run yet."
    [aside] = [file for file in synced_path.parent.glob("*.damaged-*") if file.name[-1].isdigit()]
    assert aside.read_bytes() == broken
    assert aside.name in patient.mended[0]
    assert "What changed when" in patient.mended[0]


def test_a_damaged_copy_that_another_process_syncs_is_left(patient, synced_path):
    damage_head(synced_path)
    program = start(HOLD, synced_path)
    program.stdout.readline()
    examination = patient.examination(mend=True)
    finish(program)
    assert (examination.mended, examination.is_sound) == ([], False)
    said = [one.found for one in examination.findings if one.area == "cache"]
    assert any("Sync in progress" in sentence for sentence in said)
    assert synced_path.read_bytes() == b"garbage" * 1000


def test_a_newer_copy_says_to_update(patient, synced_path):
    change(synced_path, "UPDATE alembic_version SET version_num = '9999'")
    found = patient.findings(mend=True)
    assert (found["cache"].state, "Update testio-mcp" in found["cache"].to_do) == ("problem", True)
    assert rows(synced_path, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_an_older_copy_is_brought_up_to_date_on_request(patient, path):
    path.unlink()
    connect = partial(sqlite3.connect, path, isolation_level=None)
    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)
    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", str(SCRIPTS))
    command.upgrade(config, "0001")
    found = patient.findings()["cache"]
    assert (found.state, "next start" in found.to_do) == ("warning", True)
    assert patient.states("cache", "search", mend=True) == ["ok", "ok"]
    assert "from schema 0001" in patient.mended[-1]


def test_another_programs_database_is_a_problem_and_left(patient, path):
    path.unlink()
    change(path, "CREATE TABLE songs (title)")
    found = patient.findings(mend=True)
    assert (found["cache"].state, "TESTIO_DB_PATH" in found["cache"].to_do) == ("problem", True)
    assert rows(path, "SELECT name FROM sqlite_master") == [("songs",)]


@pytest.mark.parametrize(
    ("statement", "to_do"),
    [
        ("UPDATE customers SET host = 'api.test.io'", "TESTIO_CUSTOMER_API_BASE_URL"),
        ("INSERT INTO customers (id, host) VALUES (7, '127.0.0.1')", "TESTIO_CUSTOMER_ID=7"),
    ],
)
def test_data_of_another_customer_or_host_is_found(patient, synced_path, statement, to_do):
    change(synced_path, statement)
    found = patient.findings()["customer"]
    assert (found.state, to_do in found.to_do) == ("problem", True)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO search_bugs(search_bugs) VALUES ('delete-all')",
        "DROP TRIGGER search_bugs_after_insert",
    ],
)
def test_an_index_of_words_that_is_wrong_is_found_and_built_anew(patient, synced_path, statement):
    change(synced_path, statement)
    assert patient.states("integrity", "search") == ["ok", "problem"]
    assert patient.states("search", mend=True) == ["ok"]
    assert patient.mended == ["The index of words was built anew."]
    [(hits,)] = rows(synced_path, "SELECT count(*) FROM search_bugs WHERE search_bugs MATCH 'the'")
    assert hits


def test_while_another_process_writes_the_index_is_not_looked_at(patient, synced_path):
    writer = sqlite3.connect(synced_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    found = patient.findings()["search"]
    writer.close()
    assert (found.state, "another process" in found.found) == ("warning", True)


def test_who_syncs_now_is_named_and_when_it_seems_stuck(patient, synced_path):
    with SyncLock(synced_path).held():
        found = patient.findings()["sync lock"]
        assert (found.state, "pid" in found.found) == ("ok", True)
        [note] = synced_path.parent.glob("*.holder.json")
        since = (datetime.now(UTC) - timedelta(hours=7)).isoformat()
        note.write_text(json.dumps({**json.loads(note.read_text()), "since": since}))
        assert patient.states("sync lock") == ["warning"]
    assert patient.findings()["sync lock"].found == "nobody syncs now"


@pytest.mark.parametrize(
    ("statement", "state", "said"),
    [
        (
            "UPDATE sync_runs SET status = 'failed', error = 'TestIO answered 503.'",
            "warning",
            "503",
        ),
        ("UPDATE sync_runs SET started_at = '2026-01-01 00:00:00'", "warning", "days ago"),
        ("UPDATE sync_runs SET status = 'partial'", "ok", "partial"),
        ("DELETE FROM sync_runs", "warning", "No sync has run yet."),
    ],
)
def test_the_last_sync_is_judged(patient, synced_path, statement, state, said):
    change(synced_path, statement)
    found = patient.findings()["last sync"]
    assert (found.state, said in found.found) == (state, True)


async def test_what_could_not_be_read_is_counted(patient, database, save):
    await save(CustomerFactory(id=0, host="127.0.0.1"), ProductFactory(id=1))
    assert (await patient.beside_servers())["could not be read"].found == "nothing"
    await save(ProblemFactory(product_id=1))
    found = (await patient.beside_servers())["could not be read"]
    assert (found.state, found.found) == ("warning", "1 thing could not be read.")
    assert "problematic list" in found.to_do


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(patient, synced_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "no")

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    found = patient.findings()
    assert (found["disk"].state, "PermissionError" in found["disk"].found) == ("problem", True)
    assert found["integrity"].state == "ok"
