"""Measures what a quality report tells, and gives it a shape: a few statements, however much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from testio_mcp.analytics.dimensions import Named
from testio_mcp.analytics.metrics import READ, fragility, is_known, is_of_bugs, most_fragile
from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.figures import RATES, Scope, in_order
from testio_mcp.domain.health import Health, Thresholds
from testio_mcp.domain.metrics import NONE, UNKNOWN
from testio_mcp.domain.periods import Period
from testio_mcp.domain.reports import ReportQuestion, Section
from testio_mcp.domain.tests import EXECUTED, TestingType, TestStatus
from testio_mcp.reports.comparison import COMPARED, compared
from testio_mcp.reports.trend import trend
from testio_mcp.views.reports import (
    ReportBugs,
    ReportFeature,
    ReportFeatures,
    ReportMonth,
    ReportPlatform,
    ReportProduct,
    ReportRate,
    ReportReason,
    ReportTests,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.figures import FigureRepository

# In each of the two lists.
MOST_FEATURES = 20
TOTALS = (*COMPARED, "open_bugs", "known_bugs")
OF_MONTHS = ("test_count", "bug_count", "bugs_per_test", *RATES)
OF_PRODUCTS = (*OF_MONTHS, "open_bugs", "severity_score")
OF_FEATURES = ("test_count", "bugs_per_test", "severity_score", *READ)
GRAVEST = (Health.CRITICAL, Health.WARNING, Health.OK)

type Figures = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What a report is about. `products` are the names of all of them, by id; `listed` are those
    whose tests were ever listed."""

    question: ReportQuestion
    previous: Period | None
    products: Mapping[int, str]
    listed: frozenset[int]
    now: datetime

    @property
    def scope(self) -> Scope:
        return self.question.scope


