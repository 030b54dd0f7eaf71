"""The quality report: what it is about, how current it is, and where it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import anyio

from testio_mcp.analytics.dimensions import Named
from testio_mcp.domain.bugs import BugFilter, BugSort, BugStatus, Severity, link
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.health import Thresholds
from testio_mcp.domain.periods import Period, previous
from testio_mcp.domain.reports import SUFFIXES, Output, ReportFormat, ReportQuestion, Section
from testio_mcp.domain.slice import Paging
from testio_mcp.reports.build import Build, Subject
from testio_mcp.reports.files import bare_name, save, save_as_new
from testio_mcp.reports.formats import written
from testio_mcp.services.bugs import bug_summary
from testio_mcp.services.pages import resolved
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import (
    refuse_tests_of_others,
    refuse_unknown,
    refuse_unknown_features,
    refuse_unknown_tests,
)
from testio_mcp.services.report_words import file_name, notes_on, title
from testio_mcp.settings import shown
from testio_mcp.views.base import ResolvedPeriod
from testio_mcp.views.reports import (
    CriticalBugs,
    NamedThing,
    QualityReport,
    ReportAnswer,
    ReportBug,
    ReportFile,
    ReportScope,
)

if TYPE_CHECKING:
    from testio_mcp.repositories.bugs import BugRepository
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.sync.freshness import FreshnessReader

# The rest of them is counted.
MOST_CRITICAL_BUGS = 200
# Nothing of these is told where nothing was read.
UNREADABLE = (Section.TREND, Section.REJECTION_REASONS, Section.PLATFORMS)


@dataclass(frozen=True)
class ReportSettings:
    """What the settings say of reports."""

    customer: str | None
    folder: Path
    thresholds: Thresholds
    zone: ZoneInfo


class ReportService:
    def __init__(
        self,
        figures: FigureRepository,
        products: ProductRepository,
        tests: TestRepository,
        bugs: BugRepository,
        features: FeatureRepository,
        freshness: FreshnessReader,
        settings: ReportSettings,
    ) -> None:
        self._figures = figures
        self._products = products
        self._tests = tests
        self._bugs = bugs
        self._features = features
        self._freshness = freshness
        self._settings = settings

    async def generate(self, question: ReportQuestion, output: Output) -> ReportAnswer:
        """The whole report; saved in the reports folder where that is asked for."""
        if output.file:
            bare_name(output.file, SUFFIXES[output.format])
        answer = await self.read(question)
        return await self._save(answer, output) if output.is_file else answer

    @read_through
    async def read(self, question: ReportQuestion) -> ReportAnswer:
        now, zone = datetime.now(UTC), self._settings.zone
        question = replace(question, scope=replace(question.scope, zone=zone))
        scope = question.scope
        names = await self._products.names()
        await self._refuse_unknown(question, names)
        basis = Basis(
            product_ids=scope.product_ids,
            test_ids=scope.test_ids or None,
            lists=not scope.test_ids,
            bugs=True,
        )
        freshness = await self._freshness.of(basis, now)
        products = await self._subjects(question, names)
        before = None
        if question.compares and scope.period:
            before = previous(scope.period, now=now, zone=zone)
        listed = await self._products.lists_read() & set(scope.product_ids or names)
        subject = Subject(question, before, products, frozenset(listed), now)
        build = Build(self._figures, self._settings.thresholds, subject)
        sections = await build.sections()
        if Section.CRITICAL_BUGS in question.wanted:
            sections["critical_bugs"] = await self._critical_bugs(build, question, now)
        report = QualityReport(
            title=title(
                question, products, self._settings.customer, is_all=len(products) == len(names)
            ),
            customer=self._settings.customer,
            generated_at=now,
            scope=await self._scope(question, products),
            period=_bounds(scope.period, zone),
            previous_period=_bounds(before, zone) if before else None,
            **sections,
        )
        totals = build.totals
        notes = notes_on(question, before, totals["bug_count"], totals["open_bugs"])
        unread = [section for section in UNREADABLE if sections.get(section, ...) is None]
        if unread:
            notes.append(f"Not synced yet: {', '.join(unread)}.")
        return ReportAnswer(report=report, freshness=freshness, notes=notes)

    async def content(self, answer: ReportAnswer, format: ReportFormat) -> bytes:
        """The report as a file has it."""
        # Pictures and sheets take a while, and others wait for this thread.
        return await anyio.to_thread.run_sync(written, answer, format, self._settings.zone)

    async def _save(self, answer: ReportAnswer, output: Output) -> ReportAnswer:
        content = await self.content(answer, output.format)
        folder, suffix = self._settings.folder, SUFFIXES[output.format]
        if output.file:
            name = bare_name(output.file, suffix)
            path = save(folder, name, content, overwrite=output.overwrite)
        else:
            path = save_as_new(folder, file_name(answer.report), suffix, content)
        file = ReportFile(path=shown(path), format=output.format, bytes=len(content))
        report = answer.report.model_copy(update={"file": file})
        return answer.model_copy(update={"report": report})

    async def _refuse_unknown(self, question: ReportQuestion, names: Mapping[int, str]) -> None:
        """An id that nothing has would look like an empty report."""
        scope = question.scope
        refuse_unknown("product", scope.product_ids, names)
        await refuse_unknown_tests(self._tests, (*scope.test_ids, *scope.excluded_test_ids))
        await refuse_tests_of_others(self._tests, scope.test_ids, scope.product_ids)
        await refuse_unknown_features(self._features, scope.feature_ids)

    async def _subjects(self, question: ReportQuestion, names: Mapping[int, str]) -> dict[int, str]:
        """The products that the report is about, by id."""
        scope = question.scope
        ids = set(scope.product_ids or names)
        if scope.test_ids or scope.feature_ids:
            ever = replace(scope, statuses=(), period=None)
            rows = await self._figures.measure(("test_count",), ever, by=("product",))
            ids &= {row.product for row in rows}
        return {id: name for id, name in names.items() if id in ids}

    async def _scope(self, question: ReportQuestion, products: Mapping[int, str]) -> ReportScope:
        scope, features = question.scope, dict[int, str]()
        if scope.feature_ids:
            features = await self._figures.names(Named.FEATURE, scope.feature_ids)
        named = products if scope.product_ids or scope.test_ids or scope.feature_ids else {}
        return ReportScope(
            products=[NamedThing(id=id, name=name) for id, name in named.items()],
            product_count=len(products),
            test_ids=[*scope.test_ids],
            excluded_test_ids=[*scope.excluded_test_ids],
            features=[NamedThing(id=id, name=name) for id, name in features.items()],
            testing_types=[*scope.testing_types],
            period=scope.period.text if scope.period else "all",
        )

    async def _critical_bugs(
        self, build: Build, question: ReportQuestion, now: datetime
    ) -> CriticalBugs:
        tests = await build.critical_tests()
        if not tests:
            return CriticalBugs(total=None if build.totals["bug_count"] is None else 0, items=[])
        wanted = BugFilter(
            test_ids=tests,
            feature_ids=question.scope.feature_ids,
            statuses=(BugStatus.OPEN,),
            severities=(Severity.CRITICAL,),
        )
        found = await self._bugs.find(wanted, Paging(1, MOST_CRITICAL_BUGS, BugSort.AUTO_ACCEPT))
        told = set(ReportBug.model_fields)
        bugs = [
            ReportBug(**bug_summary(row, now).model_dump(include=told), link=link(row.Bug.id))
            for row in found.items
        ]
        return CriticalBugs(total=found.total, items=bugs)


def _bounds(period: Period | None, zone: ZoneInfo) -> ResolvedPeriod:
    found = resolved(period, "end_at", zone.key)
    return found or ResolvedPeriod(start=None, end=None, by="end_at", timezone=zone.key)
