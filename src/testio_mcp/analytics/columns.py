"""The columns and aggregates that metrics and dimensions are written with."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, case, cast, func, select
from sqlmodel import col

from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.metrics import UNKNOWN
from testio_mcp.tables import Bug, BugDevice, Stamp, Test, TestFeature
from testio_mcp.tables.constants import constant, constants

WEIGHTS = {Severity.CRITICAL: 5, Severity.HIGH: 3}
ZERO, ONE = constant(0), constant(1)


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
        return func.coalesce(func.sum(case((of, ONE), else_=ZERO)), ZERO)

    def distinct(
        self, value: SQLColumnExpression[Any], where: ColumnElement[bool] | None = None
    ) -> ColumnElement[Any]:
        """How many different values there are."""
        wanted = value if where is None else case((where, value))
        return func.count(wanted.distinct())

    def share(self, part: ColumnElement[Any], *, of: ColumnElement[Any]) -> ColumnElement[Any]:
        """part / of; null where there is nothing to divide by."""
        return cast(part, Float) / func.nullif(of, ZERO)

    @property
    def tests(self) -> ColumnElement[Any]:
        return self.distinct(col(Test.id))

    @property
    def tests_read(self) -> ColumnElement[Any]:
        read = select(col(Stamp.id)).where(
            col(Stamp.kind) == constant(Unit.BUGS), col(Stamp.id) == col(Test.id)
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
        return self.number(self.status == constant(BugStatus.ACCEPTED))

    @property
    def auto_accepted(self) -> ColumnElement[Any]:
        return self.number(self.status == constant(BugStatus.AUTO_ACCEPTED))

    @property
    def rejected(self) -> ColumnElement[Any]:
        return self.number(self.status == constant(BugStatus.REJECTED))

    @property
    def gravity(self) -> ColumnElement[Any]:
        severity = col(Bug.severity)
        weights = [(severity == constant(word), constant(n)) for word, n in WEIGHTS.items()]
        return func.coalesce(func.sum(case(*weights, else_=ONE)), ZERO)

    @property
    def hours_to_first_bug(self) -> ColumnElement[Any]:
        """Over the tests in the middle, of which there are one or two."""
        return func.avg(self.hours)

    @property
    def bug_status(self) -> ColumnElement[Any]:
        known = self.status.in_(constants(BugStatus))
        return case((known, self.status), else_=constant("other"))

    @property
    def rejection_reason(self) -> ColumnElement[Any]:
        reason = func.coalesce(col(Bug.rejection_reason), constant(UNKNOWN))
        return case((self.status == constant(BugStatus.REJECTED), reason))
