"""What is stale is read again when somebody asks for it: just that, once, and within a budget."""

import anyio
import pytest
from tests.caches import BANK, GAME, SHOP, change, ids, rows, stamps, sync
from tests.reading import ENDLESS, OLD, reading
from tests.watching import until

from testio_mcp.domain.freshness import State, Unit
from testio_mcp.errors import InvalidRequest, NotFound, TestIOMcpError
from testio_mcp.settings import Settings

CALLERS = 50


@pytest.fixture
async def reader(synced_path, settings, sandbox, test_id):
    """Its token has been seen to be the customer's, and how one test fared, which no sync reads."""
    async with reading(settings, sandbox) as reader:
        reader.age("kind = 'products'")
        await reader.products()
        await reader.test(test_id)
        sandbox.reset_counts()
        yield reader


@pytest.fixture
def test_id(sandbox):
    """A test that has bugs."""
    world = sandbox.world
    return next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)


async def ask_everything(reader, test_id):
    bug_id = reader.sandbox.world.bug_ids(test_id)[0]
    return [
        await reader.products(),
        await reader.product(GAME),
        await reader.tests(),
        await reader.tests(GAME),
        await reader.test(test_id),
        await reader.bugs(),
        await reader.bugs(test_id),
        await reader.bug(bug_id),
    ]


async def test_what_is_fresh_is_answered_without_asking_testio(reader, test_id):
    answers = await ask_everything(reader, test_id)
    assert {answer.freshness.state for answer in answers} == {State.FRESH}
    assert reader.asked == []
    assert reader.refresher.requests_saved > 0


async def test_of_one_stale_test_only_it_and_its_bugs_are_read(reader, test_id):
    reader.age()
    answer = await reader.test(test_id)
    assert answer.freshness.state == State.FRESH
    assert sorted(reader.asked) == ["bugs", f"exploratory_tests/{test_id}"]
    assert [request.query for request in reader.sandbox.requests if request.path == "bugs"] == [
        f"filter_test_cycle_ids={test_id}"
    ]
    read = [stamps(reader.app.settings.database_path, unit) for unit in (Unit.TEST, Unit.BUGS)]
    assert [{id for id, at in found.items() if at != OLD} for found in read] == [{test_id}] * 2


async def test_of_stale_bugs_only_those_of_the_tests_asked_for_are_read(reader, sandbox, test_id):
    other = next(id for id in sandbox.world.test_ids(BANK) if sandbox.world.bug_ids(id))
    reader.age()
    answer = await reader.bugs(test_id, other)
    assert answer.freshness.state == State.FRESH
    assert sorted(request.query for request in sandbox.requests) == sorted(
        f"filter_test_cycle_ids={id}" for id in (test_id, other)
    )
    await reader.bug(sandbox.world.bug_ids(test_id)[0])
    assert len(reader.asked) == 2


async def test_of_a_stale_catalogue_only_that_products_is_read(reader):
    reader.age("kind = 'features'")
    answer = await reader.product(GAME)
    assert answer.freshness.state == State.FRESH
    assert {path.split("/")[1] for path in reader.asked} == {str(GAME)}
    assert not [path for path in reader.asked if "tests" in path or "bugs" in path]


async def test_a_page_of_stale_tests_costs_a_page_or_two_of_the_list(reader, sandbox):
    assert len(sandbox.world.test_ids(SHOP)) >= 20
    reader.age("kind = 'test'")
    page = await reader.tests(SHOP)
    assert (page.returned, page.freshness.state) == (20, State.FRESH)
    assert set(reader.asked) == {f"products/{SHOP}/exploratory_tests"}
    assert len(reader.asked) <= 2


async def test_only_the_tests_of_the_page_are_read_again(reader, sandbox, synced_path):
    for _ in range(60):
        sandbox.world.add_test(SHOP)
    await sync(reader.app)
    reader.age("kind IN ('test', 'bugs')")
    page = await reader.tests(SHOP, page_size=3)
    lists = [path for path in reader.asked if path.endswith("exploratory_tests")]
    assert len(lists) == 1
    [query] = [request.query for request in sandbox.requests if request.path == "bugs"]
    assert query.count("%2C") == 2
    assert page.freshness.state == State.FRESH


async def test_news_of_a_stale_list_are_in_the_answer(reader, sandbox):
    new = sandbox.world.add_test(GAME)
    bug = sandbox.world.add_bug(new)
    reader.age("kind = 'tests'")
    page = await reader.tests(GAME)
    assert page.freshness.state == State.FRESH
    [found] = [test for test in page.items if test.id == new]
    assert found.bugs.total == 1
    reader.sandbox.reset_counts()
    assert [bug.id for bug in (await reader.bugs(new)).items] == [bug]
    assert reader.asked == []


