"""What could not be read: how it is shown, and how people help to find it."""

import pytest
from tests.caches import BANK, GAME, SHOP, change, rows, sync
from tests.factories import (
    NOON,
    ProblemFactory,
    ProblemTestFactory,
    ProductFactory,
    TestFactory,
)

from testio_mcp.app import Source, open_app
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.slice import Paging
from testio_mcp.errors import InvalidRequest
from testio_mcp.services.problems import ORDER, ProblemService
from testio_mcp.settings import Loaded

pytestmark = pytest.mark.usefixtures("unhurried")

THEIRS = {"customer_id": 9}
# The sandbox's tests of a product are listed newest first; this one is in the middle.
PLACE = 4


@pytest.fixture
def lost(world):
    """A test that breaks its page, but can be asked for alone."""
    id = world.test_ids(GAME)[PLACE]
    world.poison_test(id, single_ok=True)
    return id


class Problems:
    """The service, on a session of its own for each question."""

    def __init__(self, app):
        self._app = app

    def __getattr__(self, name):
        async def ask(*arguments):
            async with self._app.services.open(ProblemService) as service:
                return await getattr(service, name)(*arguments)

        return ask


@pytest.fixture
def problems(app):
    return Problems(app)


@pytest.fixture
async def event(app, lost, problems):
    """The open problem about the test that is lost."""
    await sync(app, product_ids=(GAME,))
    (item,) = (await problems.list(())).items
    return item


async def product(save, id=GAME, name="Arena"):
    await save(ProductFactory(id=id, name=name))


async def test_a_lost_test_is_told_with_its_place_its_cause_and_who_it_may_be(event, world, lost):
    before, after = (world.test_ids(GAME)[PLACE + step] for step in (-1, 1))
    assert (event.subject, event.product_id, event.product) == ("test", GAME, "Skyforge Arena")
    assert (event.positions, event.item_id) == (f"{PLACE + 1}-{PLACE + 1}", None)
    assert (event.before.id, event.after.id) == (before, after)
    assert event.before.end_at >= event.after.end_at
    assert event.error == "TestIO answered 500."
    assert event.candidate_test_ids == [lost]
    assert event.mapped == []
    assert (event.attempts, event.first_seen_at) == (1, event.last_seen_at)
    assert f"testio-mcp problematic map-tests {event.event_id} ID" in event.to_do
    assert f"testio-mcp problematic retry {GAME}" in event.to_do


async def test_what_was_met_again_is_counted_and_keeps_its_first_time(app, event, problems):
    await sync(app, product_ids=(GAME,))
    (again,) = (await problems.list(())).items
    assert (again.event_id, again.attempts) == (event.event_id, 2)
    assert again.first_seen_at == event.first_seen_at < again.last_seen_at


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        ({"kind": Subject.TESTS, "positions": "26-50"}, "The tests at positions 26 to 50 of the"),
        ({"kind": Subject.TESTS}, "The list of tests"),
        ({"kind": Subject.TEST, "item_id": 5}, "Test 5"),
        ({"kind": Subject.TEST}, "Test without an id"),
        ({"kind": Subject.BUG, "item_id": 7}, "Bug 7 of test 5"),
        ({"kind": Subject.BUGS, "item_id": 5}, "The list of bugs of test 5"),
        ({"kind": Subject.FEATURE, "item_id": 7}, "Feature 7"),
        ({"kind": Subject.USER_STORY, "item_id": 7}, "User story 7"),
        ({"kind": Subject.FEATURES}, "The list of features"),
        ({"kind": Subject.PRODUCT, "item_id": 7, "product_id": None}, "Product 7"),
        ({"kind": Subject.REJECT_REASONS, "product_id": None}, "The list of rejection reasons"),
    ],
)
async def test_every_kind_of_problem_has_a_name_and_says_what_to_do(problems, save, problem, what):
    await product(save)
    await save(ProblemFactory(event_id="event", **{"product_id": GAME, **problem}))
    if problem["kind"] in {Subject.BUG, Subject.BUGS}:
        await save(ProblemTestFactory(test_id=5))
    (item,) = (await problems.list(())).items
    assert item.what.startswith(what)
    repairs_itself = "the next sync tries again by itself" in item.to_do
    assert repairs_itself
    assert ("map-tests" in item.to_do) is (item.positions is not None)


