"""A sync that is killed, interrupted, out of disk or not allowed to write, and the one after it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from random import Random

import pytest
from tests.caches import SHOP, defects, ids, latest_run, rows, sync
from tests.e2e.reference import read_world
from tests.programs import ENDS_WITHIN, ENVIRONMENT
from tests.programs import start as start_program

from testio_mcp.app import open_app
from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.settings import Loaded, Settings

# What a first sync of the sandbox asks, and writes into the log at least.
REQUESTS, LOGGED_BYTES = 31, 4_000_000
LOOK_SECONDS = 0.001

MAIN = """
from testio_mcp.cli import main
sys.exit(main(sys.argv[2:]))
"""
# Starts a sync for every line of variables: importing all that it needs takes longer than to sync.
# A sync that is over waits to be killed, so that it cannot get away.
FORKING = """
import json, os, signal, sys
import testio_mcp.api.client
import testio_mcp.cli.sync
from testio_mcp.cli import main

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.environ.update(json.loads(line))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if main(["sync"]) == 0:
            signal.pause()
        os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
# No file grows beyond that many bytes. A compiled module cut short would outlive the test.
LIMITED = f"""
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
{MAIN}"""
# SQLite says the same of a full disk and of a file that has as many pages as it may have.
FULL = f"""
import sys
from sqlalchemy import Engine, event
@event.listens_for(Engine, "connect")
def limit(connection, record):
    connection.execute(f"PRAGMA max_page_count = {{sys.argv[1]}}")
{MAIN}"""
# Root passes over permissions unless it gives up the capability to.
WITHOUT_PRIVILEGES = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
if os.geteuid() == 0:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "testio_mcp", *sys.argv[1:]])
"""
# Ctrl-C at the first import of that module.
INTERRUPTED_AT_IMPORT = f"""
import signal, sys
class Interrupting:
    def find_spec(name, path, target=None):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting)
{MAIN}"""


@pytest.fixture(scope="module")
def forking():
    program = start_program(FORKING, start_new_session=True)
    yield program
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()


@pytest.fixture
def variables(sandbox, api_url, home):
    return {
        "HOME": str(home),
        "TESTIO_CUSTOMER_API_BASE_URL": api_url,
        "TESTIO_CUSTOMER_API_TOKEN": sandbox.token,
        "TESTIO_LOG_LEVEL": "error",
    }


@pytest.fixture
def start(variables):
    async def start(*arguments, source=None):
        program = ["-c", source] if source else ["-m", "testio_mcp"]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *map(str, arguments)),
            env=ENVIRONMENT | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def killed(forking, variables, path, sandbox):
    """Run a sync and kill it at a moment."""

    async def killed(reached):
        sandbox.reset_counts()
        forking.stdin.write(json.dumps(variables) + "\n")
        forking.stdin.flush()
        child = int(forking.stdout.readline())
        ending = asyncio.create_task(asyncio.to_thread(forking.stdout.readline))
        try:
            await until(lambda: sandbox.request_count, ending)
            before = path.stat().st_mtime_ns
            await until(lambda: reached(path.stat().st_mtime_ns != before), ending)
        finally:
            os.kill(child, signal.SIGKILL)
        assert int(await ending) == -signal.SIGKILL

    return killed


@pytest.fixture
def run(start):
    """Run a command to its end; gives its exit code and what it printed."""

    async def run(*arguments, source=None):
        return await ended(await start(*arguments, source=source))

    return run


@pytest.fixture
def refused(run):
    """Run a sync that cannot write; gives the one line that it prints."""

    async def refused(*arguments, source):
        code, out, err = await run(*arguments, source=source)
        assert (code, out) == (ExitCode.FAILED, ""), err
        assert err.startswith("testio-mcp: ")
        assert err.count("\n") == 1
        return err

    return refused


@pytest.fixture
def sync_here(sandbox, api_url, path):
    """Sync to the end in this process, which takes less time than to start another."""

    async def sync_here():
        settings = Settings(
            _env_file=None,
            home=path.parent,
            customer_api_base_url=api_url,
            customer_api_token=sandbox.token,
        )
        async with open_app(Loaded(settings, [], [])) as app:
            return await sync(app)

    return sync_here


@pytest.fixture
def assert_recovers(sync_here, path, sandbox, api_url):
    """The next sync has nothing to wait for, and the cache then equals what TestIO says."""

    async def assert_recovers():
        report = await sync_here()
        assert (report.state, report.incomplete) == ("ok", [])
        assert defects(path) == []
        assert_equals(path, await read_world(api_url, sandbox.token))

    return assert_recovers


def assert_equals(path, world):
    tests = [
        (test["id"], test["product_id"], test["title"], test["status"]) for test in world["tests"]
    ]
    assert living(path, "tests", "id, product_id, title, status") == sorted(tests)
    bugs = [(bug["id"], bug["test_id"], bug["title"], bug["status"]) for bug in world["bugs"]]
    assert living(path, "bugs", "id, test_id, title, status") == sorted(bugs)
    for table, kind in (("features", "features"), ("user_stories", "stories")):
        every = [id for of_product in world[kind].values() for id in of_product]
        assert ids(path, table, "deleted_at IS NULL") == sorted(every)


def living(path, table, columns):
    return sorted(rows(path, f"SELECT {columns} FROM {table} WHERE deleted_at IS NULL"))


def defects_of_copy(path):
    """A look at the file itself would mend what the next sync is to find as it was left."""
    copy = path.with_name("copy.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    return defects(copy)


async def until(reached, ending):
    """Look again and again; fails when the program ends before."""
    while not reached():
        ended, _ = await asyncio.wait({ending}, timeout=LOOK_SECONDS)
        assert not ended


async def ended(program):
    out, err = await program.communicate()
    return program.returncode, out.decode(), err.decode()


def log_of(path):
    """How many bytes the write-ahead log has."""
    try:
        return path.with_name("cache.db-wal").stat().st_size
    except FileNotFoundError:
        return 0


def moments(path, sandbox, chance):
    """While rows are written, at two requests, and while the log is moved into the file.

    Each says whether it is reached, given whether the log is being moved, which comes last.
    """
    size = chance.randrange(LOGGED_BYTES)
    first, second = sorted(chance.sample(range(1, REQUESTS), 2))
    return (
        # A later sync may have less to do than the first one.
        lambda is_moved: is_moved or log_of(path) >= size,
        lambda is_moved: is_moved or sandbox.request_count >= first,
        lambda is_moved: is_moved or sandbox.request_count >= second,
        lambda is_moved: is_moved,
    )


@pytest.mark.parametrize("seed", range(5))
async def test_killed_at_any_moment_the_cache_is_sound_and_the_next_sync_completes_it(
    killed, assert_recovers, path, sandbox, seed
):
    for reached in moments(path, sandbox, Random(seed)):
        await killed(reached)
        assert defects_of_copy(path) == []
        # So that the next one has something new to write.
        sandbox.world.add_bug(sandbox.world.add_test(SHOP))
    await assert_recovers()
    *cut_off, at_its_end, latest = rows(path, "SELECT status, error FROM sync_runs ORDER BY id")
    assert (at_its_end, latest) == (("ok", None), ("ok", None))
    assert set(cut_off) <= {("failed", "The process ended."), ("ok", None)}


async def test_a_killed_sync_holds_nobody_up_and_is_shown_as_failed(killed, run, path):
    await killed(lambda _: ids(path, "tests"))
    code, _, err = await run("sync")
    assert (code, err) == (ExitCode.OK, "")
    _, out, _ = await run("sync", "--status", "--json")
    status = json.loads(out)
    latest, before = status["syncs"]
    assert latest["state"] == "ok"
    assert (before["state"], before["error"]) == ("failed", "The process ended.")
    assert before["finished_at"] is not None
    assert status["lock_holder"] is None


async def test_interrupted_while_it_writes_it_keeps_what_it_says_it_keeps(
    start, assert_recovers, path, sandbox
):
    # So that it cannot end before, while what else is read is stored.
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, times=1, seconds=60))
    program = await start("sync")
    ending = asyncio.create_task(program.wait())
    await until(lambda: log_of(path) >= LOGGED_BYTES / 4, ending)
    program.send_signal(signal.SIGINT)
    code, out, err = await asyncio.wait_for(ended(program), ENDS_WITHIN)
    assert (code, out) == (ExitCode.INTERRUPTED, "")
    assert err == "testio-mcp: Interrupted. What was read until now is kept.\n"
    assert latest_run(path) == ("cancelled", None)
    assert ids(path, "tests")
    sandbox.faults.clear()
    await assert_recovers()


@pytest.mark.parametrize("module", ["testio_mcp.cli.sync", "sqlalchemy", "testio_mcp.api.client"])
async def test_interrupted_while_it_starts_it_says_so(run, module):
    code, out, err = await run(module, "sync", source=INTERRUPTED_AT_IMPORT)
    assert (code, out) == (ExitCode.INTERRUPTED, "")
    assert err.startswith("testio-mcp: Interrupted.")


async def test_a_full_disk_is_said_and_once_there_is_space_the_sync_completes(
    refused, assert_recovers, path
):
    [(pages,)] = rows(path, "PRAGMA page_count")
    assert "The disk is full" in await refused(pages + 50, "sync", source=FULL)
    assert defects(path) == []
    assert latest_run(path)[0] == "failed"
    await assert_recovers()


async def test_a_disk_that_fails_in_the_middle_of_a_write_is_said_and_damages_nothing(
    refused, assert_recovers, path
):
    assert "The disk reported an error" in await refused(600_000, "sync", source=LIMITED)
    assert defects_of_copy(path) == []
    await assert_recovers()


@pytest.mark.parametrize("limit", [0, 60_000])
async def test_a_disk_that_is_full_before_there_is_a_cache_is_said(
    refused, assert_recovers, path, limit
):
    path.unlink()
    assert "free disk space" in await refused(limit, "sync", source=LIMITED)
    await assert_recovers()


@contextmanager
def protected(*files):
    """Nobody but root may write these."""
    modes = [file.stat().st_mode for file in files]
    for file in files:
        file.chmod(0o500)
    yield
    for file, mode in zip(files, modes, strict=True):
        file.chmod(mode)


async def test_a_cache_that_may_not_be_written_is_said_and_left_as_it_was(refused, sync_here, path):
    await sync_here()
    folder, before = path.parent, path.read_bytes()
    for files in ([path], [folder], [*folder.iterdir(), folder]):
        with protected(*files):
            assert "Check the permissions" in await refused("sync", source=WITHOUT_PRIVILEGES)
        assert path.read_bytes() == before
    assert defects(path) == []


async def test_a_home_that_may_not_be_written_is_said(refused, home):
    with protected(home):
        said = await refused("sync", source=WITHOUT_PRIVILEGES)
    assert "cannot be used: Permission denied" in said
    assert "TESTIO_HOME" in said
