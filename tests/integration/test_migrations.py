"""The cache file is created and upgraded whole or not at all, by one process at a time."""

import shutil
import sqlite3
import stat
from contextlib import closing

import pytest
from alembic.config import Config as AlembicConfig
from pytest_alembic.config import Config
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import NullPool, create_engine
from tests.programs import finish, start

from testio_mcp.database.migrations import (
    SCRIPTS,
    DatabaseDamaged,
    current_revision,
    head_revision,
    migrate,
)
from testio_mcp.errors import DatabaseError, DatabaseNewer
from testio_mcp.tables import metadata

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]

# The next version of this program, whose migration is killed half-way.
NEXT = """
import os, signal
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"

def upgrade():
    op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))
    with op.batch_alter_table("products") as batch:
        batch.add_column(sa.Column("colour", sa.String()))
    {end}
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
FAILED = "op.execute('SELECT * FROM no_such_table')"

MIGRATE = """
import sys
from pathlib import Path
from testio_mcp.database import migrations
migrations.SCRIPTS = Path(sys.argv[2])
migrations.migrate(Path(sys.argv[1]), lock_timeout=30)
"""


@pytest.fixture
def alembic_config(alembic_engine):
    """With the engine where our env.py looks for it; in memory each command would begin anew."""
    config = AlembicConfig(attributes={"engine": alembic_engine})
    config.set_main_option("script_location", str(SCRIPTS))
    return Config(alembic_config=config)


@pytest.fixture
def alembic_engine(tmp_path):
    return create_engine(
        f"sqlite:///{tmp_path / 'alembic.db'}",
        poolclass=NullPool,
        connect_args={"isolation_level": None},
    )


@pytest.fixture
def next_version(tmp_path):
    """The folder of migrations of a later version; `end` is how its last one ends."""

    def write(end):
        scripts = tmp_path / f"scripts-{len(end)}"
        shutil.copytree(SCRIPTS, scripts)
        new = NEXT.format(head=head_revision(), end=end)
        (scripts / "versions" / "9001_next.py").write_text(new, encoding="utf-8")
        return scripts

    return write


def tables(path):
    with closing(sqlite3.connect(path)) as reader:
        return {name for (name,) in reader.execute("SELECT name FROM sqlite_master")}


def check(path):
    with closing(sqlite3.connect(path)) as reader:
        return [text for (text,) in reader.execute("PRAGMA integrity_check")]


def set_revision(path, revision):
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("UPDATE alembic_version SET version_num = ?", [revision])


def test_the_file_is_created_with_every_table(tmp_path):
    path = tmp_path / "new folder" / "cache.db"
    migrate(path, lock_timeout=1)
    assert set(metadata.tables) <= tables(path)
    assert current_revision(path) == head_revision()


def test_only_its_owner_may_read_the_cache(tmp_path):
    path = tmp_path / "new" / "cache.db"
    migrate(path, lock_timeout=1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(modes, 0o600)


def test_migrating_again_changes_nothing(path):
    before = path.read_bytes()
    migrate(path, lock_timeout=1)
    assert path.read_bytes() == before


def test_a_current_cache_costs_no_import_of_alembic(path):
    said = finish(
        start(
            f"{MIGRATE}\nprint('alembic' in sys.modules, 'sqlalchemy' in sys.modules)",
            path,
            SCRIPTS,
        )
    )
    assert said.split() == ["False", "False"]


def test_four_processes_that_start_at_once_all_succeed(tmp_path):
    path = tmp_path / "cache.db"
    for program in [start(MIGRATE, path, SCRIPTS) for _ in range(4)]:
        finish(program)
    assert current_revision(path) == head_revision()
    assert check(path) == ["ok"]


@pytest.mark.parametrize(
    ("end", "said"), [(KILLED, ""), (FAILED, "Nothing was changed.")], ids=["killed", "failed"]
)
def test_a_migration_cut_off_half_way_leaves_the_old_schema_and_the_next_one_succeeds(
    path, next_version, end, said
):
    before = tables(path)
    cut_off = start(MIGRATE, path, next_version(end))
    _, errors = cut_off.communicate(timeout=60)
    assert cut_off.returncode != 0
    assert said in errors
    assert current_revision(path) == head_revision()
    assert tables(path) == before
    assert check(path) == ["ok"]
    finish(start(MIGRATE, path, next_version("pass")))
    assert current_revision(path) == "9001"
    assert "extra" in tables(path)


def test_the_first_migration_cut_off_half_way_can_be_repeated(tmp_path, next_version):
    path = tmp_path / "cache.db"
    start(MIGRATE, path, next_version(KILLED)).communicate(timeout=60)
    migrate(path, lock_timeout=1)
    assert current_revision(path) == head_revision()


def test_a_newer_cache_is_refused_with_what_to_do(path):
    set_revision(path, "9999")
    with pytest.raises(DatabaseNewer, match="Update testio-mcp"):
        migrate(path, lock_timeout=1)


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (id)")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="another program's database"):
        migrate(path, lock_timeout=1)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_told_apart_and_left_alone(tmp_path):
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database at all " * 1000)
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged, match="is damaged"):
        migrate(path, lock_timeout=1)
    assert path.read_bytes() == before


def test_a_zero_length_file_becomes_a_cache(tmp_path):
    path = tmp_path / "cache.db"
    path.touch()
    migrate(path, lock_timeout=1)
    assert current_revision(path) == head_revision()


@pytest.mark.parametrize("name", ["file/cache.db", f"{'x' * 300}/cache.db"], ids=["file", "long"])
def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="TESTIO_DB_PATH"):
        migrate(tmp_path / name, lock_timeout=1)


def test_who_waits_too_long_for_another_migration_is_told_so(path, next_version):
    """The other one hangs inside its migration until its stdin ends."""
    hanging = "print('inside', flush=True); __import__('sys').stdin.read()"
    other = start(MIGRATE, path, next_version(hanging))
    assert other.stdout.readline() == "inside\n"
    late = start(MIGRATE.replace("lock_timeout=30", "lock_timeout=0.1"), path, next_version("pass"))
    _, errors = late.communicate(timeout=60)
    assert "TESTIO_LOCK_TIMEOUT" in errors.splitlines()[-1]
    finish(other)
    assert current_revision(path) == "9001"


HOLD = """
import os, signal, sqlite3, sys
writer = sqlite3.connect(sys.argv[1], isolation_level=None)
writer.execute("INSERT INTO customers VALUES (0, 'api.test.io')")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_look_at_the_revision_leaves_the_log_to_the_holder_of_the_sync_lock(path):
    start(HOLD, path).communicate()
    log = path.with_name("cache.db-wal")
    before = log.read_bytes()
    migrate(path, lock_timeout=30)
    assert log.read_bytes() == before
