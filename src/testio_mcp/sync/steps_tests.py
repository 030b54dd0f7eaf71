"""Reads a product's tests: the news or all of them, and what the list should hold but does not."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import anyio
from sqlalchemy import false, func, or_, select
from sqlmodel import col

from testio_mcp.api.answers import Fetched, Listing
from testio_mcp.api.payloads import ProductPayload, TestPayload
from testio_mcp.database.engine import ReadSession, WriteSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.domain.tests import FINAL
from testio_mcp.errors import ApiError, ApiNotFound, ApiUnauthorized
from testio_mcp.sync.context import SyncContext, unreadable
from testio_mcp.sync.deletions import delete_test
from testio_mcp.sync.pages import Hole, Seen, TestList, Worth
from testio_mcp.sync.portions import PER_PAGE, QUIET_PAGES
from testio_mcp.sync.problems import (
    Failure,
    close,
    keep_candidates,
    mapped_tests,
    open_problems,
    remember,
    settle_mapped,
)
from testio_mcp.sync.rules import FULL_INTERVAL
from testio_mcp.sync.stamps import WholeList, stamp, take_whole_list
from testio_mcp.sync.store_tests import store_test, store_tests
from testio_mcp.sync.stretches import is_from_before, remember_stretches, stretches, unexplained
from testio_mcp.tables import Problem, Test

logger = logging.getLogger(__name__)


@dataclass
class _Reread:
    """Tests that were asked for by their ids."""

    found: list[Seen] = field(default_factory=list)
    failed: dict[int, ApiError] = field(default_factory=dict)
    gone: dict[int, ApiError] = field(default_factory=dict)


async def sync_tests(sync: SyncContext, product: ProductPayload) -> None:
    await _Tests(sync, product).sync()


class _Tests:
    """One product's tests in one sync."""

    def __init__(self, sync: SyncContext, product: ProductPayload) -> None:
        self._sync = sync
        self._product = product
        self._name = f"product {product.name} ({product.id})"
        self._since = sync.options.since
        self._began = datetime.now(UTC)
        self._unreadable: list[Failure] = []
        self._mapped: set[int] = set()
        # Ids of all rows that pages brought so far.
        self._met: set[int] = set()
        self._listed = TestList(partial(sync.client.tests, product.id), self._keep)

    async def sync(self) -> None:
        async with self._sync.database.write() as session:
            read_before = await take_whole_list(session, self._sync.customer_id, self._product.id)
        async with self._sync.database.read() as session:
            news_suffice = await self._news_suffice(session, read_before)
        if news_suffice:
            await self._listed.read_news(QUIET_PAGES)
        else:
            await self._listed.read_all()
        ends = await self._not_listed()
        await self._conclude(ends, await self._read_one_by_one(ends), read_before)

    async def _keep(self, listing: Listing[TestPayload]) -> Worth:
        recent = [item for item in listing.items if not self._is_past(item.payload.end_at)]
        # A row that shifted from one page to the next is not a second one.
        known = self._met
        bad = [item for item in listing.unreadable if item.id not in known]
        failures = unreadable(Kind.TESTS, bad, self._product.id)
        self._unreadable += failures
        written = await store_tests(
            self._sync,
            self._product.id,
            [item for item in recent if item.payload.id not in known],
            listing.began,
            unreadable=failures,
        )
        self._met |= {id for id in listing.ids if id is not None}
        if listing.items and not recent:
            return Worth.PAST
        return Worth.NEWS if written or failures else Worth.NOTHING

    def _is_past(self, end_at: datetime | None) -> bool:
        return self._since is not None and end_at is not None and end_at < self._since

    async def _news_suffice(self, session: ReadSession, read_before: WholeList | None) -> bool:
        """The rest is known, and no older row waits to be readable again."""
        if self._sync.options.force or read_before is None:
            return False
        if read_before.at < self._began - FULL_INTERVAL or not self._covers(read_before):
            return False
        # One without an id can be anywhere in the list.
        lost = (col(Problem.kind) == Subject.TEST) & col(Problem.item_id).is_(None)
        somewhere = col(Problem.positions).is_not(None) | lost
        ours = col(Problem.product_id) == self._product.id
        problems = await open_problems(session, self._sync.customer_id, somewhere, ours)
        since = self._since
        return all(since is not None and is_from_before(problem, since) for problem in problems)

    def _covers(self, read: WholeList) -> bool:
        """Whether that reading went as far back as this one is asked to."""
        return read.since is None or (self._since is not None and read.since <= self._since)

    async def _not_listed(self) -> dict[int, datetime | None]:
        """Cached tests that the list should have held or that may have changed, with their ends."""
        if not self._listed.is_whole:
            return {}
        async with self._sync.database.read() as session:
            absent = await self._absent(session)
            pages = (
                [] if self._listed.has_ended else await pages_of(session, self._product.id, absent)
            )
            self._mapped = await mapped_tests(session, self._product.id)
            unread = await self._unread_before(session)
        await self._listed.read_pages(pages)
        seen = self._listed.ids
        absent |= dict.fromkeys((self._mapped | unread) - absent.keys())
        return {id: end_at for id, end_at in absent.items() if id not in seen}

    async def _unread_before(self, session: ReadSession) -> set[int]:
        """Tests that made no sense when they were last met; the news may not reach them."""
        about_one = (col(Problem.kind) == Subject.TEST) & col(Problem.item_id).is_not(None)
        ours = col(Problem.product_id) == self._product.id
        problems = await open_problems(session, self._sync.customer_id, about_one, ours)
        return {problem.item_id for problem in problems if problem.item_id is not None}

    async def _absent(self, session: ReadSession) -> dict[int, datetime | None]:
        end_at = col(Test.end_at)
        query = select(col(Test.id), end_at).where(col(Test.product_id) == self._product.id)
        if self._since:
            query = query.where(or_(end_at.is_(None), end_at >= self._since))
        if not self._listed.is_complete:
            ends = [row.end_at for row in self._listed.rows if isinstance(row, Seen) and row.end_at]
            passed = end_at > min(ends) if ends else false()
            query = query.where(or_(col(Test.status).not_in(FINAL), passed))
        seen = self._listed.ids
        return {id: end_at for id, end_at in await fetch(session, query) if id not in seen}

    async def _read_one_by_one(self, ids: Iterable[int]) -> _Reread:
        reread = _Reread()

        async def one(id: int) -> None:
            began = datetime.now(UTC)
            try:
                fetched = await self._sync.client.test(id)
            except ApiUnauthorized:
                raise
            except ApiNotFound as error:
                await delete_test(self._sync, id, began)
                reread.gone[id] = error
            except ApiError as error:
                reread.failed[id] = error
            else:
                await self._keep_single(id, fetched, reread)

        async with anyio.create_task_group() as tasks:
            for id in ids:
                tasks.start_soon(one, id)
        return reread

    async def _keep_single(self, id: int, fetched: Fetched[TestPayload], reread: _Reread) -> None:
        try:
            owner = await store_test(self._sync, self._product.id, fetched)
        except ApiError as error:
            reread.failed[id] = error
            return
        if owner == self._product.id:
            reread.found.append(Seen(id, fetched.payload.end_at))
        else:
            reread.gone[id] = ApiError(f"Test {id} belongs to product {owner}.")

    async def _conclude(
        self, ends: Mapping[int, datetime | None], reread: _Reread, read_before: WholeList | None
    ) -> None:
        """Note how far the list was read, and which of its rows could not be."""
        sync, listed = self._sync, self._listed
        found = unexplained(stretches(listed.rows), reread.found)
        bad = [stretch for stretch in found if stretch.subject is Subject.TEST]
        in_holes = {id for id in reread.failed if any(one.may_hold(ends[id]) for one in bad)}
        in_holes |= self._mapped
        candidates = in_holes | await self._candidates() if bad else set()
        failures = [
            Failure(Subject.TEST, f"Test {id}", error.message, self._product.id, id)
            for id, error in sorted(reread.failed.items())
            if id not in in_holes
        ]
        if listed.has_moved:
            failures.append(self._list_failure("it kept changing while it was read."))
        async with sync.database.write() as session:
            await settle_mapped(
                session,
                sync.customer_id,
                self._product.id,
                {test.id for test in reread.found},
                {**reread.failed, **reread.gone},
            )
            events = await remember_stretches(
                session,
                sync.customer_id,
                self._product.id,
                listed.rows,
                found,
                is_complete=listed.is_complete,
                since=self._since if listed.has_reached_past else None,
            )
            await keep_candidates(session, sync.customer_id, events, candidates)
            await self._stamp(session, read_before, failures)
            await remember(session, sync.customer_id, failures)
        sync.note(Kind.TESTS, failures)
        for stretch in found:
            sync.tally.add(Kind.TESTS, Outcome.FAILED)
            sync.tally.incomplete.append(
                f"{stretch.where} of {self._name} could not be read: {stretch.error}"
            )
        if found:
            sync.last_error = next(row.error for row in listed.rows if isinstance(row, Hole))

    def _list_failure(self, error: str) -> Failure:
        return Failure(Subject.TESTS, f"The list of tests of {self._name}", error, self._product.id)

    async def _candidates(self) -> set[int]:
        """Tests that have bugs but no row."""
        try:
            listing = await self._sync.client.bugs_of_product(self._product.id, attempts=1)
        except ApiUnauthorized:
            raise
        except ApiError as error:
            logger.warning("No bugs to tell what is missing of %s: %s", self._name, error.message)
            return set()
        reported: dict[int, datetime] = {}
        for item in listing.items:
            at = item.payload.reported_at or self._began
            id = item.payload.test.id
            reported[id] = max(at, reported.get(id, at))
        # A test from before the time asked for is not missing.
        recent = {id for id, at in reported.items() if not self._is_past(at)}
        async with self._sync.database.read() as session:
            query = select(col(Test.id)).where(col(Test.product_id) == self._product.id)
            return recent - {id for (id,) in await fetch(session, query)}

    async def _stamp(
        self, session: WriteSession, read_before: WholeList | None, failures: Sequence[Failure]
    ) -> None:
        customer_id, product_id = self._sync.customer_id, self._product.id
        if self._listed.is_complete:
            still = [*self._unreadable, *failures]
            for subject in (Subject.TEST, Subject.TESTS):
                await close(session, customer_id, subject, product_id=product_id, but=still)
        if self._listed.has_moved or not self._listed.is_whole:
            return
        goes_back_further = read_before is not None and not self._reaches(read_before)
        since = read_before.since if read_before and goes_back_further else self._since
        await stamp(session, customer_id, Unit.TESTS, [product_id], self._began, since)
        whole = read_before
        if self._listed.is_complete and not goes_back_further:
            whole = WholeList(self._began, since)
        if whole:
            ids = [product_id]
            await stamp(session, customer_id, Unit.ALL_TESTS, ids, whole.at, whole.since)

    def _reaches(self, read: WholeList) -> bool:
        """Whether this reading went as far back as that one."""
        return self._since is None or (read.since is not None and self._since <= read.since)


async def pages_of(session: ReadSession, product_id: int, ids: Collection[int]) -> list[int]:
    """The pages on which these tests should be: the list is ordered by end."""
    place = func.row_number().over(order_by=col(Test.end_at).desc())
    query = select(col(Test.id), place).where(col(Test.product_id) == product_id)
    places = await fetch(session, query)
    return sorted({1 + (place - 1) // PER_PAGE for id, place in places if id in ids})
