"""Which units that an answer rests on have to be read again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import ReadSession, Record, fetch
from testio_mcp.domain.freshness import Basis, Unit
from testio_mcp.domain.tests import FINAL
from testio_mcp.sync.rules import REVIEW_TTL, Rules, settled
from testio_mcp.sync.steps_bugs import TESTS_PER_BUG_CALL
from testio_mcp.sync.steps_tests import QUIET_PAGES
from testio_mcp.tables import Product, Stamp, Test

# Beyond so many requests a call leaves the reading to the sync.
MOST_REQUESTS = 10
# A catalogue takes the product itself, its features and its user stories.
REQUESTS_PER_CATALOGUE = 3
OF_TESTS = (Unit.TEST, Unit.BUGS, Unit.EXECUTION)
LISTED = (Unit.PRODUCTS, Unit.TESTS, Unit.ALL_TESTS, Unit.FEATURES)


@dataclass
class Stale:
    """Ids of products, and of tests by product."""

    products: bool = False
    lists: set[int] = field(default_factory=set)
    features: set[int] = field(default_factory=set)
    tests: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    bugs: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    # The answer about a single test brings the test as well.
    executions: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    # Only a sync reads what was never read from end to end.
    needs_sync: bool = False
    # There is nothing older to serve instead.
    was_never_read: bool = False

    @property
    def is_little(self) -> bool:
        """Whether a call may read it itself."""
        return not self.needs_sync and self.requests <= MOST_REQUESTS

    @property
    def requests(self) -> int:
        """About how many requests reading it takes."""
        return (
            self.products
            + QUIET_PAGES * len(self.lists)
            + REQUESTS_PER_CATALOGUE * len(self.features)
            # Tests of one product mostly stand on a page or two.
            + sum(min(len(ids), 2) for ids in self.tests.values())
            + sum(ceil(len(ids) / TESTS_PER_BUG_CALL) for ids in self.bugs.values())
            + sum(len(ids) for ids in self.executions.values())
        )


async def stale_units(
    session: ReadSession, bases: Iterable[Basis], rules: Rules, now: datetime
) -> Stale:
    stale = Stale()
    for basis in bases:
        await _add_lists(session, basis, rules, now, stale)
        if basis.executions:
            await _add_executions(session, basis, rules, now, stale)
        if basis.test_ids != ():
            await _add_tests(session, basis, rules, now, stale)
    return stale


async def _add_lists(
    session: ReadSession, basis: Basis, rules: Rules, now: datetime, stale: Stale
) -> None:
    query = select(col(Product.id))
    if basis.product_ids:
        query = query.where(col(Product.id).in_(basis.product_ids))
    products = [id for (id,) in await fetch(session, query)]
    stamped = select(col(Stamp.kind), col(Stamp.id), col(Stamp.at))
    rows = await fetch(session, stamped.where(col(Stamp.kind).in_(LISTED)))
    stamps = {(row.kind, row.id): row.at for row in rows}
    limit = now - rules.ttl
    if basis.of_all_products:
        read_at = stamps.get((Unit.PRODUCTS, 0))
        stale.products |= read_at is not None and read_at < limit
        stale.needs_sync |= read_at is None
        stale.was_never_read |= read_at is None
    for kind, wanted, ids in (
        (Unit.TESTS, basis.lists, stale.lists),
        (Unit.FEATURES, basis.features, stale.features),
    ):
        for id in products if wanted else ():
            read_at = stamps.get((kind, id))
            if read_at is None or read_at < limit:
                ids.add(id)
            stale.was_never_read |= read_at is None
    stale.needs_sync |= any((Unit.ALL_TESTS, id) not in stamps for id in stale.lists)


async def _add_executions(
    session: ReadSession, basis: Basis, rules: Rules, now: datetime, stale: Stale
) -> None:
    """Also those that were never read; but the rest of the answer is not to wait for them long."""
    limit = case((col(Test.status).in_(FINAL), now - REVIEW_TTL), else_=now - rules.ttl)
    query = (
        select(col(Test.id), col(Test.product_id))
        .join(Stamp, _stamp_of(Stamp, Unit.EXECUTION), isouter=True)
        # Nobody looks for what is stale in an answer about a settled test.
        .where(or_(col(Stamp.at).is_(None), col(Stamp.at) < limit))
        .where(col(Test.id).in_(basis.test_ids or ()))
    )
    for id, product_id in await fetch(session, query):
        stale.executions[product_id].add(id)


def _stamp_of(stamp: Any, unit: Unit) -> ColumnElement[bool]:
    return and_(col(stamp.id) == col(Test.id), col(stamp.kind) == unit)


async def _add_tests(
    session: ReadSession, basis: Basis, rules: Rules, now: datetime, stale: Stale
) -> None:
    read, bugs = aliased(Stamp), aliased(Stamp)
    limit = case((col(Test.status).in_(FINAL), now - REVIEW_TTL), else_=now - rules.ttl)

    def is_due(kind: Any) -> ColumnElement[bool]:
        return or_(kind.at.is_(None), kind.at < limit)

    query = (
        select(
            col(Test.id),
            col(Test.product_id),
            col(bugs.at),
            is_due(read).label("test"),
            is_due(bugs).label("bugs"),
        )
        .join(read, _stamp_of(read, Unit.TEST), isouter=True)
        .join(bugs, _stamp_of(bugs, Unit.BUGS), isouter=True)
        .where(~func.coalesce(settled(now - rules.review, Test, read, bugs), False))
        .where(or_(*[is_due(read)] * basis.tests, *[is_due(bugs)] * basis.bugs, false()))
    )
    if basis.product_ids:
        query = query.where(col(Test.product_id).in_(basis.product_ids))
    if basis.test_ids is not None:
        query = query.where(col(Test.id).in_(basis.test_ids))
    for row in await fetch(session, query):
        if row.test and basis.tests and row.id not in stale.executions.get(row.product_id, ()):
            stale.tests[row.product_id].add(row.id)
        if row.bugs and basis.bugs:
            stale.bugs[row.product_id].add(row.id)
            stale.was_never_read |= row.at is None


async def overview(session: ReadSession, rules: Rules, now: datetime) -> list[Record]:
    """By kind and product: units, the oldest and the newest stamp, how many are stale."""
    final, at = col(Test.status).in_(FINAL), col(Stamp.at)
    of_test = and_(col(Stamp.kind).in_(OF_TESTS), col(Test.id) == col(Stamp.id))
    of_product = and_(col(Stamp.kind).in_(LISTED), col(Product.id) == col(Stamp.id))
    limit = case((final, now - REVIEW_TTL), else_=now - rules.ttl)
    became_final = func.coalesce(col(Test.status_changed_at), col(Test.first_seen_at))
    ended = func.coalesce(col(Test.end_at), col(Test.first_seen_at))
    is_settled = and_(final, ended < now - rules.review, at >= became_final)
    # Of what a session may not see there is a stamp, but neither a test nor a product.
    is_visible = or_(col(Stamp.id) == 0, col(Test.id).is_not(None), col(Product.id).is_not(None))
    product_id = func.coalesce(col(Product.id), col(Test.product_id))
    # What is read once a day, or once, or only when somebody asks is never stale.
    ages = col(Stamp.kind).not_in((Unit.ALL_TESTS, Unit.REJECT_REASONS, Unit.EXECUTION))
    stale = and_(ages, at < limit, ~func.coalesce(is_settled, False))
    query = (
        select(
            col(Stamp.kind),
            product_id.label("product_id"),
            func.count().label("units"),
            func.min(at).label("oldest"),
            func.max(at).label("newest"),
            func.count().filter(stale).label("stale"),
        )
        .join(Test, of_test, isouter=True)
        .join(Product, of_product, isouter=True)
        .where(is_visible)
        .group_by(col(Stamp.kind), product_id)
    )
    return await fetch(session, query)
