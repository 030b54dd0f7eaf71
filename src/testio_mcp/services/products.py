"""Questions about products."""

from __future__ import annotations

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
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.sync.freshness import FreshnessReader


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
        ids = tuple(row.Product.id for row in found)
        statuses = await self._statuses(ids)
        # A customer has few products, so that all are counted and then sorted.
        summaries = _sorted(await self._summaries(found, statuses, now), paging)
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
                environments=sorted(
                    (Environment(title=title, tests=n) for title, n in environments if title),
                    key=lambda environment: (-environment.tests, environment.title),
                ),
            ),
            freshness=freshness,
        )

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
            id, tests = row.Product.id, statuses[row.Product.id]
            counts = TestCounts(
                total=sum(tests.values()),
                running=tests.get(TestStatus.RUNNING, 0),
                last_30_days=recent[30].get(id, 0),
                last_90_days=recent[90].get(id, 0),
            )
            are_bugs_known = row.some_bugs_read or (row.synced_at and not tests)
            summaries.append(
                ProductSummary(
                    id=id,
                    name=row.Product.name,
                    type=row.Product.type,
                    tests=counts if row.synced_at or tests else unknown,
                    bugs=bugs.get(id, 0) if are_bugs_known else None,
                    features=row.features if row.features_read_at else None,
                    last_test_end=row.last_test_end,
                    synced_at=row.synced_at,
                )
            )
        return summaries

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
