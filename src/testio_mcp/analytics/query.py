"""Turns names of metrics and dimensions into one SELECT."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS, Grain
from testio_mcp.database.engine import Query
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.periods import Period
from testio_mcp.domain.tests import TestStatus
from testio_mcp.tables import Bug, BugDevice, Test


def measure(names: Sequence[str], by: Sequence[str], scope: Scope) -> Query:
    """One row for each combination of the dimensions, keys first, then the metrics by name.

    All metrics must be of one grain, so that no join multiplies a figure.
    """
    (grain,) = {METRICS[name].grain for name in names}
    unfit = [name for name in by if grain not in DIMENSIONS[name].grains]
    if unfit:
        raise ValueError(f"{names} cannot be counted by {unfit}")
    query: Query = select().select_from(Test)
    if grain is Grain.BUG:
        query = query.join(Bug, col(Bug.test_id) == col(Test.id))
    for name in by:
        query, key = _grouped(query, name)
        query = query.add_columns(key.label(name)).group_by(key)
    values = [METRICS[name].value.label(name) for name in names]
    return query.add_columns(*values).where(*conditions(scope))


def _grouped(query: Query, name: str) -> tuple[Query, SQLColumnExpression[Any]]:
    dimension = DIMENSIONS[name]
    if dimension.device is None:
        assert dimension.key is not None
        return query, dimension.key
    device, other = aliased(BugDevice), aliased(BugDevice)
    key: SQLColumnExpression[Any] = getattr(device, dimension.device)
    # A bug counts once under a value however many devices have it: under the first of them.
    first = (
        select(func.min(col(other.position)))
        .where(col(other.bug_id) == col(device.bug_id), getattr(other, dimension.device) == key)
        .correlate(device)
        .scalar_subquery()
    )
    on = and_(col(device.bug_id) == col(Bug.id), key.is_not(None), col(device.position) == first)
    return query.join(device, on), key


def conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """What a test must fulfil to be in scope."""
    found: list[ColumnElement[bool]] = []
    if scope.product_ids:
        found.append(col(Test.product_id).in_(scope.product_ids))
    if scope.test_ids:
        found.append(col(Test.id).in_(scope.test_ids))
    if scope.statuses:
        found.append(col(Test.status).in_(scope.statuses))
    if scope.period:
        found.extend(ends_in(scope.period))
    return found


def ends_in(period: Period) -> list[ColumnElement[bool]]:
    """Tests that end in the period; `this …` and `ytd` also hold what still runs."""
    found: list[ColumnElement[bool]] = []
    end_at = col(Test.end_at)
    if period.start is not None:
        found.append(end_at >= period.start)
    if period.end is not None:
        before = end_at < period.end
        if period.keeps_running_tests:
            before = before | (col(Test.status) == TestStatus.RUNNING)
        found.append(before)
    return found
