"""Writes what tests and bugs refer to: products, features, user stories, reject reasons, users."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlmodel import SQLModel, col

from testio_mcp.api.answers import Fetched, Item, Listing
from testio_mcp.api.payloads import (
    FeaturePayload,
    ProductPayload,
    RejectReasonPayload,
    UserStoryPayload,
)
from testio_mcp.database.engine import WriteSession, fetch
from testio_mcp.domain.bugs import BugStatus
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.domain.text import clean
from testio_mcp.sync.context import SyncContext, unreadable
from testio_mcp.sync.mapping import (
    Row,
    feature_row,
    folded,
    product_row,
    reason_row,
    user_story_row,
)
from testio_mcp.sync.problems import Failure, close, remember
from testio_mcp.sync.stamps import forget_stamps, read_later, stamp
from testio_mcp.sync.statements import among, insert_missing, table_of, upsert
from testio_mcp.sync.store import SINGLE, Raw, existing_ids, keep
from testio_mcp.tables import Bug, Customer, Feature, Product, RejectReason, User, UserStory

# Each listing with the section it was read for, None where a product has no sections.
type Sectioned[P] = Sequence[tuple[int | None, Listing[P]]]


async def keep_products(
    sync: SyncContext,
    items: Sequence[Item[ProductPayload]],
    listing: Listing[ProductPayload],
    unread: Sequence[Failure],
) -> set[int]:
    """Store these items of the list of products; those that it lacks and that are `unread` stay.

    Returns the ids that are ours: another customer's product stays as it is.
    """
    found = [(Raw.of(item.payload.id, item.raw), product_row(item.payload)) for item in items]
    failures = unreadable(Kind.PRODUCTS, listing.unreadable)
    async with sync.database.write() as session:
        await insert_missing(session, Customer, [{"id": sync.customer_id, "host": sync.host}])
        if not await read_later(session, sync.customer_id, Unit.PRODUCTS, [0], listing.began):
            kept = await keep(session, sync, Kind.PRODUCTS, Product, found)
            failures += kept.failures
            still = [*failures, *unread]
            await close(session, sync.customer_id, Subject.PRODUCT, but=still)
            await remember(session, sync.customer_id, failures)
            await stamp(session, sync.customer_id, Unit.PRODUCTS, [0], listing.began)
        ids = [item.payload.id for item in items]
        ours = await existing_ids(session, Product, ids, sync.customer_id)
    sync.note(Kind.PRODUCTS, failures)
    return ours


async def keep_product(sync: SyncContext, fetched: Fetched[ProductPayload]) -> None:
    """One product that was asked for by its id."""
    raw = Raw.of(fetched.payload.id, fetched.raw)
    async with sync.database.write() as session:
        row = (raw, product_row(fetched.payload))
        await keep(session, sync, Kind.PRODUCTS, Product, [row], SINGLE)


async def keep_reasons(sync: SyncContext, listing: Listing[RejectReasonPayload]) -> None:
    rows = [{**reason_row(item.payload), "customer_id": sync.customer_id} for item in listing.items]
    async with sync.database.write() as session:
        known = await fetch(
            session, select(col(RejectReason.key), col(RejectReason.default_comment))
        )
        await upsert(session, RejectReason, rows)
        if {(row["key"], row["default_comment"]) for row in rows} - {tuple(row) for row in known}:
            await _read_rejections_again(session, sync.customer_id)
        await close(session, sync.customer_id, Subject.REJECT_REASONS)
        await stamp(session, sync.customer_id, Unit.REJECT_REASONS, [0], listing.began)


async def _read_rejections_again(session: WriteSession, customer_id: int) -> None:
    """What was rejected without a known reason may have one now."""
    unexplained = (col(Bug.status) == BugStatus.REJECTED) & col(Bug.rejection_reason).is_(None)
    query = select(col(Bug.test_id)).where(unexplained, col(Bug.customer_id) == customer_id)
    tests = [id for (id,) in await fetch(session, query.distinct())]
    await forget_stamps(session, customer_id, (Unit.BUGS,), tests)


async def load_reasons(sync: SyncContext) -> None:
    """Remember the reasons by their default comments, the longest first: it may hold another."""
    async with sync.database.read() as session:
        query = select(col(RejectReason.default_comment), col(RejectReason.key))
        found = {folded(said): key for said, key in await fetch(session, query) if said}
    sync.reasons = dict(sorted(found.items(), key=lambda entry: -len(entry[0])))


async def keep_catalogue(
    sync: SyncContext,
    product_id: int,
    features: Sectioned[FeaturePayload],
    stories: Sectioned[UserStoryPayload],
) -> None:
    """Store a complete catalogue, of which every section answered, in one transaction."""
    began = min(listing.began for _, listing in features)
    unread = [item for _, listing in features for item in listing.unreadable]
    unread_stories = [item for _, listing in stories for item in listing.unreadable]
    async with sync.database.write() as session:
        if await read_later(session, sync.customer_id, Unit.FEATURES, [product_id], began):
            return
        failures = unreadable(Kind.FEATURES, unread, product_id)
        failures += await _keep_features(session, sync, product_id, features, not unread)
        lost_stories = unreadable(Kind.USER_STORIES, unread_stories, product_id)
        lost_stories += await _keep_user_stories(
            session, sync, product_id, features, stories, not unread_stories
        )
        for subject in (Subject.FEATURES, Subject.FEATURE, Subject.USER_STORY):
            still = [*failures, *lost_stories]
            await close(session, sync.customer_id, subject, product_id=product_id, but=still)
        await remember(session, sync.customer_id, [*failures, *lost_stories])
        await stamp(session, sync.customer_id, Unit.FEATURES, [product_id], began)
    sync.note(Kind.FEATURES, failures)
    sync.note(Kind.USER_STORIES, lost_stories)


async def _keep_features(
    session: WriteSession,
    sync: SyncContext,
    product_id: int,
    listings: Sectioned[FeaturePayload],
    all_readable: bool,
) -> list[Failure]:
    """A feature that several sections share is one row."""
    sections: defaultdict[int, set[int]] = defaultdict(set)
    items: dict[int, Item[FeaturePayload]] = {}
    for section_id, listing in listings:
        for item in listing.items:
            items[item.payload.id] = item
            sections[item.payload.id] |= {section_id} if section_id is not None else set()
    found = [
        (
            Raw.of(id, {**item.raw, "sections": sorted(sections[id])}),
            feature_row(item.payload, product_id, sorted(sections[id])),
        )
        for id, item in items.items()
    ]
    kept = await keep(session, sync, Kind.FEATURES, Feature, found)
    if all_readable:
        await _delete_missing(session, sync, Kind.FEATURES, Feature, product_id, items)
    return kept.failures


async def _keep_user_stories(
    session: WriteSession,
    sync: SyncContext,
    product_id: int,
    features: Sectioned[FeaturePayload],
    listings: Sectioned[UserStoryPayload],
    all_readable: bool,
) -> list[Failure]:
    """The catalogue's list says which stories there are, the features whose they are."""
    owners = {
        story.id: item.payload.id
        for _, listing in features
        for item in listing.items
        for story in item.payload.user_stories
        if story.id is not None
    }
    found = {}
    for section_id, listing in listings:
        for item in listing.items:
            id, owner = item.payload.id, owners.get(item.payload.id)
            row = user_story_row(item.payload, product_id, owner, section_id)
            found[id] = (Raw.of(id, {**item.raw, "feature": owner, "section": section_id}), row)
    kept = await keep(session, sync, Kind.USER_STORIES, UserStory, list(found.values()))
    if all_readable:
        await _delete_missing(session, sync, Kind.USER_STORIES, UserStory, product_id, found)
    return kept.failures


