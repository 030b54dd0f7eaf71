"""Whatever changes and fails at TestIO: an answer is as current as it says, and was true then."""

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.caches import BANK, GAME, change, rows, stamps, sync
from tests.conftest import ANCHOR
from tests.e2e.reference import visible
from tests.integration.changing_world import FINAL, small_world
from tests.reading import reading

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import State, Unit
from testio_mcp.errors import TestIOMcpError
from testio_mcp.sandbox import Fault, FaultKind, Sandbox, Scale, serving
from testio_mcp.settings import Loaded, Settings

TTL, REVIEW_TTL, REVIEW = timedelta(minutes=90), timedelta(hours=36), timedelta(days=60)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400
FAULTS = (
    Fault("*", FaultKind.STATUS, status=503),
    Fault("bugs", FaultKind.TRUNCATED_JSON),
    Fault("exploratory_tests/*", FaultKind.HTML_BODY),
    Fault("products/*/exploratory_tests", FaultKind.DROPPED_CONNECTION),
    Fault("products/*/features", FaultKind.STATUS, status=500),
    Fault("*", FaultKind.RATE_LIMITED, retry_after=0, times=3),
)
picks = st.integers(0, 1000)
ages = st.sampled_from([0, 30 * MINUTE, 2 * HOUR, 30 * HOUR, 40 * HOUR, 70 * DAY])
kinds = st.sampled_from(["test", "bugs", "tests", "features", "products"])
steps = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 4), picks),
    st.tuples(st.just("ask"), st.integers(0, 4), picks),
    st.tuples(st.just("change"), st.integers(0, 7), picks),
    st.tuples(st.just("change"), st.integers(0, 7), picks),
    st.tuples(st.just("wait"), ages, picks),
    st.tuples(st.just("fail"), st.integers(0, len(FAULTS) - 1), picks),
    st.tuples(st.just("mend"), picks, picks),
)


class History:
    """What TestIO said of each unit, from when on."""

    def __init__(self, world):
        self.world = world
        self.said = {}
        for product in world.product_ids():
            self.note(BEGINNING, (Unit.TESTS, product), (Unit.FEATURES, product))
            for id in world.test_ids(product):
                self.note(BEGINNING, (Unit.TEST, id), (Unit.BUGS, id))

    def note(self, at, *units):
        for unit in units:
            self.said.setdefault(unit, []).append((at, self.now(*unit)))

    def now(self, kind, id):
        world = self.world
        match kind:
            case Unit.TESTS:
                return set(world.test_ids(id))
            case Unit.FEATURES:
                return {feature.id for feature in world.features(id)}
            case Unit.TEST:
                test = world.test_row(id)
                return visible(test.get("title") or test["test_title"]), test["status"]
            case Unit.BUGS:
                return {bug["id"]: visible(bug["title"]) for bug in world.bugs(id)}

    def at(self, unit, instant):
        return [said for at, said in self.said[unit] if at <= instant][-1]

    def shift(self, span):
        for unit, said in self.said.items():
            self.said[unit] = [(at - span if at > BEGINNING else at, what) for at, what in said]


