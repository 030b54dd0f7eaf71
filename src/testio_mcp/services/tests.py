"""Questions about tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import BugFilter, BugSort
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestFilter, status_meaning
from testio_mcp.errors import NotFound
from testio_mcp.services.bugs import bug_summary
from testio_mcp.services.changes import moved_since
from testio_mcp.services.figures import bug_counts, bug_figures
from testio_mcp.services.pages import page_of, resolved, running_kept
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import refuse_unknown_features, refuse_unknown_products
from testio_mcp.views.base import Page
from testio_mcp.views.bugs import BugCounts, BugSummary
from testio_mcp.views.tests import (
    AllowedBugs,
    ChangedTest,
    ExecutionCounts,
    TestAnalytics,
    TestAnswer,
    TestDetail,
    TestedFeature,
    TestSummary,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.bugs import BugRepository
    from testio_mcp.repositories.changes import ChangeRepository
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.sync.freshness import FreshnessReader

LATEST_BUGS = 5


class TestService:
    __test__ = False

    def __init__(
        self,
        tests: TestRepository,
        bugs: BugRepository,
        products: ProductRepository,
        features: FeatureRepository,
        figures: FigureRepository,
        changes: ChangeRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._tests = tests
        self._bugs = bugs
        self._products = products
        self._features = features
        self._figures = figures
        self._changes = changes
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(self, wanted: TestFilter, paging: Paging) -> Page[TestSummary]:
        now = datetime.now(UTC)
        await refuse_unknown_products(self._products, wanted.product_ids)
        await refuse_unknown_features(self._features, wanted.feature_ids)
        found = await self._tests.find(wanted, paging)
        ids = [row.Test.id for row in found.items]
        read = [row.Test.id for row in found.items if row.bugs_read]
        counts = await bug_counts(self._figures, ids, read)
        basis = Basis(product_ids=wanted.product_ids, test_ids=tuple(ids), bugs=True)
        tell = _changed if wanted.changed_since else _summary
        deleted = partial(self._tests.deleted, wanted)
        notes, gone = await moved_since(self._changes, wanted, paging, self._zone, deleted)
        return page_of(
            [tell(row, counts[row.Test.id]) for row in found.items],
            found.total,
            paging,
            await self._freshness.of(basis, now),
            resolved(wanted.period, "end_at", self._zone.key),
            running_kept(wanted.period) + notes,
            gone,
        )

    @read_through
    async def get(self, test_id: int) -> TestAnswer:
        now = datetime.now(UTC)
        row = await self._tests.get(test_id)
        if row is None:
            raise NotFound("test", test_id)
        basis = Basis((row.Test.product_id,), (test_id,), lists=False, bugs=True, executions=True)
        freshness = await self._freshness.of(basis, now)
        return TestAnswer(test=await self._detail(row, now), freshness=freshness)

    async def _detail(self, row: Record, now: datetime) -> TestDetail:
        test, details = row.Test, row.TestDetails
        read = row.bugs_read
        scope = Scope(test_ids=(test.id,), statuses=())
        return TestDetail(
            id=test.id,
            title=test.title,
            product_id=test.product_id,
            product=row.product,
            status=test.status,
            status_meaning=status_meaning(test.status, test.review_status),
            previous_status=test.previous_status,
            status_changed_at=test.status_changed_at if test.previous_status else None,
            review_status=test.review_status,
            testing_type=test.testing_type,
            start_at=test.start_at,
            end_at=test.end_at,
            created_by=row.created_by,
            submitted_by=row.submitted_by,
            environment=test.environment_title,
            environment_url=details.environment_url,
            goal=details.goal,
            instructions=details.instructions,
            out_of_scope=details.out_of_scope,
            allowed_bugs=AllowedBugs(**details.allowed_bugs),
            requirements=details.requirements,
            features=[*await self._tested_features(test.id, read)],
            analytics=_analytics(details.analytics) if details.analytics else None,
            bugs=await bug_figures(self._figures, scope, read=read),
            bugs_by_platform=await self._platforms(test.id),
            latest_bugs=[*await self._latest_bugs(test.id, now)],
        )

    async def _tested_features(self, test_id: int, read: bool) -> Sequence[TestedFeature]:
        scope = Scope(test_ids=(test_id,), statuses=())
        rows = await self._figures.measure(("bug_count",), scope, by=("feature",))
        bugs = {feature_id: number for feature_id, number in rows}
        return [
            TestedFeature(
                feature_id=feature.feature_id,
                test_feature_id=feature.id,
                title=feature.title,
                execution_status=feature.execution_status,
                testers=feature.tester_count,
                bugs=bugs.get(feature.feature_id, 0) if read else None,
                user_stories=len(feature.user_stories),
            )
            for feature in await self._tests.features(test_id)
        ]

    async def _platforms(self, test_id: int) -> dict[str, int]:
        scope = Scope(test_ids=(test_id,), statuses=())
        rows = await self._figures.measure(("bug_count",), scope, by=("operating_system",))
        known = [(name, n) for name, n in rows if name is not None]
        return {name: n for name, n in sorted(known, key=lambda row: (-row[1], row[0]))}

    async def _latest_bugs(self, test_id: int, now: datetime) -> Sequence[BugSummary]:
        paging = Paging(page=1, page_size=LATEST_BUGS, sort=BugSort.REPORTED_DESC)
        found = await self._bugs.find(BugFilter(test_ids=(test_id,)), paging)
        return [bug_summary(bug, now) for bug in found.items]


def _analytics(counts: Mapping[str, int | None]) -> TestAnalytics:
    """In our words, from TestIO's."""
    features, stories = (
        ExecutionCounts(
            total=counts.get(f"total_{noun}"),
            tested=counts.get(f"tested_{noun}"),
            passed=counts.get(f"passed_{noun}"),
            failed=counts.get(f"failed_{noun}"),
            blocked=counts.get(f"blocked_{noun}"),
        )
        for noun in ("features", "user_stories")
    )
    return TestAnalytics(
        testers=counts.get("testers_count"),
        devices=counts.get("devices_count"),
        features=features,
        user_stories=stories,
    )


def _summary(row: Record, bugs: BugCounts) -> TestSummary:
    test = row.Test
    return TestSummary(
        id=test.id,
        title=test.title,
        product_id=test.product_id,
        product=row.product,
        status=test.status,
        testing_type=test.testing_type,
        start_at=test.start_at,
        end_at=test.end_at,
        environment=test.environment_title,
        bugs=bugs,
    )


def _changed(row: Record, bugs: BugCounts) -> ChangedTest:
    test = row.Test
    return ChangedTest(
        **vars(_summary(row, bugs)),
        change="new" if row.is_new else "status",
        previous_status=test.previous_status,
        status_changed_at=test.status_changed_at if test.previous_status else None,
    )
