"""Weeks, months, quarters and years in figures: the empty ones, and those that are cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from testio_mcp.analytics.dimensions import DIMENSIONS, Of
from testio_mcp.analytics.metrics import METRICS, Kind
from testio_mcp.domain.calendar import (
    INSTANT,
    Bucket,
    TimeUnit,
    bucket_named,
    bucket_of,
    buckets_between,
)
from testio_mcp.domain.periods import Period
from testio_mcp.services.metric_rows import Row, Rows, in_order_of_keys

# Empty weeks and the like are told up to so many rows.
MOST_FILLED = 2_000


@dataclass(frozen=True)
class Calendar:
    """Whose days are counted, which period was asked for, and when."""

    zone: ZoneInfo
    period: Period | None
    now: datetime

    def filled(self, found: Rows) -> Rows | None:
        """With the empty weeks and the like, for each combination of the other dimensions.

        From end to end of the period, or else from the first to the last that there are. None
        where they are too many.
        """
        if len(found.times) != 1:
            return found
        buckets = self._buckets(found)
        place = found.by.index(found.times[0])
        others = dict.fromkeys(_without(row[: len(found.by)], place) for row in found.rows)
        if not others and len(found.by) == 1:
            others = {(): None}
        if buckets is None or len(buckets) * len(others) > MOST_FILLED:
            return None
        known = {row[: len(found.by)] for row in found.rows}
        nothing = tuple(0 if METRICS[name].kind is Kind.COUNT else None for name in found.metrics)
        keys = [(*key[:place], bucket.name, *key[place:]) for key in others for bucket in buckets]
        empty = [(*key, *nothing) for key in keys if key not in known]
        rows = in_order_of_keys([*found.rows, *empty], len(found.by)) if empty else found.rows
        return replace(found, rows=rows)

    def is_partial(self, name: str, dimension: str) -> bool:
        """Whether the period or the present cuts a bucket off."""
        unit = DIMENSIONS[dimension].unit
        assert unit
        bucket = bucket_named(name, unit, self.zone)
        period = self._period_of(dimension)
        begins, ends = (period.start, period.end) if period else (None, None)
        return bucket.is_cut(begins, ends, self.now)

    def _period_of(self, dimension: str) -> Period | None:
        """Periods are about the ends of tests, and say nothing of reports."""
        return self.period if DIMENSIONS[dimension].of is Of.TEST else None

    def _buckets(self, found: Rows) -> Sequence[Bucket] | None:
        (dimension,) = found.times
        unit = DIMENSIONS[dimension].unit
        assert unit
        names = sorted(found.keys_of(dimension))
        within = [bucket_named(name, unit, self.zone) for name in (*names[:1], *names[-1:])]
        asked = self._bounds(dimension, unit, within)
        for buckets in (asked, within):
            if not buckets:
                return []
            between = buckets_between(buckets[0], buckets[-1], unit, self.zone)
            listed = list(islice(between, MOST_FILLED + 1))
            if len(listed) <= MOST_FILLED:
                return listed
        return None

    def _bounds(self, dimension: str, unit: TimeUnit, within: list[Bucket]) -> list[Bucket]:
        """The first and the last bucket of the period, or of the rows where it has no bound."""
        period = self._period_of(dimension)
        first, last = within[:1], within[-1:]
        if period and period.start:
            first = [bucket_of(period.start, unit, self.zone), *first]
        if period and period.end:
            last = [bucket_of(period.end - INSTANT, unit, self.zone), *last]
        if not first or not last:
            return []
        return [
            min(first, key=lambda bucket: bucket.start),
            max(last, key=lambda bucket: bucket.start),
        ]


def _without(key: Row, place: int) -> Row:
    return (*key[:place], *key[place + 1 :])
