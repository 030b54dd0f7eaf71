"""Figures by month, also those months in which nothing ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.calendar import (
    INSTANT,
    Bucket,
    TimeUnit,
    bucket_named,
    bucket_of,
    buckets_between,
)
from testio_mcp.domain.figures import RATES
from testio_mcp.domain.metrics import NONE
from testio_mcp.domain.periods import Period
from testio_mcp.views.reports import ReportMonth

MONTH = TimeUnit.MONTH
# Of more months than these the empty ones at both ends are left out.
MOST_FILLED = 60


def trend(
    rows: Mapping[str | None, dict[str, Any]], period: Period | None, zone: ZoneInfo, now: datetime
) -> list[ReportMonth]:
    """From end to end of the period, but not into the future; `rows` are the figures by month."""
    nothing = {**dict.fromkeys((*RATES, "bugs_per_test")), "test_count": 0, "bug_count": 0}
    months = [
        _month(bucket.name, rows.get(bucket.name, nothing), _is_partial(bucket, period, now))
        for bucket in _buckets([name for name in rows if name], period, zone, now)
    ]
    # Without a period tests without an end count too.
    without_end = [_month(NONE, rows[None], False)] if None in rows else []
    return months + without_end


def _buckets(
    names: Sequence[str], period: Period | None, zone: ZoneInfo, now: datetime
) -> list[Bucket]:
    within = [bucket_named(name, MONTH, zone) for name in names]
    asked = []
    if period and period.start and period.start <= now:
        last = min(period.end or now, now) - INSTANT
        asked = [bucket_of(instant, MONTH, zone) for instant in (period.start, last)]
    every = _between([*asked, *within], zone)
    return every if len(every) <= MOST_FILLED else _between(within or asked[1:], zone)


def _between(found: Sequence[Bucket], zone: ZoneInfo) -> list[Bucket]:
    """From the first of these to the last."""
    if not found:
        return []
    in_order = sorted(found, key=lambda bucket: bucket.start)
    return [*buckets_between(in_order[0], in_order[-1], MONTH, zone)]


def _is_partial(bucket: Bucket, period: Period | None, now: datetime) -> bool:
    begins, ends = (period.start, period.end) if period else (None, None)
    return bucket.is_cut(begins, ends, now)


def _month(name: str, row: dict[str, Any], is_partial: bool) -> ReportMonth:
    return ReportMonth(
        month=name,
        partial=is_partial,
        tests=row["test_count"],
        bugs=row["bug_count"],
        bugs_per_test=row["bugs_per_test"],
        **{rate: row[rate] for rate in RATES},
    )
