"""What a sync does when TestIO fails or sends what makes no sense."""

import re

import pytest
from tests.caches import (
    BANK,
    GAME,
    SHOP,
    contents,
    defects,
    ids,
    latest_run,
    rows,
    stamps,
    sync,
)

from testio_mcp.domain.freshness import Unit
from testio_mcp.errors import ApiUnauthorized, ApiUnavailable
from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")

TESTS, BUGS = "products/*/exploratory_tests", "bugs"


@pytest.fixture
def fault(sandbox):
    def add(path, kind=FaultKind.STATUS, **options):
        sandbox.faults.add(Fault(path, kind, **options))

    return add


async def test_a_page_that_cannot_be_asked_for_is_named_and_the_pages_after_it_are_stored(
    app, fault, world, path
):
    fault(TESTS, FaultKind.CAP_PER_PAGE, cap=4)
    fault(f"products/{GAME}/exploratory_tests", query={"page": "2"}, status=503)
    report = await sync(app, product_ids=(GAME,))
    tests = world.test_ids(GAME)
    assert report.state == "partial"
    assert report.incomplete == [
        f"The tests at positions 5 to 8 of product Skyforge Arena ({GAME}) could not be read: "
        "TestIO answered 503."
    ]
    assert ids(path, "tests") == sorted(tests[:4] + tests[8:])
    assert report.counts["tests"] == {"new": 6, "failed": 1}
    assert stamps(path, Unit.TESTS) == {}


async def test_products_beside_one_whose_tests_fail_are_synced_and_stamped(synced, fault, path):
    before = stamps(path, Unit.TESTS)
    fault(f"products/{GAME}/exploratory_tests")
    report = await sync(synced, product_ids=(GAME, BANK))
    after = stamps(path, Unit.TESTS)
    assert report.state == "partial"
    assert after[GAME] == before[GAME]
    assert after[BANK] > before[BANK]


async def test_bugs_that_cannot_be_read_keep_their_stamps_and_rows(synced, fault, world, path):
    before, bugs = stamps(path, Unit.BUGS), contents(path)["bugs"]
    fault(BUGS)
    report = await sync(synced, product_ids=(GAME,))
    assert report.state == "partial"
    assert re.fullmatch(
        r"The bugs of \d+ tests \(\d+ to \d+\) could not be read: TestIO answered 500\.",
        *report.incomplete,
    )
    assert stamps(path, Unit.BUGS) == before
    assert contents(path)["bugs"] == bugs
    assert set(stamps(path, Unit.TEST)) == set(before)


async def test_of_several_batches_of_bugs_only_the_one_that_fails_is_missing(
    app, fault, world, path
):
    missing = sorted(world.test_ids(SHOP), reverse=True)[:20]
    read = set(world.test_ids(SHOP)) - set(missing)
    fault(BUGS, query={"filter_test_cycle_ids": ",".join(map(str, missing))}, status=503)
    report = await sync(app, product_ids=(SHOP,))
    assert report.incomplete == [
        f"The bugs of 20 tests ({missing[0]} to {missing[-1]}) could not be read: "
        "TestIO answered 503."
    ]
    assert set(stamps(path, Unit.BUGS)) == read
    assert ids(path, "bugs") == sorted(id for test in read for id in world.bug_ids(test))


@pytest.mark.parametrize("what", ["features", "user_stories"])
async def test_a_section_that_fails_leaves_the_catalogue_as_it_was(
    synced, fault, world, path, what
):
    before, stamped = contents(path), stamps(path, Unit.FEATURES)
    section = world.product(BANK).sections[1].id
    if what == "features":
        fault(f"products/{BANK}/sections/{section}/features")
    else:
        fault(f"products/{BANK}/user_stories", query={"section_id": str(section)})
    world.delete_feature(world.features(BANK)[0].id)
    report = await sync(synced, product_ids=(BANK,))
    assert report.incomplete == [
        f"The features of product Fjordbank ({BANK}) could not be read: TestIO answered 500."
    ]
    assert contents(path) == before
    assert stamps(path, Unit.FEATURES) == stamped


async def test_without_the_reject_reasons_the_cached_ones_serve(synced, fault, world, path):
    before = contents(path)
    fault("bugs/reject_reasons")
    report = await sync(synced, product_ids=(GAME,), force=True)
    assert report.incomplete == [
        "The list of rejection reasons could not be read: TestIO answered 500."
    ]
    assert contents(path) == before


async def test_a_run_without_products_fails_and_changes_nothing(synced, fault, path):
    before = contents(path)
    fault("products", status=503)
    with pytest.raises(ApiUnavailable, match="503"):
        await sync(synced)
    assert contents(path) == before
    assert latest_run(path)[0] == "failed"
    assert "503" in latest_run(path)[1]


