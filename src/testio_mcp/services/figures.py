"""Shapes the rows of figures into views; the counting itself is in analytics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.figures import RATES, Scope, in_order
from testio_mcp.views.bugs import BugCounts, BugFigures

if TYPE_CHECKING:
    from testio_mcp.repositories.figures import FigureRepository


async def bug_figures(figures: FigureRepository, scope: Scope, *, read: bool) -> BugFigures:
    """Counts by status and severity, and the five rates; all unknown unless bugs were read."""
    if not read:
        unknown = dict.fromkeys(RATES)
        return BugFigures(total=None, known=None, by_status={}, by_severity={}, **unknown)
    (row,) = await figures.measure(("bug_count", "known_bugs", *RATES), scope)
    statuses: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    by = ("bug_status", "severity")
    for status, severity, number in await figures.measure(("bug_count",), scope, by=by):
        statuses[status] += number
        severities[severity] += number
    return BugFigures(
        total=row.bug_count,
        known=row.known_bugs,
        by_status=in_order(statuses, list(BugStatus)),
        by_severity=in_order(severities, list(Severity)),
        **{rate: getattr(row, rate) for rate in RATES},
    )


async def bug_counts(
    figures: FigureRepository, test_ids: Sequence[int], read: Collection[int]
) -> dict[int, BugCounts]:
    """By test, whatever its status; unknown for tests whose bugs were never read."""
    scope = Scope(test_ids=tuple(test_ids), statuses=())
    by = ("test", "bug_status", "severity")
    rows = await figures.measure(("bug_count",), scope, by=by) if test_ids else []
    total, open, critical = Counter[int](), Counter[int](), Counter[int]()
    for id, status, severity, number in rows:
        total[id] += number
        open[id] += number * (status == BugStatus.OPEN)
        critical[id] += number * (severity == Severity.CRITICAL)
    unknown = BugCounts(total=None, open=None, critical=None)
    return {
        id: BugCounts(total=total[id], open=open[id], critical=critical[id])
        if id in read
        else unknown
        for id in test_ids
    }