class Life:
    """A server, and a TestIO that changes between its calls."""

    def __init__(self, reader, path):
        self.reader, self.path = reader, path
        self.world = reader.sandbox.world
        self.history = History(self.world)
        # Most of what happens is about a few tests.
        self.few = self.tests(changing=True)[:3]

    def tests(self, changing=False):
        every = [id for product in (GAME, BANK) for id in self.world.test_ids(product)]
        return [id for id in every if not changing or self.world.status(id) not in FINAL]

    def grow_old(self, initial):
        """Of each kind one unit gets an age of its own; nothing has changed until now."""
        for kind, pick, seconds in initial:
            stamped = list(stamps(self.path, kind))
            self._shift(seconds, "stamps", "at", f"kind = '{kind}' AND id = {of(stamped, pick)}")

    async def wait(self, seconds, _pick):
        self._shift(seconds, "stamps", "at")
        self._shift(seconds, "tests", "first_seen_at")
        self._shift(seconds, "tests", "status_changed_at")
        self.history.shift(timedelta(seconds=seconds))

    def _shift(self, seconds, table, column, where="true"):
        whole = f"strftime('%Y-%m-%d %H:%M:%S', {column}, '-{seconds} seconds')"
        value = f"{whole} || substr({column}, 20)"
        change(self.path, f"UPDATE {table} SET {column} = {value} WHERE {where}")

    async def fail(self, number, _pick):
        self.reader.sandbox.faults.add(FAULTS[number])

    async def mend(self, *_picks):
        self.reader.sandbox.faults.clear()

    async def change(self, number, pick):
        world, now = self.world, datetime.now(UTC)
        product, changing = of((GAME, BANK), pick), self.tests(changing=True)
        if number == 0:
            new = world.add_test(product)
            self.history.note(now, (Unit.TESTS, product), (Unit.TEST, new), (Unit.BUGS, new))
        elif number == 1 and self.history.now(Unit.FEATURES, product):
            world.delete_feature(min(self.history.now(Unit.FEATURES, product)))
            self.history.note(now, (Unit.FEATURES, product))
        elif number > 1 and changing:
            few = [id for id in self.few if id in changing]
            self._change_test(number, of(few if few and pick % 4 else changing, pick), pick, now)

    def _change_test(self, number, id, pick, now):
        world, bugs = self.world, self.world.bug_ids(id)
        product = world.test(id)["product"]["id"]
        if number == 2:
            world.set_field("test", id, "title", f"Title {pick}")
        elif number == 3:
            world.move_test(id, of(("locked", "archived", "cancelled", "running"), pick))
        elif number == 4:
            world.add_bug(id)
        elif number == 5 and bugs:
            world.set_field("bug", of(bugs, pick), "title", f"Title {pick}")
        elif number == 6 and bugs:
            world.delete_bug(of(bugs, pick))
        elif number == 7:
            world.delete_test(id)
            self.history.note(now, (Unit.TESTS, product))
            return
        self.history.note(now, (Unit.TEST, id), (Unit.BUGS, id))

    async def ask(self, number, pick):
        few = [id for id in self.few if id in self.tests()]
        product, test = of((GAME, BANK), pick), of(few if few and pick % 4 else self.tests(), pick)
        asks = (
            lambda: self.reader.bugs(test),
            lambda: self.reader.test(test),
            lambda: self.reader.tests(product),
            lambda: self.reader.product(product),
            self.reader.products,
        )
        fails = bool(self.reader.sandbox.faults.active())
        answer = await self._answer(asks[number], fails)
        await self.reader.landed()
        self.check_units()
        if answer is None:
            return
        units = self._units(number, product, test, answer)
        self.check_freshness(answer.freshness, units, fails)
        if number == 0 and units:
            [(read_at, _)] = units
            told = {bug.id: bug.title for bug in answer.items}
            assert read_at is None or told == self.history.at((Unit.BUGS, test), read_at)

    async def _answer(self, ask, fails):
        """None for an error, which only faults allow: what was never read cannot be made up."""
        try:
            return await ask()
        except TestIOMcpError:
            if not fails:
                raise
        return None

    def check_units(self):
        """Each is as TestIO had it when it was read."""
        tests = {
            id: words for id, *words in self._present("SELECT id, title, status FROM tests WHERE ")
        }
        bugs = {id: {} for id in tests}
        for id, test, title in self._present("SELECT id, test_id, title FROM bugs WHERE "):
            bugs[test][id] = title
        gone = {id for (id,) in rows(self.path, "SELECT id FROM tests WHERE deleted_at")}
        for unit, at in self._stamps().items():
            kind, id = unit
            there = self.history.at(unit, at) if unit in self.history.said else None
            if kind == Unit.TEST:
                assert tuple(tests[id]) == there, (kind, id)
            elif kind == Unit.BUGS:
                assert bugs[id] == there, (kind, id)
            elif kind == Unit.TESTS:
                assert there - gone <= tests.keys(), (kind, id)
            elif kind == Unit.FEATURES:
                found = self._present(f"SELECT id FROM features WHERE product_id = {id} AND ")
                assert {feature for (feature,) in found} == there, (kind, id)

    def _stamps(self):
        found = rows(self.path, "SELECT kind, id, at FROM stamps")
        return {(kind, id): instant(at) for kind, id, at in found}

    def _present(self, query):
        return rows(self.path, f"{query} deleted_at IS NULL")

    def _units(self, number, product, test, answer):
        """When what may still change was read, None for never, and how long that is fresh."""
        stamped = self._stamps()
        lists = {2: [(Unit.TESTS, product)], 3: [(Unit.TESTS, product), (Unit.FEATURES, product)]}
        every = [(kind, id) for kind in (Unit.TESTS, Unit.FEATURES) for id in (GAME, BANK)]
        lists[4] = [(Unit.PRODUCTS, 0), *every]
        units = [(stamped.get(unit), TTL) for unit in lists.get(number, [])]
        shown = [item.id for item in answer.items] if number == 2 else [test]
        of_tests = {3: f"product_id = {product}", 4: "true"}.get(number)
        where = of_tests or f"id IN ({','.join(map(str, shown)) or 'NULL'})"
        query = "SELECT id, status, end_at, first_seen_at, status_changed_at FROM tests WHERE "
        for id, status, end, seen, changed in self._present(f"{query}{where} AND"):
            both = [stamped.get((kind, id)) for kind in (Unit.TEST, Unit.BUGS)]
            is_final, became = status in FINAL, instant(changed or seen)
            is_over = instant(end or seen) < datetime.now(UTC) - REVIEW
            if is_final and is_over and all(at and at >= became for at in both):
                continue
            units += [(at, REVIEW_TTL if is_final else TTL) for at in both[number == 0 :]]
        return units

    def check_freshness(self, freshness, units, fails):
        now = datetime.now(UTC)
        known = [at for at, _ in units if at]
        if any(at is None or now - at > ttl for at, ttl in units):
            assert freshness.state != State.FRESH
            assert freshness.reason
        assert freshness.state == State.FRESH or fails, freshness
        if known and freshness.as_of:
            assert freshness.as_of <= min(known)


