"""Reads what tests and bugs refer to: products, features, user stories, reject reasons."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlmodel import col

from testio_mcp.api.answers import Item, Listing
from testio_mcp.api.payloads import FeaturePayload, ProductPayload, UserStoryPayload
from testio_mcp.database.engine import ReadSession, fetch
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind
from testio_mcp.errors import ApiError, ApiNotFound, ConfigurationError, InvalidRequest
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.deletions import delete_product
from testio_mcp.sync.mapping import sections_of
from testio_mcp.sync.problems import Failure
from testio_mcp.sync.store_catalogue import (
    keep_catalogue,
    keep_products,
    keep_reasons,
    load_reasons,
)
from testio_mcp.tables import Product

type Sectioned[P] = list[tuple[int | None, Listing[P]]]


async def sync_reject_reasons(sync: SyncContext) -> None:
    """Without the reasons rejected bugs would be stored without theirs, so they come first."""
    try:
        listing = await sync.client.reject_reasons()
    except ApiError as error:
        failure = Failure(Subject.REJECT_REASONS, "The list of rejection reasons", error.message)
        await sync.failed(Kind.BUGS, error, failure.line, [failure])
    else:
        await keep_reasons(sync, listing)
    await load_reasons(sync)


async def sync_products(sync: SyncContext) -> list[ProductPayload]:
    """Store the products in question and return them.

    Raises ConfigurationError for a token of another customer.
    """
    listing = await sync.client.products()
    seen = {id for id in listing.ids if id is not None}
    async with sync.database.read() as session:
        known = await _known(session)
    present = {id for id, is_present in known.items() if is_present}
    _refuse_another_customer(present, seen)
    wanted = set(sync.options.product_ids)
    _refuse_unknown(wanted - seen - known.keys(), seen)
    gone = present - seen
    failures: list[Failure] = []
    confirmed = [await _confirmed(sync, id, failures) for id in sorted(gone & (wanted or gone))]
    every = [*listing.items, *(item for item in confirmed if item)]
    items = [item for item in every if not wanted or item.payload.id in wanted]
    ours = await keep_products(sync, items, listing, failures)
    return [item.payload for item in items if item.payload.id in ours]


def _refuse_unknown(unknown: set[int], seen: set[int]) -> None:
    if unknown:
        raise InvalidRequest(
            f"TestIO knows no product {', '.join(map(str, sorted(unknown)))}.",
            hint=f"Products of this token: {', '.join(map(str, sorted(seen)))}.",
        )


async def _known(session: ReadSession) -> dict[int, bool]:
    """The cached products, and whether TestIO still had each when last asked."""
    query = select(col(Product.id), col(Product.deleted_at)).execution_options(with_deleted=True)
    return {id: deleted_at is None for id, deleted_at in await fetch(session, query)}


async def _confirmed(
    sync: SyncContext, product_id: int, failures: list[Failure]
) -> Item[ProductPayload] | None:
    """A product that left the list; marked as deleted if TestIO has none of that id."""
    began = datetime.now(UTC)
    try:
        fetched = await sync.client.product(product_id)
    except ApiNotFound:
        await delete_product(sync, product_id, began)
    except ApiError as error:
        failure = Failure(
            Subject.PRODUCT, f"Product {product_id}", error.message, item_id=product_id
        )
        failures.append(failure)
        await sync.failed(Kind.PRODUCTS, error, failure.line, [failure])
    else:
        return fetched
    return None


def _refuse_another_customer(cached: set[int], seen: set[int]) -> None:
    if cached and not cached & seen:
        raise ConfigurationError(
            "This token belongs to another customer: it sees none of the cached products.",
            hint="Set TESTIO_CUSTOMER_API_TOKEN to this customer's token, or give the other "
            "customer a cache of its own with TESTIO_DB_PATH and TESTIO_CUSTOMER_ID.",
        )


async def sync_features(sync: SyncContext, product: ProductPayload) -> bool:
    """The catalogue: features, and the user stories that belong to them; whether it was read."""
    try:
        features, stories = await _catalogue(sync, product)
    except ApiError as error:
        what = f"The features of product {product.name} ({product.id})"
        failure = Failure(Subject.FEATURES, what, error.message, product.id)
        await sync.failed(Kind.FEATURES, error, failure.line, [failure])
        return False
    await keep_catalogue(sync, product.id, features, stories)
    return True


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