async def _delete_missing(
    session: WriteSession,
    sync: SyncContext,
    kind: Kind,
    model: type[SQLModel],
    product_id: int,
    present: Collection[int],
) -> None:
    """Mark what a complete catalogue does not hold any more; it keeps its name in figures."""
    columns = table_of(model).c
    query = select(columns.id).where(
        columns.customer_id == sync.customer_id,
        columns.product_id == product_id,
        columns.deleted_at.is_(None),
    )
    gone = {id for (id,) in await fetch(session, query)} - set(present)
    await session.exec(
        update(model).where(among(columns.id, gone)).values(deleted_at=datetime.now(UTC))
    )
    sync.tally.add(kind, Outcome.DELETED, len(gone))


async def user_ids(
    session: WriteSession, sync: SyncContext, type: str, names: Iterable[str | None]
) -> dict[str, int]:
    """Ids of people by their name as it was sent; those met for the first time get one."""
    wanted = {name: clean(name) for name in names if name}
    new = sorted({name for name in wanted.values() if name and (type, name) not in sync.users})
    if new:
        rows: list[Row] = [
            {"customer_id": sync.customer_id, "type": type, "name": name} for name in new
        ]
        await insert_missing(session, User, rows)
        query = select(col(User.name), col(User.id)).where(
            col(User.customer_id) == sync.customer_id,
            col(User.type) == type,
            col(User.name).in_(new),
        )
        sync.users.update({(type, name): id for name, id in await fetch(session, query)})
    return {sent: sync.users[type, name] for sent, name in wanted.items() if name}
