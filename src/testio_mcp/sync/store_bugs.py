"""Writes bugs, with their details and devices."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import blake2b

from sqlalchemy import bindparam, select
from sqlmodel import SQLModel

from testio_mcp.api.answers import Fetched, Item, Listing
from testio_mcp.api.payloads import BugPayload
from testio_mcp.database.engine import WriteSession, give_way
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind
from testio_mcp.sync.context import SyncContext, unreadable
from testio_mcp.sync.mapping import Row, bug_details_row, bug_device_rows, bug_row
from testio_mcp.sync.problems import close, close_bugs, remember
from testio_mcp.sync.stamps import read_later, stamp
from testio_mcp.sync.statements import Prepared, table_of, upsert, within
from testio_mcp.sync.store import LIST, SINGLE, Kept, Raw, existing_ids, keep, replace_children
from testio_mcp.sync.store_catalogue import user_ids
from testio_mcp.tables import Bug, BugDetails, BugDevice, Feature, Test, TestFeature

# Rows made before others have their turn: some 2 ms of work.
CHUNK = 25


async def store_bugs(
    sync: SyncContext,
    product_id: int | None,
    test_ids: Sequence[int],
    listing: Listing[BugPayload],
) -> dict[int, int]:
    """One transaction: all bugs of these tests, and the stamp of each test.

    Returns the bugs that these tests had and that the answer lacks, each with its test.
    """
    async with sync.database.write() as session:
        later = await read_later(session, sync.customer_id, Unit.BUGS, test_ids, listing.began)
        read = set(test_ids) - later
        kept = await _keep_bugs(session, sync, read, listing.items, listing.began)
        failures = unreadable(Kind.BUGS, listing.unreadable, product_id, test_ids) + kept.failures
        await close_bugs(session, sync.customer_id, read, but=failures)
        await remember(session, sync.customer_id, failures)
        stored = await existing_ids(session, Test, read, sync.customer_id)
        await stamp(session, sync.customer_id, Unit.BUGS, sorted(stored), listing.began)
        missing = await _missing(session, sync, read, listing.ids)
    sync.note(Kind.BUGS, failures)
    return missing


async def store_bug(sync: SyncContext, fetched: Fetched[BugPayload]) -> None:
    """One bug that was asked for by its id."""
    test_ids = {fetched.payload.test.id}
    async with sync.database.write() as session:
        later = await read_later(session, sync.customer_id, Unit.BUGS, test_ids, fetched.began)
        read = test_ids - later
        kept = await _keep_bugs(session, sync, read, [fetched], fetched.began, SINGLE)
        await close(session, sync.customer_id, Subject.BUG, items=[fetched.payload.id])
        await remember(session, sync.customer_id, kept.failures)
    sync.note(Kind.BUGS, kept.failures)


async def _keep_bugs(
    session: WriteSession,
    sync: SyncContext,
    test_ids: set[int],
    items: Sequence[Item[BugPayload]],
    began: datetime,
    form: str = LIST,
) -> Kept:
    """Those of these tests; a bug of another test is not what was asked for."""
    # A bug's reason for rejection follows from the list of reasons, so that is part of its hash.
    salt = blake2b(repr(sync.reasons).encode(), digest_size=16).digest()
    products_of = _by_id(Test, "product_id")
    products = dict(await products_of(session, customer_id=sync.customer_id, ids=test_ids))
    ours = [item for item in items if item.payload.test.id in products]
    references = await _References.of(session, sync, [item.payload for item in ours])
    found = []
    for number, item in enumerate(ours):
        if number % CHUNK == 0:
            await give_way(session)
        bug, refers_to = item.payload, references[item.payload]
        row = {**bug_row(bug, products[bug.test.id], sync.reasons), **refers_to}
        row["status_changed_at"] = began
        found.append((_made_of(Raw.of(bug.id, item.raw, salt), refers_to), row))
    kept = await keep(session, sync, Kind.BUGS, Bug, found, form)
    written = [item.payload for item in ours if item.payload.id in kept.written]
    await _keep_children(session, sync, written)
    return kept


async def _missing(
    session: WriteSession,
    sync: SyncContext,
    test_ids: set[int],
    listed: Sequence[int | None],
) -> dict[int, int]:
    ours = {"customer_id": sync.customer_id, "ids": test_ids}
    had = dict(await _bugs_of_tests()(session, **ours))
    return {id: had[id] for id in had.keys() - set(listed)}


@cache
def _bugs_of_tests() -> Prepared:
    columns = table_of(Bug).c
    return Prepared(
        select(columns.id, columns.test_id).where(
            columns.customer_id == bindparam("customer_id"),
            within(columns.test_id, "ids"),
            columns.deleted_at.is_(None),
        )
    )


def _made_of(raw: Raw, references: Row) -> Raw:
    """The rows that a bug refers to can come and go while the bug stays as it is."""
    made_of = raw.hash + repr(references).encode()
    return replace(raw, hash=blake2b(made_of, digest_size=16).digest())


@cache
def _by_id(model: type[SQLModel], column: str) -> Prepared:
    """A column of each row that is stored."""
    columns = table_of(model).c
    ours = columns.customer_id == bindparam("customer_id")
    return Prepared(select(columns.id, columns[column]).where(within(columns.id, "ids"), ours))


class _References:
    """Ids of the rows that bugs refer to; null where there is no such row."""

    def __init__(
        self, people: dict[str, int], test_features: dict[int, int], features: set[int]
    ) -> None:
        self._people = people
        self._test_features = test_features
        self._features = features

    @classmethod
    async def of(
        cls, session: WriteSession, sync: SyncContext, bugs: Sequence[BugPayload]
    ) -> "_References":
        authors = [bug.author.name for bug in bugs if bug.author]
        people = await user_ids(session, sync, "tester", authors)
        named = {bug.test_feature.id for bug in bugs if bug.test_feature}
        features_of = _by_id(TestFeature, "feature_id")
        test_features = dict(await features_of(session, customer_id=sync.customer_id, ids=named))
        ids = {bug.test_feature.feature_id for bug in bugs if bug.test_feature} - {None}
        features = await existing_ids(
            session, Feature, {id for id in ids if id is not None}, sync.customer_id
        )
        return cls(people, test_features, features)

    def __getitem__(self, bug: BugPayload) -> Row:
        author = bug.author.name if bug.author else None
        reference = bug.test_feature
        stored = self._test_features.get(reference.id) if reference else None
        named = reference.feature_id if reference else None
        return {
            "reporter_id": self._people.get(author or ""),
            "test_feature_id": reference.id if reference and stored is not None else None,
            "feature_id": stored or (named if named in self._features else None),
        }


async def _keep_children(
    session: WriteSession, sync: SyncContext, bugs: Sequence[BugPayload]
) -> None:
    owner = {"customer_id": sync.customer_id}
    await upsert(session, BugDetails, [{**bug_details_row(bug), **owner} for bug in bugs])
    devices = [{**row, **owner} for bug in bugs for row in bug_device_rows(bug)]
    ids = [bug.id for bug in bugs]
    await replace_children(session, BugDevice, "bug_id", ids, devices)
