"""The envelope of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from testio_mcp.domain.periods import Period
from testio_mcp.domain.slice import Paging
from testio_mcp.views.base import Deleted, Freshness, Page, ResolvedPeriod, View

RUNNING_KEPT = "Tests that still run are included, though they end later."


def page_of[T: View](
    items: Sequence[T],
    total: int,
    paging: Paging,
    freshness: Freshness,
    period: ResolvedPeriod | None = None,
    notes: Sequence[str] = (),
    deleted: list[Deleted] | None = None,
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
        deleted=deleted,
        freshness=freshness,
    )


def resolved(period: Period | None, by: str, timezone: str) -> ResolvedPeriod | None:
    """The bounds a period came to, and by which time of a thing they were taken."""
    if period is None:
        return None
    return ResolvedPeriod(start=period.start, end=period.end, by=by, timezone=timezone)


def running_kept(period: Period | None) -> list[str]:
    """The note that belongs to a period which also holds tests that end after it."""
    return [RUNNING_KEPT] if period and period.keeps_running_tests else []


def in_order_of[T: Any](
    items: Iterable[T], key: Callable[[T, str], Any], paging: Paging
) -> list[T]:
    """In the order that was asked for; what has no key comes last, ties by id."""
    keyed = [(key(item, paging.key), item) for item in sorted(items, key=attrgetter("id"))]
    known = [pair for pair in keyed if pair[0] is not None]
    # Sorting is stable, so that ties stay in the order of their ids.
    known.sort(key=itemgetter(0), reverse=paging.descending)
    return [item for _, item in known] + [item for value, item in keyed if value is None]
