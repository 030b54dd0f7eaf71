"""What a sync does: one function a kind of data, in the order they run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import anyio
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.api.answers import Item, Listing
from testio_mcp.api.payloads import FeaturePayload, ProductPayload, TestPayload, UserStoryPayload
from testio_mcp.database.engine import ReadSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import Kind
from testio_mcp.domain.tests import FINAL
from testio_mcp.errors import ApiError, ConfigurationError, InvalidRequest
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.freshness import settled
from testio_mcp.sync.mapping import sections_of
from testio_mcp.sync.pages import PER_PAGE, read_pages
from testio_mcp.sync.store import stamp
from testio_mcp.sync.store_bugs import store_bugs
from testio_mcp.sync.store_catalogue import (
    keep_features,
    keep_products,
    keep_reasons,
    keep_user_stories,
    load_reasons,
)
from testio_mcp.sync.store_tests import store_tests
from testio_mcp.tables import Product, Stamp, Test

# TestIO answers bugs unpaged; more tests a call risk its time-out (testio-api: Endpoints).
TESTS_PER_BUG_CALL = 20
# Bugs of an archived test are read once a day while they may be reviewed.
REVIEW_INTERVAL = timedelta(hours=23)


async def sync_all(sync: SyncContext) -> None:
    """Products first, then the rest of each product, many products at a time."""
    products = await sync_products(sync)
    await sync_reject_reasons(sync)
    sync.tally.products = len(products)
    async with anyio.create_task_group() as tasks:
        for product in products:
            tasks.start_soon(sync_product, sync, product)


async def sync_product(sync: SyncContext, product: ProductPayload) -> None:
    await sync_features(sync, product)
    await sync_tests(sync, product)
    await sync_bugs(sync, product)
    sync.tally.products_done += 1


async def sync_reject_reasons(sync: SyncContext) -> None:
    """Without the reasons rejected bugs would be stored without theirs, so they come first."""
    try:
        listing = await sync.client.reject_reasons()
    except ApiError as error:
        sync.failed("The list of reject reasons", Kind.BUGS, error)
    else:
        await keep_reasons(sync, listing)
    await load_reasons(sync)


async def sync_products(sync: SyncContext) -> list[ProductPayload]:
    """Store the products in question and return them."""
    listing = await sync.client.products()
    sync.unreadable(Kind.PRODUCTS, listing.unreadable)
    seen = {item.payload.id for item in listing.items}
    seen |= {item.id for item in listing.unreadable if item.id is not None}
    async with sync.database.read() as session:
        await _refuse_another_customer(session, seen)
    unknown = sorted(set(sync.options.product_ids) - seen)
    if unknown:
        raise InvalidRequest(
            f"TestIO knows no product {', '.join(map(str, unknown))}.",
            hint=f"Products of this token: {', '.join(map(str, sorted(seen)))}.",
        )
    wanted = [
        item
        for item in listing.items
        if not sync.options.product_ids or item.payload.id in sync.options.product_ids
    ]
    ours = await keep_products(sync, wanted, listing.began)
    return [item.payload for item in wanted if item.payload.id in ours]


async def _refuse_another_customer(session: ReadSession, seen: set[int]) -> None:
    cached = {id for (id,) in await fetch(session, select(col(Product.id)))}
    if cached and not cached & seen:
        raise ConfigurationError(
            "This token belongs to another customer: it sees none of the cached products.",
            hint="Set TESTIO_CUSTOMER_API_TOKEN to this customer's token, or give the other "
            "customer a cache of its own with TESTIO_DB_PATH and TESTIO_CUSTOMER_ID.",
        )


async def sync_features(sync: SyncContext, product: ProductPayload) -> None:
    """The catalogue: features, and the user stories that belong to them."""
    name = f"product {product.name} ({product.id})"
    try:
        features, stories = await _catalogue(sync, product)
    except ApiError as error:
        sync.failed(f"The features of {name}", Kind.FEATURES, error)
        return
    for _, found in features:
        sync.unreadable(Kind.FEATURES, found.unreadable)
    for _, listed in stories:
        sync.unreadable(Kind.USER_STORIES, listed.unreadable)
    await keep_features(sync, product.id, features)
    await keep_user_stories(sync, product.id, features, stories)


type Sectioned[P] = list[tuple[int | None, Listing[P]]]


async def _catalogue(
    sync: SyncContext, product: ProductPayload
) -> tuple[Sectioned[FeaturePayload], Sectioned[UserStoryPayload]]:
    """Complete, or an ApiError: nothing may be concluded from a part of it."""
    sections = list(sections_of(product))
    if not sections:
        try:
            features = await sync.client.features(product.id)
            stories = await sync.client.user_stories(product.id)
            return [(None, features)], [(None, stories)]
        except ApiError:
            # Some deployments ask for a section even where the product seems to have none.
            sections = [section.id for section in product.sections_with_default]
            if not sections:
                raise
    by_section: Sectioned[FeaturePayload] = []
    stories_by_section: Sectioned[UserStoryPayload] = []
    for id in sections:
        by_section.append((id, await sync.client.features(product.id, id)))
        stories_by_section.append((id, await sync.client.user_stories(product.id, id)))
    return by_section, stories_by_section


async def sync_tests(sync: SyncContext, product: ProductPayload) -> None:
    """All pages of a product's tests, or those since the instant that was asked for."""
    since, complete, began = sync.options.since, True, datetime.now(UTC)

    async def page(number: int) -> Listing[TestPayload]:
        return await sync.client.tests(product.id, page=number, per_page=PER_PAGE)

    async for number, listing in read_pages(page):
        if isinstance(listing, ApiError):
            name = f"product {product.name} ({product.id})"
            sync.failed(f"Page {number} of the tests of {name}", Kind.TESTS, listing)
            complete = False
            continue
        sync.unreadable(Kind.TESTS, listing.unreadable)
        recent = [item for item in listing.items if not _ended_before(item, since)]
        await store_tests(sync, product, recent, listing.began)
        if listing.items and not recent:
            break
    if complete:
        async with sync.database.write() as session:
            await stamp(session, sync.customer_id, Unit.TESTS, [product.id], began, since)


