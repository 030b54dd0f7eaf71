"""Every fault of the sandbox met by every way in which the cache is filled.

Whatever happens, the cache holds what TestIO said at some time and loses none of it, everybody is
told what is missing, and once it is over the cache equals a twin that never met a fault.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fastmcp import Client
from tests.caches import copy_cache, defects, rows
from tests.e2e.troubles import QUESTIONS, REASONS, TROUBLES, Trouble
from tests.reading import OLD, Reader, served
from tests.twins import LATER, at, differing, invented, known, lost, move_on, small_sandbox, twins
from tests.watching import until

from testio_mcp.sandbox import FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

FRESH = {"state": "fresh"}
# Seconds: short where an answer is late, and else longer than any machine takes.
SHORT, LONG = 0.2, 30
# Hardly any, so that one background sync follows the other.
INTERVAL_SECONDS = 1e-6


@dataclass
class Server:
    client: Client[Any]
    reader: Reader

    async def sync(self):
        """How it ended, and what it said."""
        answer = await self.client.call_tool(
            "sync_data", {"wait_seconds": 15}, raise_on_error=False
        )
        if answer.is_error:
            return "failed", answer.content[0].text
        report = answer.structured_content["sync"]
        return report["state"], " ".join([report["error"] or "", *report["incomplete"]])

    async def ask(self):
        """How current each answer is, by question."""
        found = {}
        for name, (tool, arguments) in QUESTIONS.items():
            answer = await self.client.call_tool(tool, arguments)
            found[name] = answer.structured_content["freshness"]
        return found

    async def background_sync(self):
        """How the next one ends."""
        syncer = self.reader.app.syncer
        await until(lambda: syncer.current)
        run = syncer.current
        await run.done.wait()
        path = self.reader.app.settings.database_path
        query = "SELECT status, error, incomplete, trigger FROM sync_runs WHERE id = ?"
        [(status, error, incomplete, trigger)] = rows(path, query, run.run_id)
        assert trigger == "background"
        return status, " ".join([error or "", *json.loads(incomplete)])


class Syncing:
    """By the tool."""

    def __init__(self, start, twin, **settings):
        self.start, self.twin, self.settings = start, twin, settings

    async def begin(self, server: Server) -> None:
        """Nothing but the tool starts it."""

    async def run(self, server: Server):
        return await server.sync()

    async def meet(self, server: Server, trouble: Trouble) -> None:
        state, said = await self.run(server)
        is_first = self.start != "before"
        assert state == (trouble.state if is_first else trouble.later or trouble.state)
        assert (trouble.said in said) if state != "ok" else said.strip() == ""

    async def recover(self, server: Server, trouble: Trouble) -> None:
        assert await self.run(server) == ("ok", "")


class SyncingInBackground(Syncing):
    """Again and again, by the server itself."""

    async def run(self, server: Server):
        return await server.background_sync()

    async def begin(self, server: Server) -> None:
        server.reader.app.start_keeping_fresh()


class ReadingThrough(Syncing):
    """All that is cached is old: answers have it read again."""

    async def meet(self, server: Server, trouble: Trouble) -> None:
        server.reader.age()
        for name, freshness in (await server.ask()).items():
            if name not in trouble.answers:
                assert {**freshness, "as_of": None} == {**FRESH, "as_of": None}, name
                continue
            is_stale = freshness["state"] == "stale"
            assert freshness["as_of"].startswith(OLD[:4]) == is_stale, name
            said = " ".join([freshness.get("reason", ""), *freshness.get("incomplete", [])])
            assert (trouble.answered or trouble.said) in said, name

    async def recover(self, server: Server, trouble: Trouble) -> None:
        if trouble.needs_sync:
            assert await server.sync() == ("ok", "")
        server.reader.age()
        for name, freshness in (await server.ask()).items():
            assert {**freshness, "as_of": None} == {**FRESH, "as_of": None}, name


STAGES = {
    "first sync": Syncing(None, "first"),
    "incremental sync": Syncing("before", "after"),
    "read-through": ReadingThrough("before", "after"),
    "background sync": SyncingInBackground(
        "before", "after", refresh_interval_seconds=INTERVAL_SECONDS
    ),
}
in_every_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
with_every_trouble = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)


@pytest.fixture(scope="session")
def homes(template, tmp_path_factory):
    return twins(template, tmp_path_factory.mktemp)


@pytest.fixture(scope="session")
def known_by(homes):
    return {name: known(home / "cache.db") for name, home in homes.items()}


@pytest.fixture
def sandbox():
    """As it is after the changes."""
    sandbox = small_sandbox()
    move_on(sandbox.world)
    return sandbox


@in_every_stage
@with_every_trouble
async def test_nothing_is_lost_or_made_up_all_is_said_and_all_is_made_good(
    stage, trouble, settings, path, sandbox, homes, known_by
):
    cached = [known_by[name] for name in (stage.start, stage.twin) if name]
    if stage.start:
        copy_cache(homes[stage.start], path)
    is_late = any(fault.kind is FaultKind.DELAY for fault in trouble.faults)
    more = {"http_timeout": SHORT if is_late else LONG, "read_budget_seconds": LONG}
    with at(LATER):
        async with served(settings, sandbox, **more, **stage.settings) as (client, reader):
            server, whole = Server(client, reader), trouble.row(sandbox)
            trouble.begin(sandbox)
            await stage.begin(server)
            await stage.meet(server, trouble)
            assert_met(trouble, stage, sandbox)
            found = known(path)
            assert invented(found, *cached, unknown=trouble.unknown) == []
            may_lack = () if stage.start else trouble.lacks
            if trouble.state == "failed":
                assert differing(found, known_by[stage.start] if stage.start else {}) == []
            else:
                assert {table for table, _ in lost(found, *cached)} <= set(may_lack)
            trouble.end(sandbox, whole)
            await stage.recover(server, trouble)
    assert differing(known(path), known_by[stage.twin]) == []
    assert defects(path) == []
    assert rows(path, "SELECT kind, error FROM problems") == []


def assert_met(trouble, stage, sandbox):
    """No case passes because nobody asked for what fails."""
    asked = [(one.path, dict(parse_qsl(one.query))) for one in sandbox.requests]
    for fault in trouble.faults:
        # Answers read no reasons.
        is_asked = fault.path != REASONS or not isinstance(stage, ReadingThrough)
        assert any(fault.fits(*one) for one in asked) == is_asked
        assert fault.times is None or (fault not in sandbox.faults.active()) == is_asked


def test_the_matrix_has_every_kind_of_fault_and_more_than_a_hundred_cases():
    kinds = {fault.kind for trouble in TROUBLES.values() for fault in trouble.faults}
    assert kinds == set(FaultKind)
    assert len(TROUBLES) * len(STAGES) > 100
