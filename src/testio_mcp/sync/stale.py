"""Which units that an answer rests on have to be read again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.database.engine import ReadSession, Record, fetch
from testio_mcp.domain.freshness import OF_A_PRODUCT, OF_A_TEST, Basis, Unit
from testio_mcp.sync.portions import (
    MOST_REQUESTS,
    QUIET_PAGES,
    REQUESTS_PER_CATALOGUE,
    TESTS_PER_BUG_CALL,
)
from testio_mcp.sync.rules import Rules, became_final, is_final, settled, stale_before
from testio_mcp.tables import Product, Stamp, Test, stamp_of

LISTED = (Unit.PRODUCTS, *OF_A_PRODUCT)


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
    limit = stale_before(rules, now)
    query = (
        select(col(Test.id), col(Test.product_id))
        .join(Stamp, stamp_of(Test, Stamp, Unit.EXECUTION), isouter=True)
        # Nobody looks for what is stale in an answer about a settled test.
        .where(or_(col(Stamp.at).is_(None), col(Stamp.at) < limit))
        .where(col(Test.id).in_(basis.test_ids or ()))
    )
    for id, product_id in await fetch(session, query):
        stale.executions[product_id].add(id)


async def _add_tests(
    session: ReadSession, basis: Basis, rules: Rules, now: datetime, stale: Stale
) -> None:
    read, bugs = aliased(Stamp), aliased(Stamp)
    limit = stale_before(rules, now)

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
        .join(read, stamp_of(Test, read, Unit.TEST), isouter=True)
        .join(bugs, stamp_of(Test, bugs, Unit.BUGS), isouter=True)
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
    final, at = is_final(Test), col(Stamp.at)
    of_test = and_(col(Stamp.kind).in_(OF_A_TEST), col(Test.id) == col(Stamp.id))
    of_product = and_(col(Stamp.kind).in_(OF_A_PRODUCT), col(Product.id) == col(Stamp.id))
    limit = stale_before(rules, now)
    ended = func.coalesce(col(Test.end_at), col(Test.first_seen_at))
    is_settled = and_(final, ended < now - rules.review, at >= became_final(Test))
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
