"""Writes tests, with the features as they stood in them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import delete

from testio_mcp.api.answers import Fetched, Item
from testio_mcp.api.payloads import TestPayload, without_secrets
from testio_mcp.database.engine import WriteSession
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind
from testio_mcp.errors import ApiError
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.mapping import (
    Row,
    analytics_row,
    execution_row,
    lost_feature_row,
    story_execution_rows,
    test_details_row,
    test_feature_row,
    test_row,
)
from testio_mcp.sync.problems import Failure, close, remember
from testio_mcp.sync.stamps import read_later, stamp
from testio_mcp.sync.statements import Prepared, insert_missing, table_of, upsert, within
from testio_mcp.sync.store import LIST, SINGLE, Raw, existing_ids, keep, replace_children
from testio_mcp.sync.store_catalogue import user_ids
from testio_mcp.tables import Feature, Product, StoryExecution, Test, TestDetails, TestFeature


async def store_tests(
    sync: SyncContext,
    product_id: int,
    items: Sequence[Item[TestPayload]],
    began: datetime,
    form: str = LIST,
    unreadable: Sequence[Failure] = (),
) -> set[int]:
    """One transaction: the tests, their parents and their children, and the stamp of each.

    Returns the ids of those that were new or changed.
    """
    raws = {item.payload.id: Raw.of(item.payload.id, without_secrets(item.raw)) for item in items}
    async with sync.database.write() as session:
        later = await read_later(session, sync.customer_id, Unit.TEST, raws, began)
        payloads = {item.payload.id: item.payload for item in items if item.payload.id not in later}
        people = await user_ids(
            session,
            sync,
            "customer",
            [name for test in payloads.values() for name in (test.created_by, test.submitted_by)],
        )
        found = [
            (raws[id], _row(payload, product_id, people, began)) for id, payload in payloads.items()
        ]
        kept = await keep(session, sync, Kind.TESTS, Test, found, form)
        written = [payloads[id] for id in sorted(kept.written)]
        await _keep_children(session, sync, product_id, written, form)
        stored = await existing_ids(session, Test, payloads, sync.customer_id)
        await stamp(session, sync.customer_id, Unit.TEST, stored, began)
        if form == SINGLE:
            await stamp(session, sync.customer_id, Unit.EXECUTION, stored, began)
        await close(session, sync.customer_id, Subject.TEST, items=stored)
        await remember(session, sync.customer_id, [*unreadable, *kept.failures])
    sync.note(Kind.TESTS, [*unreadable, *kept.failures])
    return kept.written


async def store_test(sync: SyncContext, product_id: int, fetched: Fetched[TestPayload]) -> int:
    """One test that was asked for by its id, of this product unless it names another one.

    Returns the id of the product it is of; raises ApiError where that one is not cached.
    """
    named = fetched.payload.product
    if named and named.id != product_id:
        async with sync.database.read() as session:
            known = await session.get(Product, named.id)
        if known is None:
            raise ApiError(
                f"Test {fetched.payload.id} belongs to product {named.id}, which is not synced."
            )
        product_id = named.id
    await store_tests(sync, product_id, [fetched], fetched.began, form=SINGLE)
    return product_id


def _row(payload: TestPayload, product_id: int, people: dict[str, int], began: datetime) -> Row:
    return {
        **test_row(payload, product_id),
        "created_by_id": people.get(payload.created_by or ""),
        "submitted_by_id": people.get(payload.submitted_by or ""),
        "first_seen_at": began,
        "status_changed_at": began,
    }


async def _keep_children(
    session: WriteSession,
    sync: SyncContext,
    product_id: int,
    tests: Sequence[TestPayload],
    form: str,
) -> None:
    owner = {"customer_id": sync.customer_id}
    # A list says nothing about executions, and what the single call said of them stays.
    is_single = form == SINGLE
    details = [
        {**test_details_row(test), **owner, **(analytics_row(test) if is_single else {})}
        for test in tests
    ]
    await upsert(session, TestDetails, details)
    await _keep_lost_features(session, sync, product_id, tests)
    named = [
        (test, feature)
        for test in tests
        for feature in test.features
        if feature.feature_id is not None
    ]
    features = [
        {
            **test_feature_row(feature, test.id),
            **owner,
            **(execution_row(feature) if is_single else {}),
        }
        for test, feature in named
    ]
    # A bug whose test feature goes keeps its feature.
    await _delete_features()(
        session, test_ids=[test.id for test in tests], kept=[row["id"] for row in features]
    )
    await upsert(session, TestFeature, features)
    if is_single:
        stories = [
            {**row, **owner} for _, feature in named for row in story_execution_rows(feature)
        ]
        parents = [row["id"] for row in features]
        await replace_children(session, StoryExecution, "test_feature_id", parents, stories)


@cache
def _delete_features() -> Prepared:
    table = table_of(TestFeature)
    kept = within(table.c.id, "kept")
    return Prepared(delete(table).where(within(table.c.test_id, "test_ids"), ~kept))


async def _keep_lost_features(
    session: WriteSession,
    sync: SyncContext,
    product_id: int,
    tests: Sequence[TestPayload],
) -> None:
    """A test can name a feature that left the catalogue; it is kept, marked as deleted."""
    named = {
        feature.feature_id: feature
        for test in tests
        for feature in test.features
        if feature.feature_id is not None
    }
    lost = named.keys() - await existing_ids(session, Feature, named, sync.customer_id)
    rows = [
        {
            **lost_feature_row(named[id], product_id),
            "customer_id": sync.customer_id,
            "deleted_at": datetime.now(UTC),
        }
        for id in sorted(lost)
    ]
    sync.lost_features[product_id] |= lost
    await insert_missing(session, Feature, rows)