def of(choices, pick):
    return choices[pick % len(choices)]


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def world_of_tests():
    sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)
    small_world(sandbox)
    return sandbox


@pytest.fixture(scope="module")
def small_template(template, tmp_path_factory):
    """A cache in step with a small world."""
    home = tmp_path_factory.mktemp("small")
    shutil.copy(template, home / "cache.db")

    async def fill():
        sandbox = world_of_tests()
        async with serving(sandbox) as url:
            source = Source(url, SecretStr(sandbox.token), sandbox.host_name)
            chosen = Settings(_env_file=None, home=home, refresh_interval_seconds=0)
            async with open_app(Loaded(chosen, [], []), source) as app:
                await sync(app)

    asyncio.run(fill())
    return home


async def live(template, initial, then):
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(template, home, dirs_exist_ok=True)
        chosen = Settings(_env_file=None, home=Path(home), refresh_interval_seconds=0)
        chosen = chosen.model_copy(update={"read_budget_seconds": 15})
        async with reading(chosen, world_of_tests()) as reader:
            life = Life(reader, Path(home) / "cache.db")
            life.grow_old(initial)
            for step, *arguments in then:
                await getattr(life, step)(*arguments)


@pytest.mark.usefixtures("unhurried")
def test_whatever_happens_an_answer_is_as_current_as_it_says(small_template):
    @settings(max_examples=10, derandomize=True, phases=[Phase.generate])
    @given(
        st.lists(st.tuples(kinds, picks, ages), max_size=8),
        st.lists(steps, min_size=8, max_size=14),
    )
    def check(initial, then):
        asyncio.run(live(small_template, initial, then))

    check()
