"""One sync at a time, told apart from what a dead one left behind."""

import json
import os
import re
import signal
from contextlib import suppress

import pytest
from tests.programs import HOLD, finish, start

from testio_mcp.errors import SyncInProgress
from testio_mcp.sync.lock import SyncLock


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache.db"


@pytest.fixture
def elsewhere(cache):
    """A process that holds the lock."""
    program = start(HOLD, cache)
    assert program.stdout.readline() == "held\n"
    yield program
    if program.poll() is None:
        finish(program)
    for pipe in (program.stdin, program.stdout, program.stderr):
        with suppress(OSError):
            pipe.close()


def refusal(lock):
    with pytest.raises(SyncInProgress) as raised, lock.held():
        pass
    return str(raised.value)


def test_a_second_lock_of_the_same_process_is_refused_with_pid_and_age(cache):
    with SyncLock(cache).held():
        said = refusal(SyncLock(cache))
    assert re.match(rf"Sync in progress \(pid {os.getpid()}, \d+ s\)\. Retry in \d+ sec", said)


def test_the_same_lock_cannot_be_held_twice(cache):
    lock = SyncLock(cache)
    with lock.held():
        assert f"pid {os.getpid()}" in refusal(lock)
        assert lock.holder().pid == os.getpid()
    with lock.held():
        pass


def test_a_lock_held_by_another_process_is_refused_with_its_pid(cache, elsewhere):
    assert f"(pid {elsewhere.pid}, " in refusal(SyncLock(cache))
    finish(elsewhere)
    with SyncLock(cache).held():
        pass


def test_the_lock_of_a_killed_process_is_taken_over_at_once(cache, elsewhere):
    elsewhere.send_signal(signal.SIGKILL)
    elsewhere.wait()
    assert SyncLock(cache).holder() is None
    with SyncLock(cache).held():
        assert SyncLock(cache).holder().pid == os.getpid()


def test_the_note_of_a_process_whose_id_another_one_got_is_not_believed(cache):
    lock = SyncLock(cache)
    note = cache.with_name("sync.lock.holder.json")
    with lock.held():
        left_behind = json.loads(note.read_text())
    left_behind["started"] -= 3600
    note.write_text(json.dumps(left_behind))
    assert lock.holder() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}'])
def test_a_note_that_makes_no_sense_is_no_holder(cache, text):
    cache.with_name("sync.lock.holder.json").write_text(text)
    assert SyncLock(cache).holder() is None


def test_a_lock_whose_holder_left_no_note_is_refused_all_the_same(cache, elsewhere):
    cache.with_name("sync.lock.holder.json").unlink()
    assert "(by another process)" in refusal(SyncLock(cache))


def test_the_holder_is_named_with_its_command_and_start(cache):
    lock = SyncLock(cache)
    with lock.held():
        holder = lock.holder()
    assert holder.pid == os.getpid()
    assert holder.command
    assert holder.since_time.tzinfo is not None


def test_the_lock_file_outlives_its_holder(cache):
    with SyncLock(cache).held():
        file = cache.with_name("sync.lock").stat()
    with SyncLock(cache).held():
        again = cache.with_name("sync.lock").stat()
    assert (file.st_ino, cache.with_name("sync.lock").exists()) == (again.st_ino, True)


def test_the_lock_is_free_again_when_its_holder_failed(cache):
    with pytest.raises(ZeroDivisionError), SyncLock(cache).held():
        raise ZeroDivisionError
    assert SyncLock(cache).holder() is None
    with SyncLock(cache).held():
        pass


def test_caches_side_by_side_have_locks_of_their_own(tmp_path):
    with SyncLock(tmp_path / "cache.db").held(), SyncLock(tmp_path / "other.db").held():
        assert SyncLock(tmp_path / "other.db").holder().pid == os.getpid()


def test_only_its_owner_may_read_the_lock_and_its_note(cache):
    with SyncLock(cache).held():
        modes = {file.name: file.stat().st_mode & 0o777 for file in cache.parent.iterdir()}
    assert modes == dict.fromkeys(["sync.lock", "sync.lock.holder.json"], 0o600)
