"""The envelope of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testio_mcp.domain.periods import Period
from testio_mcp.domain.slice import Paging
from testio_mcp.views.base import Freshness, Page, ResolvedPeriod, View

if TYPE_CHECKING:
    pass


def page_of[T: View](
    items: Sequence[T],
    total: int,
    paging: Paging,
    freshness: Freshness,
    period: ResolvedPeriod | None = None,
    notes: Sequence[str] = (),
) -> Page[T]:
    return Page(
        items=list(items),
        total=total,
        returned=len(items),
        page=paging.page,
        page_size=paging.page_size,
        has_more=paging.offset + len(items) < total,
        period=period,
        notes=list(notes),
        freshness=freshness,
    )


def resolved(period: Period | None, by: str, timezone: str) -> ResolvedPeriod | None:
    """The bounds a period came to, and by which time of a thing they were taken."""
    if period is None:
        return None
    return ResolvedPeriod(start=period.start, end=period.end, by=by, timezone=timezone)
