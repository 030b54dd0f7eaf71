"""Questions about bugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import AUTO_ACCEPTANCE, BugFilter, BugStatus, Detail, link
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.names import plain
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import InvalidRequest, NotFound
from testio_mcp.services.changes import moved_since
from testio_mcp.services.pages import page_of, resolved
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import (
    refuse_tests_of_others,
    refuse_unknown_features,
    refuse_unknown_products,
    refuse_unknown_tests,
)
from testio_mcp.views.base import Page
from testio_mcp.views.bugs import (
    BugAnswer,
    BugDetail,
    BugPreview,
    BugSummary,
    ChangedBug,
    Comment,
    Device,
    ReportAnswer,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.bugs import BugRepository
    from testio_mcp.repositories.changes import ChangeRepository
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import BugDevice


# Names to offer where one is not known.
SUGGESTED = 5
# Characters of what happened in a preview.
PREVIEWED = 200


class BugService:
    def __init__(
        self,
        bugs: BugRepository,
        tests: TestRepository,
        products: ProductRepository,
        features: FeatureRepository,
        changes: ChangeRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._bugs = bugs
        self._tests = tests
        self._products = products
        self._features = features
        self._changes = changes
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(
        self, wanted: BugFilter, paging: Paging, detail: Detail = Detail.BRIEF
    ) -> Page[BugSummary]:
        now = datetime.now(UTC)
        basis = Basis(
            product_ids=wanted.product_ids,
            test_ids=wanted.test_ids or None,
            lists=not wanted.test_ids,
            tests=not wanted.test_ids,
            bugs=True,
        )
        wanted = await self._resolved(wanted)
        freshness = await self._freshness.of(basis, now)
        total, items = await self._found(wanted, paging, detail, now)
        deleted = partial(self._bugs.deleted, wanted)
        notes, gone = await moved_since(self._changes, wanted, paging, self._zone, deleted)
        period = resolved(wanted.period, "reported_at", self._zone.key)
        return page_of(items, total, paging, freshness, period, notes, gone)

    async def _found(
        self, wanted: BugFilter, paging: Paging, detail: Detail, now: datetime
    ) -> tuple[int, Sequence[BugSummary]]:
        """How many there are, and a page of them in as much detail."""
        if detail is Detail.BRIEF:
            found = await self._bugs.find(wanted, paging)
            since = wanted.changed_since
            tell = (
                partial(_changed, since=since, now=now) if since else partial(bug_summary, now=now)
            )
            return found.total, [tell(row) for row in found.items]
        found = await self._bugs.find_with_details(wanted, paging)
        devices = await self._bugs.devices([row.Bug.id for row in found.items])
        show = bug_preview if detail is Detail.PREVIEW else bug_detail
        by_bug = {id: list(of) for id, of in groupby(devices, key=lambda row: row.bug_id)}
        return found.total, [show(row, by_bug.get(row.Bug.id, []), now) for row in found.items]

    @read_through
    async def get(self, bug_id: int) -> BugAnswer:
        now = datetime.now(UTC)
        row = await self._bugs.get_with_details(bug_id)
        if row is None:
            raise NotFound("bug", bug_id)
        bug = row.Bug
        basis = Basis((bug.product_id,), (bug.test_id,), lists=False, tests=False, bugs=True)
        return BugAnswer(
            bug=bug_detail(row, await self._bugs.devices([bug_id]), now),
            freshness=await self._freshness.of(basis, now),
        )

    async def _resolved(self, wanted: BugFilter) -> BugFilter:
        """With names as they are written here; what nothing has would look like an empty result."""
        await refuse_unknown_products(self._products, wanted.product_ids)
        await refuse_unknown_tests(self._tests, wanted.test_ids)
        await refuse_tests_of_others(self._tests, wanted.test_ids, wanted.product_ids)
        await refuse_unknown_features(self._features, wanted.feature_ids)
        if wanted.rejection_reasons:
            reasons = await self._bugs.reject_reasons()
            named = {name: key for key, name in reasons.items()} | {key: key for key in reasons}
            meant = _meant("rejection reason", wanted.rejection_reasons, named)
            wanted = replace(wanted, rejection_reasons=meant)
        if wanted.reported_by:
            names = {name: name for name in await self._bugs.reporters()}
            wanted = replace(wanted, reported_by=_meant("tester", wanted.reported_by, names))
        if wanted.operating_systems:
            names = {name: name for name in await self._bugs.operating_systems()}
            meant = _meant("operating system", wanted.operating_systems, names)
            wanted = replace(wanted, operating_systems=meant)
        return wanted


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


def _changed(row: Record, since: datetime, now: datetime) -> ChangedBug:
    bug = row.Bug
    is_new = bug.reported_at is not None and bug.reported_at >= since
    return ChangedBug(
        **vars(bug_summary(row, now)),
        change="new" if is_new else "status",
        previous_status=bug.previous_status,
        status_changed_at=bug.status_changed_at if bug.previous_status else None,
    )


def bug_preview(row: Record, devices: Sequence[BugDevice], now: datetime) -> BugPreview:
    """Enough to choose: the beginning of what happened, and where."""
    details = row.BugDetails
    happened = details.actual_result
    return BugPreview(
        **_more_than_brief(row, devices, now),
        actual_result=one_line(happened, PREVIEWED) if happened else None,
        comment_count=len(details.comments),
        attachment_count=len(details.attachments),
    )


def bug_detail(row: Record, devices: Sequence[BugDevice], now: datetime) -> BugDetail:
    bug, details = row.Bug, row.BugDetails
    return BugDetail(
        **_more_than_brief(row, devices, now),
        language=bug.language,
        exported_at=bug.exported_at,
        location=details.location,
        steps=details.steps.split("\n") if details.steps else [],
        expected_result=details.expected_result,
        actual_result=details.actual_result,
        comments=[Comment(author=c["author"], body=c["body"]) for c in details.comments],
        attachments=[a["url"] for a in details.attachments if a["url"]],
        report_answers=[ReportAnswer(**answer) for answer in details.report_answers],
    )


def _more_than_brief(row: Record, devices: Sequence[BugDevice], now: datetime) -> dict[str, Any]:
    bug = row.Bug
    return {
        **vars(bug_summary(row, now)),
        "link": link(bug.id),
        "previous_status": bug.previous_status,
        "status_changed_at": bug.status_changed_at if bug.previous_status else None,
        "rejection_reason": row.reason or bug.rejection_reason,
        "devices": _devices(devices),
    }


def _meant(kind: str, words: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """What these names stand for, in whatever case; raises InvalidRequest for any other."""
    folded = {plain(name): meant for name, meant in known.items()} | dict(known)
    for word in words:
        if word not in folded and plain(word) not in folded:
            raise InvalidRequest(
                f"No {kind} is called {one_line(word, 60)!r}.",
                hint=_suggestion(word, sorted(known)),
            )
    return tuple(folded.get(word) or folded[plain(word)] for word in words)


def _suggestion(word: str, names: Sequence[str]) -> str:
    """The names that hold the word, else those that look like it, else a few of them."""
    if not names:
        return "None is known yet."
    names = [one_line(name, 60) for name in names]
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