async def test_simultaneous_callers_share_one_request(reader, test_id):
    reader.age("kind = 'bugs'")
    found = []

    async def ask():
        found.append(await reader.bugs(test_id))

    async with anyio.create_task_group() as tasks:
        for _ in range(CALLERS):
            tasks.start_soon(ask)
    assert [answer.freshness.state for answer in found] == [State.FRESH] * CALLERS
    assert reader.asked == ["bugs"]
    assert reader.refresher._flights == {}


async def test_callers_of_different_tools_share_one_request(reader, test_id):
    bug_id = reader.sandbox.world.bug_ids(test_id)[0]
    reader.age("kind = 'bugs' AND id = " + str(test_id))
    async with anyio.create_task_group() as tasks:
        for ask in (
            lambda: reader.bugs(test_id),
            lambda: reader.bug(bug_id),
            lambda: reader.test(test_id),
            lambda: reader.tests(GAME),
            lambda: reader.product(GAME),
        ):
            tasks.start_soon(ask)
    assert reader.asked == ["bugs"]
    assert reader.refresher._flights == {}


async def test_callers_who_look_for_the_same_unknown_thing_share_its_requests(reader, sandbox):
    new = sandbox.world.add_test(GAME)
    found = []

    async def ask():
        found.append((await reader.test(new)).test.id)

    async with anyio.create_task_group() as tasks:
        for _ in range(CALLERS):
            tasks.start_soon(ask)
    assert found == [new] * CALLERS
    assert sorted(reader.asked) == ["bugs", f"exploratory_tests/{new}"]
    assert reader.refresher._flights == {}


async def test_more_than_ten_requests_are_left_to_the_sync(reader, synced_path):
    reader.age()
    before = len(ids(synced_path, "sync_runs"))
    answer = await reader.products()
    assert answer.freshness.state == State.FRESH
    assert len(ids(synced_path, "sync_runs")) == before + 1
    assert reader.refresher._flights == {}


async def test_after_the_budget_the_cache_is_served_and_the_refresh_goes_on(
    synced_path, settings, sandbox, test_id, monkeypatch
):
    # Whoever waited for anything but the budget would get another answer, or none.
    monkeypatch.setattr("testio_mcp.sync.freshness.LONGEST_WAIT", ENDLESS)
    async with reading(settings, sandbox, read_budget_seconds=0.05) as reader:
        reader.age("kind = 'bugs'")
        bug = sandbox.world.add_bug(test_id)
        reader.held.hold("bugs")
        late = await reader.bugs(test_id)
        await reader.held.asked.wait()
        assert bug not in {row.id for row in late.items}
        assert late.freshness.state == State.STALE
        assert late.freshness.reason == (
            "TestIO has not answered within 0.05 s; it is still being read."
        )
        assert f"{late.freshness.as_of:%Y}" == OLD[:4]
        assert (await reader.diagnosed()).diagnostics.api.refreshes_in_flight == 1
        reader.held.let_go()
        await reader.landed()
        sandbox.reset_counts()
        answer = await reader.bugs(test_id)
        assert bug in {row.id for row in answer.items}
        assert (answer.freshness.state, answer.freshness.reason) == (State.FRESH, None)
        assert reader.asked == []
        assert reader.refresher._flights == {}


async def test_what_was_never_read_is_waited_for_beyond_the_budget(
    synced_path, settings, sandbox, test_id
):
    async with reading(settings, sandbox, read_budget_seconds=0) as reader:
        reader.forget(f"kind = 'bugs' AND id = {test_id}")
        reader.held.hold("bugs")
        found = []

        async def ask():
            found.append(await reader.bugs(test_id))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await reader.held.asked.wait()
            reader.held.let_go()
    assert (found[0].freshness.state, found[0].total) == (
        State.FRESH,
        len(sandbox.world.bug_ids(test_id)),
    )


async def test_the_first_sync_is_waited_for_with_progress_until_what_was_asked_for_is_there(
    path, settings, sandbox, monkeypatch
):
    monkeypatch.setattr("testio_mcp.sync.freshness.PROGRESS_SECONDS", 0.01)
    async with reading(settings, sandbox) as reader:
        heard = []

        async def hear(done, total, words):
            heard.append(words)

        answer = await reader.product(GAME, hear)
    assert answer.product.tests.total == len(sandbox.world.test_ids(GAME))
    assert heard
    assert all("read" in words or "asked" in words or "running" in words for words in heard)


async def test_a_first_sync_that_takes_too_long_says_how_far_it_is(
    path, settings, sandbox, monkeypatch
):
    monkeypatch.setattr("testio_mcp.sync.freshness.LONGEST_WAIT", 0.3)
    async with reading(settings, sandbox) as reader:
        reader.held.hold("bugs")
        answer = await reader.bugs()
        assert answer.total == 0
        assert answer.freshness.state in (State.NEVER_SYNCED, State.STALE)
        reason, incomplete = answer.freshness.reason, answer.freshness.incomplete
        assert "still being read" in reason or "first sync is running" in reason
        product = await reader.products()
        for item in product.items:
            assert item.bugs is None
        assert not any("0 tests" in line for line in incomplete)


