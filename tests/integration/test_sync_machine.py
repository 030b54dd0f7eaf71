"""Any sequence of changes, faults, syncs and crashes: nothing is made up, and all is made good."""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from pydantic import SecretStr
from tests.caches import GAME, defects, rows, sync
from tests.conftest import ANCHOR
from tests.integration.changing_world import FINAL, ChangingWorld, picks

from testio_mcp.app import Source, open_app
from testio_mcp.domain.syncs import SyncOptions, Trigger
from testio_mcp.errors import TestIOMcpError
from testio_mcp.sandbox import serving
from testio_mcp.settings import Loaded, Settings

SINCE = ANCHOR - timedelta(days=120)


class Syncing(ChangingWorld):
    def __init__(self, template):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp())
        self.path = self.home / "cache.db"
        shutil.copy(template, self.path)
        self.run(self.open())

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    async def open(self):
        self.stack = AsyncExitStack()
        self.url = await self.stack.enter_async_context(serving(self.sandbox))
        await self.open_app()

    async def open_app(self):
        chosen = Settings(_env_file=None, home=self.home, refresh_interval_seconds=0)
        source = Source(self.url, SecretStr(self.sandbox.token), self.sandbox.host_name)
        self.opened = open_app(Loaded(chosen, [], []), source)
        self.app = await self.opened.__aenter__()

    async def close_app(self):
        await self.opened.__aexit__(None, None, None)

    def teardown(self):
        try:
            self.settle()
        finally:
            self.run(self.close_app())
            self.run(self.stack.aclose())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.home)

    def stored_tests(self, where="deleted_at IS NULL"):
        found = rows(self.path, f"SELECT id, product_id, title, status FROM tests WHERE {where}")
        features = {}
        for test, feature in rows(self.path, "SELECT test_id, feature_id FROM test_features"):
            features.setdefault(test, []).append(feature)
        return {(*row, tuple(sorted(features.get(row[0], [])))) for row in found}

    def stored_bugs(self, where="deleted_at IS NULL"):
        columns = "id, test_id, title, severity, status"
        return set(rows(self.path, f"SELECT {columns} FROM bugs WHERE {where}"))

    def problems(self):
        return rows(self.path, "SELECT kind, product_id, item_id, positions, error FROM problems")

    # What we do

    @rule()
    def sync_the_news(self):
        self.sync()

    @rule()
    def sync_everything(self):
        self.sync(force=True)

    @rule(force=st.booleans())
    def sync_since(self, force):
        self.sync(since=f"since {SINCE:%Y-%m-%d}", force=force)

    @rule(force=st.booleans())
    def sync_one_product(self, force):
        self.sync(product_ids=(GAME,), force=force)

    def sync(self, **options):
        changing = {id for id, *_ in self.stored_tests(f"status NOT IN {FINAL}")}
        try:
            report = self.run(sync(self.app, **options))
        except TestIOMcpError:
            if self.faults_are_on:
                return None
            raise
        assert (report.state == "ok") == (report.incomplete == []), report
        if report.state == "ok":
            self.assert_nothing_is_missing(options, changing)
        return report

    @rule(
        requests=st.integers(1, 20),
        force=st.booleans(),
        pick=picks,
        change=st.sampled_from(
            [
                "a_test_moves",
                "a_test_ends_at_another_time",
                "a_test_is_deleted",
                "a_test_comes_back",
                "a_bug_is_deleted",
                "a_bug_moves",
                "a_test_makes_no_sense",
            ]
        ),
    )
    def it_changes_during_a_sync(self, requests, force, pick, change):
        arguments = {"a_test_moves": {"status": "locked"}, "a_bug_moves": {"status": "rejected"}}
        arguments["a_test_ends_at_another_time"] = {"age": pick % 200}
        left = [None] * requests

        def look(path, query):
            if left:
                left.pop()
                if not left:
                    getattr(self, change)(pick=pick, **arguments.get(change, {}))

        self.watched.looks.append(look)
        try:
            self.run(sync(self.app, force=force))
        except TestIOMcpError:
            if not self.faults_are_on:
                raise
        self.watched.looks.clear()

    def assert_nothing_is_missing(self, options, changing):
        products = options.get("product_ids") or tuple(self.world.product_ids())
        for product in products:
            if options.get("since"):
                self.assert_the_recent_equals(product)
            elif options.get("force"):
                self.assert_equals(product)
            else:
                self.assert_equals(product, only=changing)

    def assert_the_recent_equals(self, product):
        since = SINCE.timestamp()
        recent = {id for id in self.world.test_ids(product) if self.world.end_of(id) >= since}
        stored = {row for row in self.stored_tests() if row[0] in recent}
        assert {row[0] for row in stored} >= recent - self.unannounced

    def assert_equals(self, product, only=None):
        tests = self.world.test_ids(product)
        ours = f"deleted_at IS NULL AND product_id = {product}"
        bugs = set().union(*map(self.bugs_upstream, tests))
        there = {self.test_upstream(id) for id in tests}, bugs
        here = self.stored_tests(ours), self.stored_bugs(ours)
        for of_test, (found, said) in enumerate(zip(here, there, strict=True)):
            # The second word of a bug is its test.
            differing = [row for row in found ^ said if only is None or row[of_test] in only]
            assert differing == [], differing

    @rule(requests=st.integers(1, 25), force=st.booleans())
    def a_sync_is_cut_off(self, requests, force):
        self.run(self.cut_off(requests, force))

    async def cut_off(self, requests, force):
        left = [None] * requests
        with anyio.CancelScope() as scope:

            def look(path, query):
                if left:
                    left.pop()
                else:
                    scope.cancel()

            self.watched.looks.append(look)
            try:
                await sync(self.app, force=force)
            except TestIOMcpError:
                if not self.faults_are_on:
                    raise
        self.watched.looks.clear()

    @rule(requests=st.integers(1, 25), force=st.booleans())
    def the_app_closes_while_it_syncs(self, requests, force):
        self.run(self.closed_within(requests, force))

    async def closed_within(self, requests, force):
        left, reached = [None] * requests, asyncio.Event()

        def look(path, query):
            if left:
                left.pop()
            else:
                reached.set()

        async def run():
            try:
                await self.app.syncer.run(SyncOptions(force=force), Trigger.TOOL)
            except TestIOMcpError:
                if not self.faults_are_on:
                    raise
            finally:
                reached.set()

        self.watched.looks.append(look)
        self.app.background.spawn(run)
        await reached.wait()
        await self.close_app()
        self.watched.looks.clear()
        await self.open_app()

    # What always holds

    @invariant()
    def nothing_is_made_up(self):
        assert self.stored_tests("true") <= self.said["tests"]
        assert self.stored_bugs("true") <= self.said["bugs"]

    @invariant()
    def the_file_is_sound(self):
        assert defects(self.path) == []

    def settle(self):
        """Whatever failed is made good by the next sync; what is gone, by the next full one."""
        self.nothing_fails()
        self.everything_makes_sense_again()
        report = self.sync()
        assert (report.state, report.incomplete, self.problems()) == ("ok", [], [])
        there = {id for id in self.tests()} - self.unannounced
        assert there <= {id for id, *_ in self.stored_tests()}
        report = self.sync(force=True)
        assert (report.state, report.incomplete, self.problems()) == ("ok", [], [])
        assert {row[0] for row in self.stored_tests()} == set(self.tests())
        assert {row[0] for row in self.stored_bugs()} == {bug for _, bug in self.bugs()}


@pytest.mark.usefixtures("unhurried")
def test_whatever_happens_nothing_is_made_up_and_everything_is_made_good(template):
    run_state_machine_as_test(
        lambda: Syncing(template),
        settings=settings(max_examples=8, stateful_step_count=8, derandomize=True),
    )
