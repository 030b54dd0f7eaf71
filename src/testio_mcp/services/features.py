"""Questions about features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.analytics.metrics import OF_FRAGILITY, READ, fragility, is_known
from testio_mcp.domain.features import FeatureFilter, HasUserStories
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.names import holds
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestFilter, TestSort
from testio_mcp.errors import NotFound
from testio_mcp.services.figures import bug_figures
from testio_mcp.services.pages import in_order_of, page_of
from testio_mcp.services.reading import read_through
from testio_mcp.views.base import Page
from testio_mcp.views.features import (
    FeatureAnswer,
    FeatureDetail,
    FeatureMonth,
    FeatureStory,
    FeatureSummary,
    FeatureTest,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.repositories.user_stories import UserStoryRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import Product

LATEST_TESTS = 5
# This month and those before it.
TREND_MONTHS = 6
FIGURES = ("bugs_per_test", *OF_FRAGILITY)


class FeatureService:
    def __init__(
        self,
        features: FeatureRepository,
        stories: UserStoryRepository,
        products: ProductRepository,
        tests: TestRepository,
        figures: FigureRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._features = features
        self._stories = stories
        self._products = products
        self._tests = tests
        self._figures = figures
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(self, wanted: FeatureFilter, paging: Paging) -> Page[FeatureSummary]:
        now = datetime.now(UTC)
        product = await self._products.get(wanted.product_id, now)
        if product is None:
            raise NotFound("product", wanted.product_id)
        freshness = await self._freshness.of(_basis(wanted.product_id), now)
        found = [row for row in await self._features.find(wanted.product_id) if _fits(row, wanted)]
        scope = Scope(product_ids=(wanted.product_id,))
        rows = await self._figures.measure(FIGURES, scope, by=("feature",))
        figures = {row.feature: row for row in rows}
        # A catalogue has some hundred features, so that all are counted and then sorted.
        summaries = in_order_of(
            [
                FeatureSummary(
                    id=row.id,
                    title=row.title,
                    user_stories=row.user_stories,
                    **_figures(figures.get(row.id), product),
                )
                for row in found
            ],
            _key,
            paging,
        )
        return page_of(
            paging.cut(summaries),
            len(summaries),
            paging,
            freshness,
        )

    @read_through
    async def get(self, feature_id: int) -> FeatureAnswer:
        now = datetime.now(UTC)
        feature = await self._features.get(feature_id)
        row = await self._products.get(feature.product_id, now) if feature else None
        if feature is None or row is None:
            raise NotFound("feature", feature_id)
        product = row.Product
        freshness = await self._freshness.of(_basis(product.id), now)
        scope = Scope(product_ids=(product.id,), feature_ids=(feature_id,), zone=self._zone)
        (measured,) = await self._figures.measure(FIGURES, scope)
        figures = _figures(measured, row)
        stories = await self._stories.of_feature(feature)
        return FeatureAnswer(
            feature=FeatureDetail(
                id=feature.id,
                title=feature.title,
                product_id=product.id,
                product=product.name,
                in_catalogue=feature.deleted_at is None,
                description=feature.description,
                how_to_find=feature.howtofind,
                sections=[*_sections(product, feature.section_ids)],
                user_stories=[
                    FeatureStory(id=story.id, title=story.title, path=story.path)
                    for story in stories
                ],
                tests=figures["tests"],
                bugs=await bug_figures(self._figures, scope, read=figures["bugs"] is not None),
                bugs_per_test=figures["bugs_per_test"],
                fragility=figures["fragility"],
                trend=[*await self._trend(scope, now, row.synced_at is not None)],
                latest_tests=[*await self._latest_tests(feature_id)],
            ),
            freshness=freshness,
        )

    async def _trend(self, scope: Scope, now: datetime, is_listed: bool) -> Sequence[FeatureMonth]:
        """By month, so far as that is known; a month without tests has none."""
        none = 0 if is_listed else None
        months = _last_months(now, self._zone)
        first = parse_period(months[0], now=now, zone=self._zone)
        last = parse_period(months[-1], now=now, zone=self._zone)
        scope = replace(scope, period=replace(last, start=first.start))
        rows = await self._figures.measure(("test_count", *READ), scope, by=("month",))
        found = {row.month: row for row in rows}
        trend = []
        for month in months:
            row = found.get(month)
            trend.append(
                FeatureMonth(
                    month=month,
                    partial=month == months[-1],
                    tests=row.test_count if row else none,
                    bugs=_bugs(row) if row else none,
                )
            )
        return trend

    async def _latest_tests(self, feature_id: int) -> Sequence[FeatureTest]:
        wanted = TestFilter(feature_ids=(feature_id,))
        found = await self._tests.find(wanted, Paging(1, LATEST_TESTS, TestSort.END_DESC))
        ids = tuple(row.Test.id for row in found.items)
        scope = Scope(test_ids=ids, statuses=(), feature_ids=(feature_id,))
        rows = await self._figures.measure(("bug_count",), scope, by=("test",)) if ids else []
        bugs = {row.test: row.bug_count for row in rows}
        return [
            FeatureTest(
                id=row.Test.id,
                title=row.Test.title,
                status=row.Test.status,
                end_at=row.Test.end_at,
                bugs=bugs.get(row.Test.id, 0) if row.bugs_read else None,
            )
            for row in found.items
        ]


def _basis(product_id: int) -> Basis:
    return Basis(product_ids=(product_id,), bugs=True, features=True)


def _fits(row: Record, wanted: FeatureFilter) -> bool:
    if wanted.has_user_stories is not HasUserStories.ANY:
        has_some = wanted.has_user_stories is HasUserStories.YES
        if has_some is not bool(row.user_stories):
            return False
    return holds(row.title, wanted.search)


def _figures(row: Record | None, product: Record) -> dict[str, Any]:
    """What the metrics come to; null where tests of the product, or bugs of them, were not read."""
    if row is None or not row.tests_in_scope:
        none = 0 if product.synced_at else None
        return {"tests": none, "bugs": none, "bugs_per_test": None, "fragility": None}
    return {
        "tests": row.test_count if product.synced_at else None,
        "bugs": _bugs(row),
        "bugs_per_test": row.bugs_per_test if is_known("bugs_per_test", row) else None,
        "fragility": fragility(row),
    }


def _bugs(row: Record) -> int | None:
    return row.bug_count if is_known("bug_count", row) else None


def _key(feature: FeatureSummary, name: str) -> Any:
    return feature.title.casefold() if name == "title" else getattr(feature, name)


def _sections(product: Product, ids: Sequence[int]) -> Sequence[str]:
    names = {section["id"]: section["name"] for section in product.sections}
    return [names.get(id) or str(id) for id in ids]


def _last_months(now: datetime, zone: ZoneInfo) -> Sequence[str]:
    """The current month and those before it, the first one first."""
    today = now.astimezone(zone)
    current = today.year * 12 + today.month - 1
    months = range(current - TREND_MONTHS + 1, current + 1)
    return [f"{month // 12}-{month % 12 + 1:02}" for month in months]
