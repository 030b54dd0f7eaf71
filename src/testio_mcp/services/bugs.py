"""Questions about bugs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import AUTO_ACCEPTANCE, BugFilter, BugStatus, link
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import InvalidRequest, NotFound
from testio_mcp.services.pages import page_of, resolved
from testio_mcp.services.reading import read_through
from testio_mcp.views.base import Page
from testio_mcp.views.bugs import (
    BugAnswer,
    BugDetail,
    BugSummary,
    Comment,
    Device,
    ReportAnswer,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.bugs import BugRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import BugDevice


# Names to offer where one is not known.
SUGGESTED = 5


class BugService:
    def __init__(
        self,
        bugs: BugRepository,
        tests: TestRepository,
        products: ProductRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._bugs = bugs
        self._tests = tests
        self._products = products
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(self, wanted: BugFilter, paging: Paging) -> Page[BugSummary]:
        now = datetime.now(UTC)
        basis = Basis(
            product_ids=wanted.product_ids,
            test_ids=wanted.test_ids or None,
            lists=not wanted.test_ids,
            tests=not wanted.test_ids,
            bugs=True,
        )
        await self._refuse_unknown(wanted)
        freshness = await self._freshness.of(basis, now)
        found = await self._bugs.find(wanted, paging)
        return page_of(
            [bug_summary(row, now) for row in found.items],
            found.total,
            paging,
            freshness,
            resolved(wanted.period, "reported_at", self._zone.key),
        )

    @read_through
    async def get(self, bug_id: int) -> BugAnswer:
        now = datetime.now(UTC)
        row = await self._bugs.get(bug_id)
        if row is None:
            raise NotFound("bug", bug_id)
        bug, details = row.Bug, row.BugDetails
        basis = Basis((bug.product_id,), (bug.test_id,), lists=False, tests=False, bugs=True)
        return BugAnswer(
            bug=BugDetail(
                **bug_summary(row, now).model_dump(),
                link=link(bug.id),
                previous_status=bug.previous_status,
                status_changed_at=bug.status_changed_at if bug.previous_status else None,
                rejection_reason=row.reason or bug.rejection_reason,
                language=bug.language,
                exported_at=bug.exported_at,
                location=details.location,
                steps=details.steps.split("\n") if details.steps else [],
                expected_result=details.expected_result,
                actual_result=details.actual_result,
                devices=_devices(await self._bugs.devices(bug_id)),
                comments=[Comment(author=c["author"], body=c["body"]) for c in details.comments],
                attachments=[a["url"] for a in details.attachments if a["url"]],
                report_answers=[ReportAnswer(**answer) for answer in details.report_answers],
            ),
            freshness=await self._freshness.of(basis, now),
        )

    async def _refuse_unknown(self, wanted: BugFilter) -> None:
        """An id or a name that nothing has would look like an empty result."""
        await refuse_unknown_products(self._products, wanted.product_ids)
        if wanted.test_ids:
            refuse_unknown("test", wanted.test_ids, await self._tests.known(wanted.test_ids))
        if wanted.feature_ids:
            refuse_unknown(
                "feature", wanted.feature_ids, await self._bugs.known_features(wanted.feature_ids)
            )
        if wanted.rejection_reasons:
            known = await self._bugs.reject_reasons()
            _refuse_words("rejection reason", wanted.rejection_reasons, known)
        if wanted.reported_by:
            _refuse_words("tester", wanted.reported_by, await self._bugs.reporters())
        if wanted.operating_systems:
            names = await self._bugs.operating_systems()
            _refuse_words("operating system", wanted.operating_systems, names)


def bug_summary(row: Record, now: datetime) -> BugSummary:
    bug = row.Bug
    due = None
    if bug.status == BugStatus.OPEN and bug.reported_at:
        due = bug.reported_at + AUTO_ACCEPTANCE
    return BugSummary(
        id=bug.id,
        title=bug.title,
        severity=bug.severity,
        status=bug.status,
        known=bug.known,
        product_id=bug.product_id,
        product=row.product,
        test_id=bug.test_id,
        test=row.test,
        feature_id=bug.feature_id,
        feature=row.feature,
        reporter=row.reporter,
        reported_at=bug.reported_at,
        age_days=(now - bug.reported_at).days if bug.reported_at else None,
        auto_accept_at=due,
        days_to_auto_acceptance=(due - now).days if due else None,
    )


async def refuse_unknown_products(products: ProductRepository, ids: Sequence[int]) -> None:
    """Raise NotFound for a product that is not in the cache."""
    if ids:
        refuse_unknown("product", ids, await products.names())


def refuse_unknown(kind: str, ids: Sequence[int], known: Iterable[int]) -> None:
    """Raise NotFound for ids that are not in the cache."""
    unknown = sorted(set(ids) - set(known))
    if unknown:
        raise NotFound(kind, *unknown)


def _refuse_words(kind: str, words: Sequence[str], known: Iterable[str]) -> None:
    names = sorted(known)
    for word in words:
        if word not in names:
            raise InvalidRequest(
                f"No {kind} is called {one_line(word, 60)!r}.", hint=_suggestion(word, names)
            )


def _suggestion(word: str, names: Sequence[str]) -> str:
    """The names that hold the word, else those that look like it, else a few of them."""
    if not names:
        return "None is known yet."
    near = [name for name in names if word.casefold() in name.casefold()][:SUGGESTED]
    if near := near or closest(word, names):
        return f"Closest: {', '.join(near)}."
    more = ", …" if len(names) > SUGGESTED else ""
    return f"There are {', '.join(names[:SUGGESTED])}{more}."


def _devices(rows: Sequence[BugDevice]) -> list[Device]:
    """One view a device, from one row for each of its browsers."""
    return [_device(list(group)) for _, group in groupby(rows, key=lambda row: row.device)]


def _device(rows: Sequence[Any]) -> Device:
    return Device(
        category=rows[0].category,
        vendor=rows[0].vendor,
        model=rows[0].model,
        operating_system=rows[0].operating_system,
        operating_system_version=rows[0].operating_system_version,
        browsers=[row.browser for row in rows if row.browser],
    )
