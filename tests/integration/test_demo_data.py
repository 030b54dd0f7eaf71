"""The demo's data: the same for all of its processes, and never older than a week."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from tests.caches import GAME, sync
from tests.programs import finish, start

from testio_mcp.app import open_demo
from testio_mcp.sandbox.demo import Demo
from testio_mcp.services.syncs import SyncService
from testio_mcp.settings import Loaded, Settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

OPEN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from testio_mcp.sandbox.demo import Demo
demo = Demo(Path(sys.argv[1]), datetime.now(UTC))
print(demo.sandbox.world.anchor.isoformat(), flush=True)
sys.stdin.read()
demo.close()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "demo"


@pytest.fixture
def cache(folder):
    """A cache of an earlier demo."""
    folder.mkdir(parents=True)
    for suffix in ("", "-wal", "-shm"):
        (folder / f"cache.db{suffix}").write_text("old")
    return folder / "cache.db"


def bugs(demo):
    world = demo.sandbox.world
    return [world.bug(id) for test in world.test_ids(GAME) for id in world.bug_ids(test)]


def statuses(demo):
    world = demo.sandbox.world
    tests = [id for product in world.product_ids() for id in world.test_ids(product)]
    return {id: world.status(id) for id in tests}


def test_its_data_are_anchored_when_it_is_first_used(folder):
    demo = Demo(folder, NOW)
    assert demo.sandbox.world.anchor == NOW
    assert demo.sandbox.host_name == "sandbox:small:1"


def test_a_later_process_sees_the_same_data(folder):
    first = Demo(folder, NOW)
    second = Demo(folder, NOW + timedelta(days=3))
    assert second.sandbox.world.anchor == NOW
    assert bugs(second) == bugs(first)


def test_data_older_than_a_week_are_made_anew_with_their_cache(folder, cache):
    Demo(folder, NOW).close()
    cache.write_text("of the first week")
    later = NOW + timedelta(days=8)
    assert Demo(folder, later).sandbox.world.anchor == later
    assert list(folder.glob("cache.db*")) == []


def test_a_cache_without_its_anchor_is_not_trusted(folder, cache):
    Demo(folder, NOW)
    assert not cache.exists()


def test_old_data_are_kept_while_another_process_uses_them(folder):
    Demo(folder, NOW - timedelta(days=8)).close()
    (folder / "cache.db").write_text("in use")
    (folder / "processes" / str(os.getppid())).touch()
    assert Demo(folder, NOW).sandbox.world.anchor == NOW - timedelta(days=8)
    assert (folder / "cache.db").read_text() == "in use"


@pytest.mark.parametrize("note", ["4194999", ".DS_Store"], ids=["dead process", "no process"])
def test_a_note_of_nobody_keeps_nothing(folder, note):
    Demo(folder, NOW - timedelta(days=8)).close()
    (folder / "processes" / note).touch()
    assert Demo(folder, NOW).sandbox.world.anchor == NOW


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"anchor": "today"}', '{"anchor": "2026-11-01T00:00"}']
)
def test_an_anchor_that_makes_no_sense_is_made_anew(folder, text):
    folder.mkdir(parents=True)
    (folder / "demo.json").write_text(text)
    assert Demo(folder, NOW).sandbox.world.anchor == NOW


def test_the_world_moves_on_once_for_all_processes(folder):
    first, second = Demo(folder, NOW), Demo(folder, NOW)
    before = statuses(first)
    assert first.move_on()
    assert second.move_on()
    assert not first.move_on()
    assert statuses(first) == statuses(second) != before
    assert bugs(first) == bugs(second)
    third = Demo(folder, NOW)
    assert not third.move_on()
    assert bugs(third) == bugs(first)


def test_processes_that_start_at_once_agree_on_the_data(folder):
    processes = [start(OPEN, folder) for _ in range(3)]
    anchors = {process.stdout.readline() for process in processes}
    assert len(anchors) == 1
    assert len(list((folder / "processes").iterdir())) == 3
    for process in processes:
        finish(process)
    assert list((folder / "processes").iterdir()) == []


def test_only_its_owner_may_look_into_it(folder):
    demo = Demo(folder, NOW)
    for private in (folder.parent, folder, folder / "processes"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    demo.close()
    assert json.loads((folder / "demo.json").read_text())["anchor"] == NOW.isoformat()


async def test_it_works_whatever_the_settings_say_and_leaves_the_real_cache_alone(path, settings):
    before = path.read_bytes()
    wrong = settings.model_copy(update={"customer_api_token": None, "product_ids": (7,)})
    async with open_demo(Loaded(wrong, ["TESTIO_HTTP_TIMEOUT is not valid."], [])) as app:
        report = await sync(app)
        assert app.demo.move_on()
        changes = await sync(app)
        async with app.services.open(SyncService) as service:
            assert len(await service.history()) == 2
    assert (report.state, changes.state) == ("ok", "ok")
    assert changes.counts["bugs"]["new"]
    assert path.read_bytes() == before
    assert (settings.home / "demo" / "cache.db").is_file()


async def test_a_demo_that_was_closed_goes_on_where_it_was(settings):
    loaded = Loaded(Settings(_env_file=None, home=settings.home), [], [])
    async with open_demo(loaded) as app:
        await sync(app)
        app.demo.move_on()
        await sync(app)
    async with open_demo(loaded) as app:
        report = await sync(app)
        assert not app.demo.move_on()
    outcomes = {outcome for counts in report.counts.values() for outcome in counts}
    assert outcomes == {"unchanged"}
