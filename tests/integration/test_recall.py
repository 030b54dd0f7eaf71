"""What readers remember, when they forget, and that nobody can tell the difference."""

from contextlib import AsyncExitStack

import pytest
from sqlalchemy import event, func, select
from sqlmodel import col
from tests.caches import GAME, SHOP, change, commit_something, ids
from tests.factories import ProductFactory
from tests.reading import served

from testio_mcp.database.engine import READERS, fetch, recall
from testio_mcp.errors import DatabaseError
from testio_mcp.tables import Product


@pytest.fixture
def asked(database):
    """The queries that reached SQLite."""
    found = []

    def note(_connection, _cursor, statement, *_):
        found.append(statement)

    event.listen(database._readers.sync_engine, "before_cursor_execute", note)
    return found


async def names(session):
    async def ask():
        return [name for (name,) in await fetch(session, select(col(Product.name)))]

    return await recall(session, "names", ask)


async def ask_once(database):
    async with database.read() as session:
        return await names(session)


async def test_what_was_asked_before_is_not_asked_again(database, save, asked):
    await save(ProductFactory(name="Shop"))
    assert await ask_once(database) == await ask_once(database) == ["Shop"]
    assert len(asked) == 1


async def test_what_others_commit_is_seen_at_once(database, save, path):
    await save(ProductFactory(id=1, name="Shop"))
    await ask_once(database)
    change(path, "UPDATE products SET name = 'Bank'")
    assert await ask_once(database) == ["Bank"]


async def test_what_nobody_has_committed_is_not_seen(database, save, asked):
    await save(ProductFactory(name="Shop"))
    await ask_once(database)
    async with database.write() as session:
        session.add(ProductFactory(name="Bank"))
        await session.flush()
        assert await ask_once(database) == ["Shop"]
    assert await ask_once(database) == ["Shop", "Bank"]


async def test_an_answer_of_before_stays_within_its_transaction(database, save):
    """All that one transaction reads is of one moment, remembered or not."""
    await save(ProductFactory(name="Shop"))
    await ask_once(database)
    async with database.read() as session:
        assert await names(session) == ["Shop"]
        await save(ProductFactory(name="Bank"))
        number = select(func.count()).select_from(Product)
        assert [tuple(row) for row in await fetch(session, number)] == [(1,)]
        assert await names(session) == ["Shop"]
        await session.rollback()
        assert await names(session) == ["Shop", "Bank"]
    assert await ask_once(database) == ["Shop", "Bank"]


async def test_a_writer_remembers_nothing(database, save):
    await save(ProductFactory(name="Shop"))
    async with database.write() as session:
        assert await names(session) == ["Shop"]
        session.add(ProductFactory(name="Bank"))
        await session.flush()
        assert await names(session) == ["Shop", "Bank"]


async def test_what_failed_is_asked_again(database, save, asked):
    await save(ProductFactory(name="Shop"))

    async def fail():
        raise RuntimeError("once")

    async with database.read() as session:
        with pytest.raises(RuntimeError, match="once"):
            await recall(session, "names", fail)
    assert await ask_once(database) == ["Shop"]


async def test_a_row_that_is_remembered_can_be_read_after_its_session(database, save):
    await save(ProductFactory(name="Shop"))

    async def first(session):
        async def ask():
            return (await fetch(session, select(Product)))[0].Product

        return await recall(session, "first", ask)

    async with database.read() as session:
        await first(session)
        # As when a call waits for TestIO.
        await session.rollback()
    async with database.read() as session:
        assert (await first(session)).name == "Shop"


CALLS = [
    ("list_products", {}),
    ("list_tests", {}),
    ("list_tests", {"product_ids": [SHOP], "changed_since": "last 30 days"}),
    ("list_bugs", {"detail": "full", "page_size": 5}),
    ("list_bugs", {"changed_since": "last 30 days"}),
    ("list_features", {"product_id": SHOP}),
    ("list_user_stories", {"product_id": SHOP}),
    ("list_users", {}),
    ("list_users", {"type": "customer"}),
    ("search", {"query": "checkout"}),
    ("get_product_summary", {"product_id": SHOP}),
    ("get_product_summary", {"product_id": GAME}),
    ("get_test_summary", {"test_id": "tests"}),
    ("get_bug_summary", {"bug_id": "bugs"}),
    ("get_feature_summary", {"feature_id": "features"}),
    ("get_user_summary", {"user": "users"}),
    ("query_metrics", {"metrics": ["bug_count", "acceptance_rate"], "by": ["product", "month"]}),
    ("generate_quality_report", {"period": "all"}),
]


@pytest.fixture
async def server(synced_path, settings, sandbox):
    async with served(settings, sandbox) as (client, _):

        async def answer(tool, arguments):
            given = {
                name: ids(synced_path, value)[0]
                if value in ("tests", "bugs", "features")
                else value
                for name, value in arguments.items()
            }
            if given.get("user") == "users":
                given["user"] = str(ids(synced_path, "users", "type = 'tester'")[0])
            return told((await client.call_tool(tool, given)).structured_content)

        yield answer


def told(answer):
    """Without when a report was made, which is not read from the file."""
    answer.get("report", {}).pop("generated_at", None)
    return answer


async def test_an_answer_from_memory_is_that_of_the_file(server, synced_path):
    """Each is asked after all others, whose work on a row that they share would show."""
    for call in CALLS:
        await server(*call)
    from_memory = [await server(*call) for call in reversed(CALLS)][::-1]
    commit_something(synced_path)
    from_file = [await server(*call) for call in CALLS]
    for call, remembered, read in zip(CALLS, from_memory, from_file, strict=True):
        assert remembered == read, call


async def test_where_no_transaction_can_begin_each_question_says_so(database):
    """Also the second one of a session, as diagnostics ask."""
    database._readers.pool._timeout = 0.01
    async with AsyncExitStack() as taken:
        for _ in range(READERS):
            await names(await taken.enter_async_context(database.read()))
        async with database.read() as session:
            for _ in range(2):
                with pytest.raises(DatabaseError, match="Too much is asked"):
                    await names(session)
    assert await ask_once(database) == []
