"""An answer fetched earlier never overwrites one fetched later."""

import pytest
from tests.caches import GAME, change, contents, stamps, sync
from tests.watching import watch_requests

from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import SyncOptions, Tally
from testio_mcp.sync.deletions import delete_bug, delete_product, delete_test
from testio_mcp.sync.store_bugs import store_bug
from testio_mcp.sync.store_tests import store_test

pytestmark = pytest.mark.usefixtures("unhurried")

LIST = f"products/{GAME}/exploratory_tests"
LATER = "2100-01-01 00:00:00.000000"


@pytest.fixture
def sandbox(sandbox):
    sandbox.watched = watch_requests(sandbox)
    return sandbox


async def overtaken(app, sandbox, world, path, where, unit, id, **options):
    """Sync, and while an answer is under way let a later one be stored."""

    def meanwhile():
        change(path, "UPDATE stamps SET at = ? WHERE kind = ? AND id = ?", LATER, unit, id)

    with sandbox.watched.once(where, meanwhile) as asked:
        await sync(app, **options)
    assert asked


@pytest.mark.parametrize(
    ("unit", "table"),
    [
        (Unit.TEST, "tests"),
        (Unit.BUGS, "bugs"),
        (Unit.FEATURES, "features"),
        (Unit.PRODUCTS, "products"),
    ],
)
async def test_an_older_answer_changes_no_row(synced, sandbox, world, path, unit, table):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "running")
    world.set_field("test", test, "title", "Older")
    world.set_field("bug", world.bug_ids(test)[0], "title", "Older")
    world.set_field("product", GAME, "name", "Older")
    world.delete_feature(world.features(GAME)[0].id)
    where, id = {
        Unit.TEST: (LIST, test),
        Unit.BUGS: ("bugs", test),
        Unit.FEATURES: (f"products/{GAME}/features", GAME),
        Unit.PRODUCTS: ("products", 0),
    }[unit]
    before = contents(path)[table]
    await overtaken(synced, sandbox, world, path, where, unit, id, product_ids=(GAME,), force=True)
    assert contents(path)[table] == before
    assert set(stamps(path, unit).values()) & {LATER}


async def test_an_older_answer_about_one_thing_changes_no_row(synced, world, path):
    test = next(id for id in world.test_ids(GAME) if world.status(id) == "running")
    bug = world.bug_ids(test)[0]
    context = synced.syncer._new_context(SyncOptions(), Tally())
    world.set_field("test", test, "title", "Older")
    world.set_field("bug", bug, "title", "Older")
    older = [await context.client.test(test), await context.client.bug(bug)]
    began = older[0].began
    await sync(synced, product_ids=(GAME,))
    world.set_field("test", test, "title", "Newer")
    world.set_field("bug", bug, "title", "Newer")
    await sync(synced, product_ids=(GAME,))
    before = contents(path)
    await store_test(context, GAME, older[0])
    await store_bug(context, older[1])
    await delete_test(context, test, began)
    await delete_bug(context, bug, test, began)
    await delete_product(context, GAME, began)
    assert contents(path) == before


async def test_an_older_answer_about_one_product_deletes_nothing(synced, sandbox, world, path):
    world.delete_product(GAME)
    before = contents(path)["products"]
    where = f"products/{GAME}"
    await overtaken(synced, sandbox, world, path, where, Unit.PRODUCTS, 0)
    assert contents(path)["products"] == before
