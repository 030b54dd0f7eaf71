"""The columns and aggregates that metrics and dimensions are written with."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, case, cast, func, select
from sqlmodel import col

from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.metrics import UNKNOWN
from testio_mcp.tables import Bug, BugDevice, Stamp, Test, TestFeature

WEIGHTS = {Severity.CRITICAL.value: 5, Severity.HIGH.value: 3}


@dataclass(frozen=True)
class Columns:
    """Of one part of a query; which of them there are depends on its grain."""

    # Of tests that of each feature they contain, of bugs that of the one they name.
    feature_id: Any
    # By test, from its start to its first bug.
    hours: Any = None
    test: Any = Test
    bug: Any = Bug
    device: Any = BugDevice

    def number(self, of: ColumnElement[bool]) -> ColumnElement[Any]:
        """How many rows match."""
        return func.coalesce(func.sum(case((of, 1), else_=0)), 0)

    def distinct(
        self, value: SQLColumnExpression[Any], where: ColumnElement[bool] | None = None
    ) -> ColumnElement[Any]:
        """How many different values there are."""
        wanted = value if where is None else case((where, value))
        return func.count(wanted.distinct())

    def share(self, part: ColumnElement[Any], *, of: ColumnElement[Any]) -> ColumnElement[Any]:
        """part / of; null where there is nothing to divide by."""
        return cast(part, Float) / func.nullif(of, 0)

    @property
    def tests(self) -> ColumnElement[Any]:
        return self.distinct(col(Test.id))

    @property
    def tests_read(self) -> ColumnElement[Any]:
        read = select(col(Stamp.id)).where(
            col(Stamp.kind) == Unit.BUGS, col(Stamp.id) == col(Test.id)
        )
        return self.distinct(col(Test.id), where=read.correlate(Test).exists())

    @property
    def features(self) -> ColumnElement[Any]:
        return self.distinct(col(TestFeature.feature_id))

    @property
    def bugs(self) -> ColumnElement[Any]:
        return func.count(col(Bug.id))

    @property
    def status(self) -> SQLColumnExpression[str]:
        return col(Bug.status)

    @property
    def accepted(self) -> ColumnElement[Any]:
        return self.number(self.status == BugStatus.ACCEPTED)

    @property
    def auto_accepted(self) -> ColumnElement[Any]:
        return self.number(self.status == BugStatus.AUTO_ACCEPTED)

    @property
    def rejected(self) -> ColumnElement[Any]:
        return self.number(self.status == BugStatus.REJECTED)

    @property
    def gravity(self) -> ColumnElement[Any]:
        weight = case(WEIGHTS, value=col(Bug.severity), else_=1)
        return func.coalesce(func.sum(weight), 0)

    @property
    def hours_to_first_bug(self) -> ColumnElement[Any]:
        """Over the tests in the middle, of which there are one or two."""
        return func.avg(self.hours)

    @property
    def bug_status(self) -> ColumnElement[Any]:
        return case((self.status.in_(tuple(BugStatus)), self.status), else_="other")

    @property
    def rejection_reason(self) -> ColumnElement[Any]:
        reason = func.coalesce(col(Bug.rejection_reason), UNKNOWN)
        return case((self.status == BugStatus.REJECTED, reason))
