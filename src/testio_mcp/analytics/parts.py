"""What is counted on its own: the rows of one grain, with the keys that they are grouped by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, Label, and_, cast, func, literal_column, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.analytics.buckets import bucket
from testio_mcp.analytics.columns import Columns
from testio_mcp.analytics.dimensions import DIMENSIONS, Of, are_of_bugs
from testio_mcp.analytics.metrics import Grain, Metric
from testio_mcp.analytics.scope import (
    OF_BUGS,
    named,
    of_bugs,
    of_features,
    of_tests,
    with_features,
)
from testio_mcp.database.engine import Query
from testio_mcp.tables import Bug, BugDevice, Test, TestFeature

HOUR = 3600.0


class Rows(StrEnum):
    TESTS = "tests"
    FEATURES = "features"
    BUGS = "bugs"
    FIRST_BUGS = "first_bugs"
    FEATURES_OF_BUGS = "features_of_bugs"


class Part(NamedTuple):
    rows: Rows
    every_status: bool


@dataclass(frozen=True)
class Source:
    """The rows of a part, as yet without columns."""

    query: Query
    columns: Columns
    keys: list[Label[Any]]


@dataclass(frozen=True)
class Grouping:
    """What is asked for, apart from the metrics."""

    by: tuple[str, ...]
    filters: frozenset[str]
    zone: ZoneInfo

    def part_of(self, metric: Metric) -> Part:
        """Where a metric is counted."""
        match metric.grain:
            case Grain.ANY_TEST:
                rows = Rows.TESTS
            case Grain.TEST:
                rows = Rows.BUGS if self._through_bugs else Rows.TESTS
            case Grain.FEATURE:
                rows = Rows.FEATURES_OF_BUGS if self._through_bugs else Rows.FEATURES
            case Grain.BUG:
                rows = Rows.BUGS
            case Grain.FIRST_BUG:
                rows = Rows.FIRST_BUGS
        return Part(rows, metric.every_status)

    def source(self, part: Part) -> Source:
        filters = named(self.filters, every_status=part.every_status)
        sources: dict[Rows, Callable[[frozenset[str]], Source]] = {
            Rows.TESTS: self._tests,
            Rows.FEATURES: self._features,
            Rows.BUGS: self._bugs,
            Rows.FIRST_BUGS: self._first_bugs,
            Rows.FEATURES_OF_BUGS: self._features_of_bugs,
        }
        return sources[part.rows](filters)

    @property
    def _through_bugs(self) -> bool:
        """Whether tests count only with such a bug."""
        return are_of_bugs(self.by) or not self.filters.isdisjoint(OF_BUGS)

    def _keys(self, columns: Columns) -> list[Label[Any]]:
        keys: list[Label[Any]] = []
        for name in self.by:
            dimension = DIMENSIONS[name]
            key = dimension.key(columns)
            if dimension.unit:
                key = bucket(key, dimension.unit, self.zone)
            keys.append(key.label(name))
        return keys

    def _tests(self, filters: frozenset[str]) -> Source:
        if "feature" in self.by:
            return self._features(filters)
        query: Query = select().select_from(Test)
        query = query.where(*of_tests(filters), *with_features(filters))
        columns = Columns(feature_id=None)
        return Source(query, columns, self._keys(columns))

    def _features(self, filters: frozenset[str]) -> Source:
        """A row for each feature of each test."""
        query: Query = select().select_from(Test)
        query = query.join(TestFeature, col(TestFeature.test_id) == col(Test.id))
        query = query.where(*of_tests(filters), *of_features(filters))
        columns = Columns(feature_id=col(TestFeature.feature_id))
        return Source(query, columns, self._keys(columns))

    def _bugs(self, filters: frozenset[str]) -> Source:
        """A row for each bug, or for each that differs in the devices that are asked for."""
        query: Query = select().select_from(Test).join(Bug, col(Bug.test_id) == col(Test.id))
        query = query.where(*of_tests(filters), *of_bugs(filters))
        columns = Columns(feature_id=col(Bug.feature_id))
        keys = self._keys(columns)
        devices = [name for name in self.by if DIMENSIONS[name].of is Of.DEVICE]
        return Source(_by_device(query, devices) if devices else query, columns, keys)

    def _first_bugs(self, filters: frozenset[str]) -> Source:
        """A row for each test in the middle by hours to its first bug: one, or two of an even
        number, whose average is the median."""
        source = self._bugs(filters)
        hours = (_seconds(func.min(col(Bug.reported_at))) - _seconds(col(Test.start_at))) / HOUR
        dated = (col(Bug.reported_at).is_not(None), col(Test.start_at).is_not(None))
        tests = (
            source.query.add_columns(*source.keys, hours.label("hours"))
            .where(*dated)
            .group_by(*positions(source.keys), col(Bug.test_id))
            .subquery()
        )
        keys = [tests.c[name] for name in self.by]
        place = func.row_number().over(partition_by=keys or None, order_by=tests.c.hours)
        number = func.count().over(partition_by=keys or None)
        ranked = select(*tests.c, place.label("place"), number.label("number")).subquery()
        middle = ((ranked.c.number + 1) // 2, (ranked.c.number + 2) // 2)
        query: Query = select().select_from(ranked).where(ranked.c.place.in_(middle))
        columns = Columns(feature_id=None, hours=ranked.c.hours)
        return Source(query, columns, [ranked.c[name].label(name) for name in self.by])

    def _features_of_bugs(self, filters: frozenset[str]) -> Source:
        """A row for each feature of each test with such a bug."""
        source = self._bugs(filters)
        tests = (
            source.query.add_columns(*source.keys, col(Bug.test_id).label("test_of_bug"))
            .distinct()
            .subquery()
        )
        of_test = [col(TestFeature.test_id) == tests.c.test_of_bug]
        if "feature" in self.by:
            of_test.append(col(TestFeature.feature_id) == tests.c.feature)
        query: Query = select().select_from(tests).join(TestFeature, and_(*of_test))
        query = query.where(*of_features(filters))
        keys = [tests.c[name].label(name) for name in self.by]
        return Source(query, Columns(feature_id=None), keys)


def _by_device(query: Query, names: list[str]) -> Query:
    """A row for each distinct combination of values; one with nulls for a bug without devices."""
    other = aliased(BugDevice)
    columns = [DIMENSIONS[name].key for name in names]
    here, there = Columns(feature_id=None), Columns(feature_id=None, device=other)
    # Of the devices that are alike in this the first stands for all.
    alike = select(col(other.bug_id)).where(
        col(other.bug_id) == col(BugDevice.bug_id),
        col(other.position) < col(BugDevice.position),
        *(key(there).is_not_distinct_from(key(here)) for key in columns),
    )
    first = ~alike.correlate(BugDevice).exists()
    return query.join(BugDevice, and_(col(BugDevice.bug_id) == col(Bug.id), first), isouter=True)


def positions(keys: Sequence[Any]) -> list[ColumnElement[Any]]:
    """The keys by their places: an expression with parameters would be another one to SQLite."""
    return [literal_column(str(number + 1)) for number in range(len(keys))]


def _seconds(instant: Any) -> Any:
    return cast(func.strftime("%s", instant), Integer)