class Build:
    def __init__(self, figures: FigureRepository, thresholds: Thresholds, subject: Subject) -> None:
        self._figures = figures
        self._thresholds = thresholds
        self._subject = subject
        self._scope = subject.scope
        self.totals: Figures = {}
        self._tests: list[Record] = []

    async def sections(self) -> dict[str, Any]:
        """Each section that is wanted, by its name; None for what does not apply or is unknown."""
        self.totals = await self._total(self._scope)
        self._tests = await self._measure(
            ("test_count",),
            replace(self._scope, statuses=()),
            ("product", "test_status", "testing_type"),
        )
        found = {}
        for section in self._subject.question.wanted:
            if section in _BUILT:
                found[section.value] = await _BUILT[section](self)
        return found

    @property
    def has_bugs_read(self) -> bool:
        return self.totals["bug_count"] is not None

    async def critical_tests(self) -> tuple[int, ...]:
        """The tests with open critical bugs."""
        scope = replace(
            self._scope, bug_statuses=(BugStatus.OPEN,), severities=(Severity.CRITICAL,)
        )
        rows = await self._figures.measure(("bug_count",), scope, by=("test",))
        return tuple(row.test for row in rows)

    async def _measure(
        self, names: Sequence[str], scope: Scope, by: Sequence[str] = ()
    ) -> list[Record]:
        return await self._figures.measure(names, scope, by=by)

    async def _by(self, dimension: str, names: Sequence[str]) -> dict[Any, Figures]:
        """By value of the dimension, the figures; null where bugs were never read."""
        hidden = [name for name in READ if name not in names]
        rows = await self._measure((*names, *hidden), self._scope, (dimension,))
        return {row[0]: _figures(row, names) for row in rows}

    async def _total(self, scope: Scope) -> Figures:
        hidden = [name for name in READ if name not in TOTALS]
        (row,) = await self._measure((*TOTALS, *hidden), scope)
        if not row.tests_in_scope and not self._subject.listed:
            return dict.fromkeys(TOTALS)
        return _figures(row, TOTALS)

    async def _tests_section(self) -> ReportTests:
        by_status: Counter[str] = Counter()
        by_type: Counter[str] = Counter()
        for row in self._tests:
            by_status[row.test_status] += row.test_count
            by_type[row.testing_type or NONE] += row.test_count
        is_known = bool(by_status or self._subject.listed)
        return ReportTests(
            total=by_status.total() if is_known else None,
            executed=sum(by_status[word] for word in EXECUTED) if is_known else None,
            by_status=in_order(by_status, TestStatus),
            by_testing_type=in_order(by_type, TestingType),
        )

    async def _bugs_section(self) -> ReportBugs:
        by_status: Counter[str] = Counter()
        by_severity: Counter[str] = Counter()
        rows = await self._measure(("bug_count",), self._scope, ("bug_status", "severity"))
        for status, severity, number in rows:
            by_status[status] += number
            by_severity[severity] += number
        totals = self.totals
        return ReportBugs(
            total=totals["bug_count"],
            open=totals["open_bugs"],
            known=totals["known_bugs"],
            per_test=totals["bugs_per_test"],
            severity_score=totals["severity_score"],
            by_severity=in_order(by_severity, Severity),
            by_status=in_order(by_status, BugStatus),
        )

    async def _rates_section(self) -> list[ReportRate]:
        limits = self._thresholds.limits
        rates = []
        for rate in RATES:
            value = self.totals[rate]
            warning, critical = limits.get(rate, (None, None))
            health = self._thresholds.health(rate, value) if rate in limits else None
            rates.append(
                ReportRate(
                    metric=rate, value=value, health=health, warning=warning, critical=critical
                )
            )
        return rates

    async def _comparison_section(self) -> Any:
        if self._subject.previous is None:
            return None
        now, period = self.totals, self._scope.period
        if period and period.running:
            # Like with like: the previous period ends at the same moment, and nothing runs on.
            so_far = replace(period, end=self._subject.now, keeps_running_tests=False)
            now = await self._total(replace(self._scope, period=so_far))
        before = await self._total(replace(self._scope, period=self._subject.previous))
        return compared(now, before)

    async def _trend_section(self) -> list[ReportMonth] | None:
        if not self._subject.listed:
            return None
        rows = await self._by("month", OF_MONTHS)
        return trend(rows, self._scope.period, self._scope.zone, self._subject.now)

    async def _products_section(self) -> Any:
        """Of several products; one is what the rest of the report is about."""
        if len(self._subject.products) == 1:
            return None
        rows = await self._by("product", OF_PRODUCTS)
        tests: Counter[int] = Counter()
        for row in self._tests:
            tests[row.product] += row.test_count
        found = [self._product(id, rows.get(id), tests[id]) for id in self._subject.products]
        return sorted(
            found, key=lambda product: (-(product.bugs or 0), -(product.tests or 0), product.id)
        )

    def _product(self, id: int, row: Figures | None, tests: int) -> ReportProduct:
        is_listed = id in self._subject.listed or tests
        nothing: Figures = dict.fromkeys(OF_PRODUCTS)
        if is_listed:
            nothing |= dict.fromkeys(("test_count", "bug_count", "open_bugs", "severity_score"), 0)
        figures = row or nothing
        found = {self._thresholds.health(rate, figures[rate]) for rate in self._thresholds.limits}
        return ReportProduct(
            id=id,
            name=self._subject.products[id],
            tests=tests if is_listed else None,
            executed=figures["test_count"],
            bugs=figures["bug_count"],
            open_bugs=figures["open_bugs"],
            bugs_per_test=figures["bugs_per_test"],
            severity_score=figures["severity_score"],
            **{rate: figures[rate] for rate in RATES},
            health=next((health for health in GRAVEST if health in found), Health.UNKNOWN),
        )

    async def _features_section(self) -> ReportFeatures:
        rows = await self._measure(OF_FEATURES, self._scope, ("product", "feature"))
        named = [row for row in rows if row.feature is not None and row.bug_count]
        bugs = sorted(named, key=lambda row: (-row.bug_count, row.feature))[:MOST_FEATURES]
        fragile = [row for _, row in most_fragile(named)]
        top = fragile[:MOST_FEATURES]
        titles = await self._names(Named.FEATURE, (row.feature for row in (*bugs, *top)))
        without = sum(row.bug_count for row in rows if row.feature is None)
        return ReportFeatures(
            total=len(named) if self.has_bugs_read else None,
            fragile_total=len(fragile) if self.has_bugs_read else None,
            bugs_without_feature=without if self.has_bugs_read else None,
            most_bugs=[_feature(row, titles) for row in bugs],
            most_fragile=[_feature(row, titles) for row in top],
        )

    async def _reasons_section(self) -> list[ReportReason] | None:
        if not self.has_bugs_read:
            return None
        scope = replace(self._scope, bug_statuses=(BugStatus.REJECTED,))
        rows = await self._measure(("bug_count",), scope, ("rejection_reason",))
        names = await self._names(Named.REASON, (row.rejection_reason for row in rows))
        found = [
            ReportReason(
                key=row.rejection_reason,
                name=names.get(row.rejection_reason, row.rejection_reason),
                bugs=row.bug_count,
            )
            for row in rows
        ]
        # What nobody knows comes last.
        return sorted(found, key=lambda reason: (reason.key == UNKNOWN, -reason.bugs, reason.key))

    async def _platforms_section(self) -> list[ReportPlatform] | None:
        if not self.has_bugs_read:
            return None
        names = ("bug_count", "rejection_rate")
        rows = await self._measure(names, self._scope, ("operating_system",))
        found = [
            ReportPlatform(
                operating_system=row.operating_system or NONE,
                bugs=row.bug_count,
                rejection_rate=row.rejection_rate,
            )
            for row in rows
        ]
        found.sort(key=lambda row: (-row.bugs, row.operating_system))
        return found

    async def _names(self, of: Named, keys: Iterable[Any]) -> dict[Any, str]:
        return await self._figures.names(of, set(keys))


_BUILT: dict[Section, Callable[[Build], Awaitable[Any]]] = {
    Section.TESTS: Build._tests_section,
    Section.BUGS: Build._bugs_section,
    Section.RATES: Build._rates_section,
    Section.COMPARISON: Build._comparison_section,
    Section.PRODUCTS: Build._products_section,
    Section.TREND: Build._trend_section,
    Section.FEATURES: Build._features_section,
    Section.REJECTION_REASONS: Build._reasons_section,
    Section.PLATFORMS: Build._platforms_section,
}


def _figures(row: Record, names: Sequence[str]) -> Figures:
    """By name; null where there may be bugs that were never read."""
    return {
        name: getattr(row, name) if is_known(name, row) or not is_of_bugs(name) else None
        for name in names
    }


def _feature(row: Record, titles: Mapping[int, str]) -> ReportFeature:
    return ReportFeature(
        id=row.feature,
        title=titles.get(row.feature, str(row.feature)),
        product_id=row.product,
        tests=row.test_count,
        bugs=row.bug_count,
        bugs_per_test=row.bugs_per_test if is_known("bugs_per_test", row) else None,
        severity_score=row.severity_score,
        fragility=fragility(row),
    )