def _ended_before(item: Item[TestPayload], since: datetime | None) -> bool:
    end_at = item.payload.end_at
    return since is not None and end_at is not None and end_at < since


async def sync_bugs(sync: SyncContext, product: ProductPayload) -> None:
    """The bugs of every test that is new, may still change, or changed since they were read."""
    async with sync.database.read() as session:
        due = await _due(sync, session, product.id)
    async with anyio.create_task_group() as tasks:
        for start in range(0, len(due), TESTS_PER_BUG_CALL):
            tasks.start_soon(_sync_bugs_of, sync, due[start : start + TESTS_PER_BUG_CALL])


async def _sync_bugs_of(sync: SyncContext, test_ids: Sequence[int]) -> None:
    async with sync.units:
        try:
            listing = await sync.client.bugs(test_ids)
        except ApiError as error:
            name = f"{len(test_ids)} tests ({test_ids[0]} to {test_ids[-1]})"
            sync.failed(f"The bugs of {name}", Kind.BUGS, error)
            return
        sync.unreadable(Kind.BUGS, listing.unreadable)
        await store_bugs(sync, test_ids, listing)


async def _due(sync: SyncContext, session: ReadSession, product_id: int) -> list[int]:
    now = datetime.now(UTC)
    read, bugs = aliased(Stamp), aliased(Stamp)
    query = (
        select(col(Test.id))
        .join(read, and_(col(read.id) == col(Test.id), col(read.kind) == Unit.TEST), isouter=True)
        .join(bugs, and_(col(bugs.id) == col(Test.id), col(bugs.kind) == Unit.BUGS), isouter=True)
        .where(col(Test.product_id) == product_id)
        .order_by(col(Test.id).desc())
    )
    if sync.options.since:
        query = query.where(or_(col(Test.end_at).is_(None), col(Test.end_at) >= sync.options.since))
    if not sync.options.force:
        final = col(Test.status).in_(FINAL)
        became_final = func.coalesce(col(Test.status_changed_at), col(Test.first_seen_at))
        rested = final & (col(bugs.at) >= became_final)
        read_today = rested & (col(bugs.at) > now - REVIEW_INTERVAL)
        done = settled(now - sync.review, Test, read, bugs) | read_today
        query = query.where(~func.coalesce(done, False))
    return [id for (id,) in await fetch(session, query)]