async def test_a_fault_that_passes_is_not_seen_at_all(app, fault, world, path):
    for kind in (FaultKind.STATUS, FaultKind.DROPPED_CONNECTION, FaultKind.TRUNCATED_JSON):
        fault(f"products/{GAME}/*", kind, times=1)
    report = await sync(app, product_ids=(GAME,))
    assert (report.state, report.error) == ("ok", None)
    assert ids(path, "tests") == sorted(world.test_ids(GAME))


@pytest.mark.parametrize("where", ["products", TESTS, BUGS, "bugs/reject_reasons"])
async def test_a_refused_token_ends_the_run_and_what_is_cached_stays(synced, fault, path, where):
    before = contents(path)
    fault(where, status=401)
    with pytest.raises(ApiUnauthorized, match="TESTIO_CUSTOMER_API_TOKEN"):
        await sync(synced)
    status, error = latest_run(path)
    assert (status, "token" in error) == ("failed", True)
    assert contents(path) == before
    assert isinstance(synced.condition.blocked, ApiUnauthorized)


async def test_a_token_that_works_again_is_noticed(synced, sandbox, fault):
    fault("products", status=401, times=1)
    with pytest.raises(ApiUnauthorized):
        await sync(synced, product_ids=(GAME,))
    await sync(synced, product_ids=(GAME,))
    assert synced.condition.failure is None


async def test_a_bug_that_makes_no_sense_is_named_and_the_others_are_stored(app, world, path):
    test = next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)
    bad, nameless, *good = world.bug_ids(test)
    world.drop_field("bug", bad, "title")
    world.drop_field("bug", nameless, "id")
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "partial"
    assert sorted(report.incomplete) == [
        f"Bug {bad} could not be read: title: Field required.",
        "Bug without an id could not be read: id: Field required.",
    ]
    assert report.counts["bugs"]["failed"] == 2
    assert ids(path, "bugs", "test_id = ?", test) == sorted(good)


async def test_a_test_that_makes_no_sense_is_named_and_the_others_are_stored(app, world, path):
    bad, *good = world.test_ids(GAME)
    world.set_field("test", bad, "features", "none")
    report = await sync(app, product_ids=(GAME,))
    [said] = report.incomplete
    assert said.startswith(f"Test {bad} could not be read: features")
    assert ids(path, "tests") == sorted(good)


async def test_words_that_testio_never_documented_are_stored_as_they_are(app, world, path):
    test = next(id for id in world.test_ids(GAME) if world.bug_ids(id))
    bug = world.bug_ids(test)[0]
    world.set_field("test", test, "status", "paused")
    world.set_field("test", test, "testing_type", "lunar")
    world.set_field("bug", bug, "severity", "cosmic")
    world.set_field("bug", bug, "status", "parked")
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "ok"
    assert rows(path, "SELECT status, testing_type FROM tests WHERE id = ?", test) == [
        ("paused", "lunar")
    ]
    assert rows(path, "SELECT severity, status FROM bugs WHERE id = ?", bug) == [
        ("cosmic", "parked")
    ]


@pytest.mark.parametrize("value", ["a\u0000b", "a\u200bb\u202eb"], ids=["nul", "invisible"])
async def test_text_that_people_cannot_see_is_not_stored(app, world, path, value):
    test = next(id for id in world.test_ids(GAME) if world.bug_ids(id))
    bug = world.bug_ids(test)[0]
    world.set_field("bug", bug, "title", value)
    world.set_field("bug", bug, "author", {"name": value})
    world.set_field("test", test, "title", value)
    world.set_field("test", test, "created_by", value)
    await sync(app, product_ids=(GAME,))
    reporter = "SELECT title, name FROM bugs JOIN users ON users.id = reporter_id"
    creator = "SELECT title, name FROM tests JOIN users ON users.id = created_by_id"
    found = rows(path, f"{reporter} WHERE bugs.id = ?", bug)
    found += rows(path, f"{creator} WHERE tests.id = ?", test)
    clean = "".join(letter for letter in value if letter.isprintable())
    assert found == [(clean, clean)] * 2


async def test_the_same_bug_twice_in_one_answer_is_one_bug(app, world, path):
    test = next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)
    first, second, *_ = world.bug_ids(test)
    world.set_field("bug", second, "id", first)
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "ok"
    assert ids(path, "bugs", "id IN (?, ?)", first, second) == [first]
    assert defects(path) == []


async def test_a_product_that_makes_no_sense_is_named_and_the_others_are_stored(app, world, path):
    world.drop_field("product", GAME, "name")
    report = await sync(app)
    assert report.incomplete == [f"Product {GAME} could not be read: name: Field required."]
    assert ids(path, "products") == [id for id in world.product_ids() if id != GAME]


async def test_the_only_cached_product_may_make_no_sense_for_once(app, world, path):
    """It is neither unknown to TestIO nor another customer's."""
    await sync(app, product_ids=(GAME,))
    before = contents(path)
    world.drop_field("product", GAME, "name")
    report = await sync(app, product_ids=(GAME,))
    assert report.state == "partial"
    assert contents(path) == before