async def test_problems_are_listed_by_product_and_place_a_page_at_a_time(problems, save):
    await product(save)
    await product(save, SHOP, "Shop")
    places = [(GAME, "12-12"), (SHOP, "26-50"), (SHOP, "9-9"), (None, None), (SHOP, None)]
    for id, positions in places:
        await save(ProblemFactory(product_id=id, positions=positions))
    pages = [await problems.list((), Paging(number, 2, ORDER)) for number in (1, 2, 3)]
    found = [(item.product_id, item.positions) for page in pages for item in page.items]
    assert found == [(SHOP, "9-9"), (SHOP, "26-50"), (SHOP, None), (GAME, "12-12"), (None, None)]
    frames = [(page.total, page.returned, page.page, page.has_more) for page in pages]
    assert frames == [(5, 2, 1, True), (5, 2, 2, True), (5, 1, 3, False)]


async def test_a_list_can_be_of_some_products_only(problems, save):
    for id in (GAME, SHOP, BANK):
        await product(save, id)
        await save(ProblemFactory(product_id=id))
    await save(ProblemFactory(product_id=None))
    found = await problems.list((GAME, BANK))
    assert [item.product_id for item in found.items] == [BANK, GAME]
    with pytest.raises(InvalidRequest, match=r"Product 7 is not known\. There are Arena \(1001\)"):
        await problems.list((7,))


async def test_who_maps_a_test_makes_a_candidate_a_mapped_one(problems, event, lost):
    report = await problems.map_tests(event.event_id, [lost, lost, 7])
    again = await problems.map_tests(event.event_id, [lost])
    assert (report.event_id, report.product_id, report.test_ids) == (
        event.event_id,
        GAME,
        [7, lost],
    )
    assert again.test_ids == [lost]
    (item,) = (await problems.list(())).items
    assert [(test.test_id, test.error) for test in item.mapped] == [(7, None), (lost, None)]
    assert item.candidate_test_ids == []
    assert item.to_do.startswith(f"Run testio-mcp problematic retry {GAME}")


async def test_an_event_may_be_named_by_its_beginning(problems, save):
    await product(save)
    names = ("12345678-aa", "12345678-ab", "abcdefgh-cc")
    await save(*(ProblemFactory(event_id=name, product_id=GAME) for name in names))
    assert (await problems.map_tests(" ABCDEFGH", [5])).event_id == "abcdefgh-cc"
    with pytest.raises(InvalidRequest, match="The ids of 2 problems begin with 12345678"):
        await problems.map_tests("12345678", [5])
    with pytest.raises(InvalidRequest, match="No open problem has the id 'abcdefg'"):
        await problems.map_tests("abcdefg", [5])


async def test_an_unknown_event_is_answered_with_those_that_are_open(problems, event, save):
    await save(ProblemFactory(kind=Subject.BUGS, product_id=GAME, item_id=7))
    with pytest.raises(InvalidRequest, match="No open problem has the id 'nowhere'") as raised:
        await problems.map_tests("nowhere", [5])
    assert f"{event.event_id} (The test at position {PLACE + 1}" in raised.value.hint
    assert "bugs" not in raised.value.hint


@pytest.mark.parametrize("kind", sorted(set(Subject) - {Subject.TEST, Subject.TESTS}))
async def test_only_problems_about_tests_take_tests(problems, save, kind, path):
    await product(save)
    await save(ProblemFactory(event_id="event-of-bugs", kind=kind, product_id=GAME))
    with pytest.raises(InvalidRequest, match=r"is not about tests.* No problem about tests is"):
        await problems.map_tests("event-of-bugs", [5])
    assert rows(path, "SELECT * FROM problem_tests") == []


async def test_a_test_that_is_stored_is_refused_and_nothing_is_mapped(problems, event, world, path):
    here = world.test_ids(GAME)[0]
    with pytest.raises(InvalidRequest, match=f"Test {here} is stored already"):
        await problems.map_tests(event.event_id, [7, here])
    assert rows(path, "SELECT test_id FROM problem_tests WHERE mapped") == []


