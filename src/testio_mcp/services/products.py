"""Questions about products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.products import ProductFilter
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestStatus
from testio_mcp.errors import NotFound
from testio_mcp.services.figures import bug_figures, in_order
from testio_mcp.services.pages import page_of
from testio_mcp.services.reading import read_through
from testio_mcp.views.base import Page
from testio_mcp.views.products import (
    Environment,
    ProductAnswer,
    ProductDetail,
    ProductSummary,
    TestCounts,
)

if TYPE_CHECKING:
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import Product


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
        found = await self._products.find(wanted)
        ids = tuple(product.id for product in found)
        # A customer has few products, so that all are counted and then sorted.
        summaries = _sorted(await self._summaries(found, now), paging)
        basis = Basis(product_ids=ids if wanted.types else (), bugs=True, features=True)
        return page_of(
            summaries[paging.offset : paging.offset + paging.page_size],
            len(summaries),
            paging,
            await self._freshness.of(basis, now),
        )

    @read_through
    async def get(self, product_id: int) -> ProductAnswer:
        now = datetime.now(UTC)
        basis = Basis(product_ids=(product_id,), bugs=True, features=True)
        product = await self._products.get(product_id)
        if product is None:
            raise NotFound("product", product_id)
        freshness = await self._freshness.of(basis, now)
        (summary,) = await self._summaries([product], now)
        scope = Scope(product_ids=(product_id,))
        every = Scope(product_ids=(product_id,), statuses=())
        statuses = await self._figures.measure(("test_count",), every, by=("test_status",))
        environments = await self._figures.measure(("test_count",), every, by=("test_environment",))
        return ProductAnswer(
            product=ProductDetail(
                **summary.model_dump(exclude={"bugs", "tests"}),
                description=product.description,
                sections=[section["name"] or str(section["id"]) for section in product.sections],
                tests=summary.tests,
                tests_by_status=in_order(
                    {status: number for status, number in statuses}, list(TestStatus)
                ),
                bugs=await bug_figures(self._figures, scope, read=summary.bugs is not None),
                user_stories=(
                    None
                    if summary.features is None
                    else await self._products.user_story_count(product_id)
                ),
                environments=sorted(
                    (Environment(title=title, tests=n) for title, n in environments if title),
                    key=lambda environment: (-environment.tests, environment.title),
                ),
            ),
            freshness=freshness,
        )

    async def _summaries(
        self, products: Sequence[Product], now: datetime
    ) -> Sequence[ProductSummary]:
        ids = tuple(product.id for product in products)
        if not ids:
            return []
        synced = await self._products.synced_at(ids)
        tests = await self._test_counts(ids, now, set(synced))
        rows = await self._figures.measure(("bug_count",), Scope(product_ids=ids), by=("product",))
        bugs = dict.fromkeys(await self._products.with_bugs_read(ids), 0) | {
            id: number for id, number in rows
        }
        features = await self._products.feature_counts(ids)
        ends = await self._products.last_test_ends(ids, now)
        return [
            ProductSummary(
                id=product.id,
                name=product.name,
                type=product.type,
                tests=tests[product.id],
                bugs=bugs.get(product.id),
                features=features.get(product.id),
                last_test_end=ends.get(product.id),
                synced_at=synced.get(product.id),
            )
            for product in products
        ]

    async def _test_counts(
        self, ids: tuple[int, ...], now: datetime, synced: set[int]
    ) -> dict[int, TestCounts]:
        total: defaultdict[int, int] = defaultdict(int)
        running: defaultdict[int, int] = defaultdict(int)
        every = Scope(product_ids=ids, statuses=())
        rows = await self._figures.measure(("test_count",), every, by=("product", "test_status"))
        for id, status, number in rows:
            total[id] += number
            running[id] += number * (status == TestStatus.RUNNING)
        recent = {days: await self._ended_within(ids, days, now) for days in (30, 90)}
        unknown = TestCounts(total=None, running=None, last_30_days=None, last_90_days=None)
        return {
            id: TestCounts(
                total=total[id],
                running=running[id],
                last_30_days=recent[30].get(id, 0),
                last_90_days=recent[90].get(id, 0),
            )
            if id in synced or total[id]
            else unknown
            for id in ids
        }

    async def _ended_within(self, ids: tuple[int, ...], days: int, now: datetime) -> dict[int, int]:
        period = parse_period(f"last {days} days", now=now, zone=self._zone)
        scope = Scope(product_ids=ids, statuses=(), period=period)
        rows = await self._figures.measure(("test_count",), scope, by=("product",))
        return {id: number for id, number in rows}


def _sorted(summaries: Sequence[ProductSummary], paging: Paging) -> list[ProductSummary]:
    """In the order that was asked for; what is unknown comes last, ties by id."""

    def key(summary: ProductSummary) -> str | int | datetime | None:
        match paging.key:
            case "tests":
                return summary.tests.total
            case "name":
                return summary.name.casefold()
            case other:
                value: str | int | datetime | None = getattr(summary, other)
                return value

    by_id = sorted(summaries, key=lambda summary: summary.id)
    known = [summary for summary in by_id if key(summary) is not None]
    # Sorting is stable, so that ties stay in the order of their ids.
    known.sort(key=key, reverse=paging.descending)  # type: ignore[arg-type]  # one type a key
    return known + [summary for summary in by_id if key(summary) is None]