async def test_a_sync_of_another_process_is_waited_for(path, settings, sandbox):
    """Its lock is what tells, so that one held by this process will do."""
    async with reading(settings, sandbox) as reader:
        with reader.app.syncer.lock.held():
            async with anyio.create_task_group() as tasks:
                found = []

                async def ask():
                    found.append(await reader.products())

                tasks.start_soon(ask)
                await until(lambda: reader.refresher.in_flight)
                assert found == []
                tasks.cancel_scope.cancel()
        await reader.landed()
        assert (await reader.products()).total == len(sandbox.world.product_ids())


async def test_what_the_cache_has_never_seen_is_looked_up(reader, sandbox, test_id):
    test, bug = sandbox.world.add_test(GAME), sandbox.world.add_bug(test_id)
    assert (await reader.test(test)).test.id == test
    assert sorted(reader.asked) == ["bugs", f"exploratory_tests/{test}"]
    assert (await reader.bug(bug)).bug.test_id == test_id
    later = sandbox.world.add_test(GAME)
    its_bug = sandbox.world.add_bug(later)
    assert (await reader.bug(its_bug)).bug.test_id == later
    assert (await reader.test(later)).test.bugs.total == 1


async def test_a_product_the_cache_has_never_seen_is_looked_up(
    synced_path, settings, sandbox, path
):
    async with reading(settings, sandbox) as reader:
        for table in ("user_stories", "features", "products"):
            column = "id" if table == "products" else "product_id"
            change(path, f"UPDATE {table} SET deleted_at = ? WHERE {column} = ?", OLD, GAME)
        answer = await reader.product(GAME)
        assert answer.product.id == GAME
        page = await reader.tests(GAME)
        assert page.total == len(sandbox.world.test_ids(GAME))


async def test_of_several_unknown_ids_each_is_looked_up(reader, sandbox):
    news = [sandbox.world.add_test(GAME) for _ in range(3)]
    with pytest.raises(NotFound, match="Tests 1, 2 are not known"):
        await reader.bugs(1, news[0], 2, news[1])
    page = await reader.bugs(*news)
    assert page.freshness.state == State.FRESH
    product, test = sandbox.world.product_ids()[0], sandbox.world.add_test(BANK)
    with pytest.raises(InvalidRequest, match=f"Of these products test {test} is none"):
        await reader.bugs(test, product_ids=(product,))


async def test_what_is_too_much_to_look_up_is_not_called_unknown(reader):
    with pytest.raises(NotFound, match=r"not in the local copy.*name at most 10"):
        await reader.bugs(*range(1, 12))
    assert reader.asked == []


async def test_what_testio_does_not_know_either_is_not_found(reader, sandbox):
    for ask, id in ((reader.test, 98), (reader.bug, 99), (reader.product, 97)):
        sandbox.reset_counts()
        with pytest.raises(NotFound, match=f"{id} is not known"):
            await ask(id)
        assert len(reader.asked) == 1
    assert reader.refresher._flights == {}


async def test_nothing_outside_the_allowed_products_is_looked_up_or_stored(path, sandbox, settings):
    world = sandbox.world
    limited = Settings(**{**settings.model_dump(), "product_ids": (GAME,)})
    async with reading(limited, sandbox) as reader:
        await sync(reader.app)
        test = world.test_ids(BANK)[3]
        bug = next(bug for id in world.test_ids(BANK) for bug in world.bug_ids(id))
        for ask, id in ((reader.test, test), (reader.bug, bug), (reader.product, BANK)):
            with pytest.raises(NotFound, match=f"{id} is not known"):
                await ask(id)
        with pytest.raises(TestIOMcpError):
            await reader.bugs(test)
        assert ids(path, "products") == [GAME]
        assert rows(path, "SELECT DISTINCT product_id FROM tests") == [(GAME,)]
        assert rows(path, "SELECT DISTINCT product_id FROM bugs") == [(GAME,)]


async def test_a_wider_cache_is_not_shown_or_touched_beyond_the_allowed_products(
    synced_path, sandbox, settings
):
    world = sandbox.world
    limited = Settings(**{**settings.model_dump(), "product_ids": (GAME,)})
    async with reading(limited, sandbox) as reader:
        reader.age()
        world.set_field("test", world.test_ids(BANK)[0], "title", "Changed")
        for ask, id in ((reader.test, world.test_ids(BANK)[0]), (reader.product, BANK)):
            with pytest.raises(NotFound):
                await ask(id)
        assert (await reader.tests()).total == len(world.test_ids(GAME))
        diagnostics = (await reader.diagnosed()).diagnostics
        [tests] = [row for row in diagnostics.stamps if row.kind == Unit.TEST]
    assert rows(synced_path, "SELECT 1 FROM tests WHERE title = 'Changed'") == []
    assert (tests.units, tests.stale_share) == (len(world.test_ids(GAME)), 0)
