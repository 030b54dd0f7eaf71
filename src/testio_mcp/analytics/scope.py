"""Which tests and bugs figures are about, as conditions."""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlmodel import col

from testio_mcp.domain.figures import Scope
from testio_mcp.domain.tests import TestStatus
from testio_mcp.tables import Bug, Test, TestFeature

# Tests count only with a bug that fits these.
OF_BUGS = ("bug_statuses", "severities", "tester_ids")
EXCLUDED = "excluded_test_ids"
LISTS = ("product_ids", "test_ids", EXCLUDED, "testing_types", "feature_ids", *OF_BUGS)
STATUSES = "statuses"
# Stands for `statuses` where none are named: metrics that count all tests leave it out.
DEFAULT_STATUSES = "default_statuses"
START, END, OR_RUNNING = "start", "end", "or_running"

type Conditions = list[ColumnElement[bool]]
# What a filter is compared with: its values, or a parameter that stands for them.
type Value = Callable[[str], Any]


def filters_of(scope: Scope) -> frozenset[str]:
    """Which filters there are, whatever their values: one statement serves all of these."""
    found = {name for name in LISTS if getattr(scope, name)}
    if scope.statuses is None:
        found.add(DEFAULT_STATUSES)
    elif scope.statuses:
        found.add(STATUSES)
    period = scope.period
    if period and period.start:
        found.add(START)
    if period and period.end:
        found |= {END, OR_RUNNING} if period.keeps_running_tests else {END}
    return frozenset(found)


def values_of(scope: Scope) -> dict[str, Any]:
    """What the parameters of the filters stand for."""
    found = {name: getattr(scope, name) for name in LISTS}
    found[STATUSES] = scope.named_statuses
    if scope.period:
        found |= {START: scope.period.start, END: scope.period.end}
    return found


def parameter(name: str) -> Any:
    return bindparam(name, expanding=name not in (START, END))


def conditions(scope: Scope) -> Conditions:
    """What a test must fulfil to be in scope, by its own properties."""
    return of_tests(named(filters_of(scope)), values_of(scope).__getitem__)


def named(filters: Collection[str], *, every_status: bool = False) -> frozenset[str]:
    """With the default statuses as if they had been named, unless tests of every status count."""
    without = frozenset(filters) - {DEFAULT_STATUSES}
    if every_status or DEFAULT_STATUSES not in filters:
        return without
    return without | {STATUSES}


def of_tests(filters: Collection[str], value: Value = parameter) -> Conditions:
    columns = {
        "product_ids": Test.product_id,
        "test_ids": Test.id,
        STATUSES: Test.status,
        "testing_types": Test.testing_type,
    }
    found: Conditions = [
        col(column).in_(value(name)) for name, column in columns.items() if name in filters
    ]
    if EXCLUDED in filters:
        found.append(col(Test.id).not_in(value(EXCLUDED)))
    return found + _ends_in(filters, value)


def _ends_in(filters: Collection[str], value: Value) -> Conditions:
    """Tests that end in the period; `this …` and `ytd` also hold what still runs."""
    found: Conditions = []
    end_at = col(Test.end_at)
    if START in filters:
        found.append(end_at >= value(START))
    if END in filters:
        before = end_at < value(END)
        if OR_RUNNING in filters:
            before = before | (col(Test.status) == TestStatus.RUNNING)
        found.append(before)
    return found


def of_bugs(filters: Collection[str]) -> Conditions:
    columns = {
        "feature_ids": Bug.feature_id,
        "bug_statuses": Bug.status,
        "severities": Bug.severity,
        "tester_ids": Bug.reporter_id,
    }
    return [col(column).in_(parameter(name)) for name, column in columns.items() if name in filters]


def of_features(filters: Collection[str]) -> Conditions:
    """Of the features in tests."""
    if "feature_ids" not in filters:
        return []
    return [col(TestFeature.feature_id).in_(parameter("feature_ids"))]


def with_features(filters: Collection[str]) -> Conditions:
    """Of tests, by the features that they contain."""
    named = of_features(filters)
    if not named:
        return []
    return [col(Test.id).in_(select(col(TestFeature.test_id)).where(*named))]