async def test_a_test_that_was_deleted_and_a_strangers_test_may_be_what_is_missing(
    problems, event, save, path
):
    await save(
        ProductFactory(id=70, **THEIRS),
        TestFactory(id=7, product_id=GAME, deleted_at=NOON),
        TestFactory(id=8, product_id=70, **THEIRS),
    )
    await problems.map_tests(event.event_id, [7, 8])
    assert rows(path, "SELECT test_id FROM problem_tests WHERE mapped") == [(7,), (8,)]


async def test_clearing_counts_what_goes_and_takes_candidates_along(problems, event, save, path):
    await save(ProblemFactory(event_id="bugs", kind=Subject.BUGS, product_id=GAME))
    await save(ProblemTestFactory(event_id="bugs", test_id=5))
    await problems.map_tests(event.event_id, [7, 8])
    expected = await problems.count(())
    cleared = await problems.clear(())
    assert (expected.ranges, expected.test_ids) == (cleared.ranges, cleared.test_ids) == (2, 2)
    assert rows(path, "SELECT * FROM problems") == []
    assert rows(path, "SELECT * FROM problem_tests") == []


async def test_clearing_keeps_to_the_products_that_were_named(problems, save, path):
    for id in (GAME, SHOP):
        await product(save, id)
        await save(ProblemFactory(event_id=str(id), product_id=id))
        await save(ProblemTestFactory(event_id=str(id), test_id=5, mapped=True))
    counted = await problems.count((SHOP,))
    cleared = await problems.clear((SHOP,))
    assert (counted.ranges, counted.test_ids) == (cleared.ranges, cleared.test_ids) == (1, 1)
    assert rows(path, "SELECT event_id FROM problems") == [(str(GAME),)]
    with pytest.raises(InvalidRequest, match="Product 7 is not known"):
        await problems.clear((7,))


async def plant_unseen(save, product_id, **owner):
    await save(ProblemFactory(event_id="unseen-event", product_id=product_id, **owner))
    await save(ProblemTestFactory(event_id="unseen-event", test_id=5, mapped=True, **owner))


async def leave_alone(problems, path):
    """Every action, and that none of them saw or touched the problem."""
    before = rows(path, "SELECT * FROM problems"), rows(path, "SELECT * FROM problem_tests")
    listed = await problems.list(())
    counted, cleared = await problems.count(()), await problems.clear(())
    assert (listed.items, counted.ranges, counted.test_ids, cleared.ranges) == ([], 0, 0, 0)
    with pytest.raises(InvalidRequest, match="No problem about tests is open"):
        await problems.map_tests("unseen-event", [6])
    retried = await problems.retry(GAME, lambda *_: None)
    assert retried.tests == []
    assert (
        rows(path, "SELECT * FROM problems"),
        rows(path, "SELECT * FROM problem_tests"),
    ) == before


async def test_another_customers_problem_is_neither_seen_nor_mapped_nor_retried_nor_cleared(
    problems, save, path
):
    await product(save)
    await plant_unseen(save, GAME, **THEIRS)
    await leave_alone(problems, path)


@pytest.mark.parametrize("product_id", [SHOP, None])
async def test_problems_outside_the_products_that_are_allowed_are_left_alone(
    settings, sandbox, api_url, save, path, product_id
):
    await product(save)
    await product(save, SHOP)
    await plant_unseen(save, product_id)
    limited = settings.model_copy(update={"product_ids": (GAME,)})
    source = Source(api_url, settings.customer_api_token, sandbox.host_name)
    async with open_app(Loaded(limited, [], []), source) as app:
        await leave_alone(Problems(app), path)


async def test_a_later_sync_that_reads_the_place_ends_the_problem_with_its_mappings(
    app, problems, event, world, lost, path
):
    await problems.map_tests(event.event_id, [7])
    world.heal_test(lost)
    await sync(app, product_ids=(GAME,))
    assert (await problems.list(())).items == []
    assert rows(path, "SELECT * FROM problem_tests") == []


async def test_a_problem_that_ended_meanwhile_takes_no_tests(app, problems, event, path):
    async with app.services.open(ProblemService) as service:
        await service.list(())
        change(path, "DELETE FROM problem_tests")
        change(path, "DELETE FROM problems")
        with pytest.raises(InvalidRequest, match="is not open any more"):
            await service.map_tests(event.event_id, [7])
