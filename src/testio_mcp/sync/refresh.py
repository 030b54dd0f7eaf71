"""Reads single units again for an answer, outside of a run. Each raises what kept it from that."""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

from sqlmodel import col

from testio_mcp.api.answers import Listing
from testio_mcp.api.payloads import TestPayload
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import Kind
from testio_mcp.errors import ApiNotFound
from testio_mcp.sync.context import SyncContext, unreadable
from testio_mcp.sync.deletions import delete_test
from testio_mcp.sync.pages import Hole, TestList, Worth
from testio_mcp.sync.portions import PER_PAGE, QUIET_PAGES
from testio_mcp.sync.problems import open_problems
from testio_mcp.sync.stamps import stamp, take_whole_list
from testio_mcp.sync.steps_bugs import sync_bugs_of
from testio_mcp.sync.steps_catalogue import sync_features
from testio_mcp.sync.steps_tests import pages_of
from testio_mcp.sync.store_bugs import store_bug
from testio_mcp.sync.store_catalogue import keep_product, load_reasons
from testio_mcp.sync.store_tests import store_test, store_tests
from testio_mcp.tables import Problem, Product, Test


async def refresh_features(sync: SyncContext, product_id: int) -> None:
    fetched = await sync.client.product(product_id)
    await sync_features(sync, fetched.payload)


async def refresh_tests(
    sync: SyncContext, product_id: int, test_ids: Collection[int], *, with_list: bool
) -> None:
    """These tests of a product, and before them the news of its list if `with_list`."""
    seen = await _refresh_list(sync, product_id) if with_list else set()
    left = set(test_ids) - seen
    if len(left) > 1:
        async with sync.database.read() as session:
            pages = await pages_of(session, product_id, left)
        for page in pages:
            left -= await _refresh_page(sync, product_id, page)
    for id in sorted(left):
        await refresh_test(sync, product_id, id)


async def refresh_bugs(sync: SyncContext, product_id: int, test_ids: Collection[int]) -> None:
    await load_reasons(sync)
    await sync_bugs_of(sync, product_id, sorted(test_ids))


async def look_up(sync: SyncContext, kind: str, id: int) -> None:
    """Store what the cache has never seen, with what it belongs to; raises ApiNotFound."""
    if kind == "product":
        await _look_up_product(sync, id)
    elif kind == "test":
        await _look_up_test(sync, id)
    elif kind == "bug":
        await _look_up_bug(sync, id)
    else:
        raise ApiNotFound(f"TestIO cannot be asked for {kind} {id}.")


async def _look_up_product(sync: SyncContext, product_id: int) -> None:
    if sync.options.product_ids and product_id not in sync.options.product_ids:
        raise ApiNotFound(f"Product {product_id} is outside TESTIO_PRODUCT_IDS.")
    await keep_product(sync, await sync.client.product(product_id))


async def _look_up_test(sync: SyncContext, test_id: int) -> None:
    fetched = await sync.client.test(test_id)
    product = fetched.payload.product
    if product is None:
        raise ApiNotFound(f"TestIO does not say whose test {test_id} is.")
    async with sync.database.read() as session:
        known = await session.get(Product, product.id)
    if known is None:
        await _look_up_product(sync, product.id)
    await store_test(sync, product.id, fetched)
    await refresh_bugs(sync, product.id, [test_id])


async def _look_up_bug(sync: SyncContext, bug_id: int) -> None:
    fetched = await sync.client.bug(bug_id)
    test_id = fetched.payload.test.id
    async with sync.database.read() as session:
        known = await session.get(Test, test_id)
    if known is None:
        await _look_up_test(sync, test_id)
    await load_reasons(sync)
    await store_bug(sync, fetched)


async def _refresh_list(sync: SyncContext, product_id: int) -> set[int]:
    """Read the newest pages until they hold no news; returns the tests on them."""

    async def keep(listing: Listing[TestPayload]) -> Worth:
        return Worth.NEWS if await _store(sync, product_id, listing) else Worth.NOTHING

    began = datetime.now(UTC)
    async with sync.database.write() as writing:
        whole = await take_whole_list(writing, sync.customer_id, product_id)
    listed = TestList(partial(sync.client.tests, product_id), keep)
    await listed.read_news(QUIET_PAGES)
    holes = [row for row in listed.rows if isinstance(row, Hole)]
    async with sync.database.read() as session:
        in_list = (col(Problem.product_id) == product_id, col(Problem.positions).is_not(None))
        are_known = await open_problems(session, sync.customer_id, *in_list)
    for row in holes:
        # What is missing has to be said, and only a sync finds out where.
        if not (row.is_bad_row and are_known):
            raise row.error
    if whole:
        ours = (sync.customer_id, Unit.ALL_TESTS, [product_id])
        async with sync.database.write() as writing:
            await stamp(writing, *ours, whole.at, whole.since)
            await stamp(writing, sync.customer_id, Unit.TESTS, [product_id], began, whole.since)
    return listed.ids


async def _refresh_page(sync: SyncContext, product_id: int, page: int) -> set[int]:
    listing = await sync.client.tests(product_id, page=page, per_page=PER_PAGE)
    await _store(sync, product_id, listing)
    return {item.payload.id for item in listing.items}


async def _store(sync: SyncContext, product_id: int, listing: Listing[TestPayload]) -> set[int]:
    failures = unreadable(Kind.TESTS, listing.unreadable, product_id)
    return await store_tests(sync, product_id, listing.items, listing.began, unreadable=failures)


async def refresh_test(sync: SyncContext, product_id: int, test_id: int) -> None:
    """One test, with how its features and user stories fared."""
    began = datetime.now(UTC)
    try:
        fetched = await sync.client.test(test_id)
    except ApiNotFound:
        await delete_test(sync, test_id, began)
    else:
        await store_test(sync, product_id, fetched)
