"""Questions about products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testio_mcp.analytics.dimensions import Named
from testio_mcp.analytics.metrics import OF_FRAGILITY, most_fragile
from testio_mcp.domain.calendar import minute
from testio_mcp.domain.figures import Scope, in_order
from testio_mcp.domain.freshness import Basis, State
from testio_mcp.domain.names import holds, plain
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.products import ProductFilter
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestStatus
from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import InvalidRequest, NotFound
from testio_mcp.services.figures import bug_figures
from testio_mcp.services.pages import in_order_of, page_of
from testio_mcp.services.reading import read_through
from testio_mcp.views.base import Page
from testio_mcp.views.products import (
    Environment,
    FragileFeature,
    ProductAnswer,
    ProductDetail,
    ProductSummary,
    TestCounts,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.sync.freshness import FreshnessReader

# Features to name.
MOST_FRAGILE = 5
# Names to offer where one is not clear.
SUGGESTED = 5


class ProductService:
    def __init__(
        self,
        products: ProductRepository,
        figures: FigureRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._products = products
        self._figures = figures
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(self, wanted: ProductFilter, paging: Paging) -> Page[ProductSummary]:
        now = datetime.now(UTC)
        found = await self._products.find(wanted, now)
        found = [row for row in found if holds(row.Product.name, wanted.search)]
        ids = tuple(row.Product.id for row in found)
        statuses = await self._statuses(ids)
        # A customer has few products, so that all are counted and then sorted.
        summaries = in_order_of(await self._summaries(found, statuses, now), _key, paging)
        basis = Basis(product_ids=ids if wanted.types else (), bugs=True, features=True)
        return page_of(
            paging.cut(summaries),
            len(summaries),
            paging,
            await self._freshness.of(basis, now),
        )

    @read_through
    async def get(self, product_id: int) -> ProductAnswer:
        now = datetime.now(UTC)
        row = await self._products.get(product_id, now)
        if row is None:
            raise NotFound("product", product_id)
        basis = Basis(product_ids=(product_id,), bugs=True, features=True)
        freshness = await self._freshness.of(basis, now)
        statuses = await self._statuses((product_id,))
        (summary,) = await self._summaries([row], statuses, now)
        scope = Scope(product_ids=(product_id,))
        every = Scope(product_ids=(product_id,), statuses=())
        environments = await self._figures.measure(("test_count",), every, by=("test_environment",))
        return ProductAnswer(
            product=ProductDetail(
                **summary.model_dump(exclude={"bugs", "tests"}),
                description=row.Product.description,
                sections=[
                    section["name"] or str(section["id"]) for section in row.Product.sections
                ],
                tests=summary.tests,
                tests_by_status=in_order(statuses[product_id], list(TestStatus)),
                bugs=await bug_figures(self._figures, scope, read=summary.bugs is not None),
                user_stories=row.user_stories if row.features_read_at else None,
                fragile_features=[*await self._fragile(scope)] if summary.bugs else [],
                environments=sorted(
                    (Environment(title=title, tests=n) for title, n in environments if title),
                    key=lambda environment: (-environment.tests, environment.title),
                ),
            ),
            freshness=freshness,
        )

    async def names(self) -> dict[int, str]:
        """By id, of the products in the copy; TestIO is not asked."""
        return await self._products.names()

    async def resolve(self, names: Iterable[str]) -> dict[str, int]:
        """By name, the id of the product that is called so, or the only one whose name holds it.

        Raises InvalidRequest, with candidates, for any other name.
        """
        wanted, products = [*names], await self._products.names()
        try:
            return {name: _named(name, products) for name in wanted}
        except InvalidRequest:
            # A list that was never read, or is old, may lack it.
            found = await self._freshness.of(Basis(), datetime.now(UTC))
            if found.state is State.FRESH or not await self._freshness.renew():
                raise
        products = await self._products.names()
        return {name: _named(name, products) for name in wanted}

    async def _fragile(self, scope: Scope) -> Sequence[FragileFeature]:
        rows = await self._figures.measure(OF_FRAGILITY, scope, by=("feature",))
        worst = most_fragile(rows)[:MOST_FRAGILE]
        titles = await self._figures.names(Named.FEATURE, [row.feature for _, row in worst])
        return [
            FragileFeature(
                id=row.feature,
                title=titles[row.feature],
                tests=row.test_count,
                bugs=row.bug_count,
                fragility=worth,
            )
            for worth, row in worst
        ]

    async def _statuses(self, ids: tuple[int, ...]) -> dict[int, dict[str, int]]:
        """By product, how many tests have which status."""
        numbers: dict[int, dict[str, int]] = {id: {} for id in ids}
        if ids:
            every = Scope(product_ids=ids, statuses=())
            by = ("product", "test_status")
            for id, status, number in await self._figures.measure(("test_count",), every, by=by):
                numbers[id][status] = number
        return numbers

    async def _summaries(
        self, products: Sequence[Record], statuses: dict[int, dict[str, int]], now: datetime
    ) -> Sequence[ProductSummary]:
        ids = tuple(row.Product.id for row in products)
        if not ids:
            return []
        recent = {days: await self._ended_within(ids, days, now) for days in (30, 90)}
        rows = await self._figures.measure(("bug_count",), Scope(product_ids=ids), by=("product",))
        bugs = {id: number for id, number in rows}
        unknown = TestCounts(total=None, running=None, last_30_days=None, last_90_days=None)
        summaries = []
        for row in products:
            product, synced_at = row.Product, row.synced_at
            id, tests = product.id, statuses[product.id]
            counts = TestCounts(
                total=sum(tests.values()),
                running=tests.get(TestStatus.RUNNING, 0),
                last_30_days=recent[30].get(id, 0),
                last_90_days=recent[90].get(id, 0),
            )
            are_bugs_known = row.some_bugs_read or (synced_at and not tests)
            summaries.append(
                ProductSummary(
                    id=id,
                    name=product.name,
                    type=product.type,
                    tests=counts if synced_at or tests else unknown,
                    bugs=bugs.get(id, 0) if are_bugs_known else None,
                    features=row.features if row.features_read_at else None,
                    last_test_end=row.last_test_end,
                    synced_at=synced_at,
                )
            )
        return summaries

    async def _ended_within(self, ids: tuple[int, ...], days: int, now: datetime) -> dict[int, int]:
        period = parse_period(f"last {days} days", now=now, zone=self._zone)
        # Not those that end later today. By the minute, so that readers need not look each time.
        period = replace(period, end=minute(now))
        scope = Scope(product_ids=ids, statuses=(), period=period)
        rows = await self._figures.measure(("test_count",), scope, by=("product",))
        return {id: number for id, number in rows}


def _named(name: str, products: Mapping[int, str]) -> int:
    called = [id for id, known in products.items() if plain(known) == plain(name)]
    holding = [id for id, known in products.items() if holds(known, name)]
    found = called or holding
    if len(found) == 1:
        return found[0]
    near = found or [
        id for id, known in products.items() if known in closest(name, products.values())
    ]
    candidates = ", ".join(f"{products[id]} ({id})" for id in near[:SUGGESTED])
    asked = one_line(name, 60)
    if found:
        raise InvalidRequest(
            f"{len(found)} products are called {asked!r}.", hint=f"Name the id: {candidates}."
        )
    raise InvalidRequest(
        f"No product is called {asked!r}.",
        hint=f"Closest: {candidates}." if near else "Call list_products to find the right id.",
    )


def _key(product: ProductSummary, name: str) -> str | int | datetime | None:
    match name:
        case "tests":
            return product.tests.total
        case "name":
            return product.name.casefold()
        case other:
            value: str | int | datetime | None = getattr(product, other)
            return value
