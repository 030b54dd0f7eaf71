"""Credentials of a customer's systems, and the token, are in no file that a sync leaves behind.

That they are in no answer either is checked by every question of these tests (conftest.py).
"""

import asyncio
import os
import sqlite3
import sys
import zlib
from contextlib import closing

import pytest
from tests.conftest import ANCHOR
from tests.e2e.upstream import FIRST, SECRET, complicate

from testio_mcp.sandbox import Sandbox, Scale

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def sandbox():
    return Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR, token=f"{SECRET}-token")


def written_in(folder):
    """The bytes of all files, and of what is compressed inside the cache."""
    found = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    with closing(sqlite3.connect(f"file:{folder / 'cache.db'}?mode=ro", uri=True)) as cache:
        for (table,) in cache.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            for row in cache.execute(f"SELECT * FROM {table}"):
                found += [unpacked(value) for value in row if isinstance(value, bytes)]
    return b"\n".join(found)


def unpacked(value):
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


async def test_a_server_stores_no_credential(server):
    secrets = server.world["secrets"]
    assert {SECRET in secret for secret in secrets} == {True}
    assert len(secrets) > 20
    written = written_in(server.home)
    # What was read beside them is there.
    assert b"Staging" in written
    assert b"lab.example" in written
    assert SECRET.encode() not in written


@pytest.mark.asyncio(loop_scope="function")
async def test_a_command_logs_and_prints_no_credential(home, sandbox, api_url, settings):
    complicate(sandbox.world, settings.zone)
    # What cannot be read is told about, without what it holds.
    broken = sandbox.world.test_ids(FIRST)[0]
    sandbox.world.drop_field("test", broken, "status")
    log = home / "logs" / "debug.log"
    environment = {
        **os.environ,
        "TESTIO_HOME": str(settings.home),
        "TESTIO_CUSTOMER_API_BASE_URL": api_url,
        "TESTIO_CUSTOMER_API_TOKEN": sandbox.token,
        "TESTIO_LOG_FILE": str(log),
    }
    command = (sys.executable, "-m", "testio_mcp", "--verbose", "sync")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdout=pipe, stderr=pipe, env=environment
    )
    printed = b"".join(await process.communicate())
    assert (process.returncode, str(broken).encode() in printed) == (3, True)
    assert log.read_bytes()
    assert SECRET.encode() not in printed + log.read_bytes() + written_in(settings.home)
