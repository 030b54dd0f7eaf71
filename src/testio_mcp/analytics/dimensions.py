"""Everything that metrics can be grouped by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import SQLColumnExpression, Subquery, case, select
from sqlmodel import col

from testio_mcp.analytics.metrics import Grain
from testio_mcp.database.engine import Query
from testio_mcp.domain.bugs import BugStatus
from testio_mcp.tables import Bug, BugDevice, Test


@dataclass(frozen=True)
class Dimension:
    """`keys` has one row for each value of a bug, where a bug can have several."""

    description: str
    # Tests can be counted by it too, when it is a property of tests.
    grains: frozenset[Grain]
    key: SQLColumnExpression[Any] | None = None
    keys: Callable[[], Subquery] | None = None


def _operating_systems() -> Subquery:
    # Distinct, because a bug counts once under a system however many devices have it.
    query: Query = select(col(BugDevice.bug_id), col(BugDevice.operating_system).label("key"))
    return query.where(col(BugDevice.operating_system).is_not(None)).distinct().subquery()


def _bug_status() -> SQLColumnExpression[Any]:
    status = col(Bug.status)
    return case((status.in_(tuple(BugStatus)), status), else_="other")


BOTH = frozenset(Grain)
BUG = frozenset({Grain.BUG})

DIMENSIONS: dict[str, Dimension] = {
    "product": Dimension("Id of the product.", BOTH, col(Test.product_id)),
    "test": Dimension("Id of the test.", BOTH, col(Test.id)),
    "feature": Dimension("Id of the feature of a bug.", BUG, col(Bug.feature_id)),
    "severity": Dimension("Severity of the bug.", BUG, col(Bug.severity)),
    "bug_status": Dimension(
        "Status of the bug; other for a word that is documented nowhere.", BUG, _bug_status()
    ),
    "test_status": Dimension("Status of the test.", BOTH, col(Test.status)),
    "test_environment": Dimension(
        "Title of the test's environment.", BOTH, col(Test.environment_title)
    ),
    "operating_system": Dimension(
        "Operating system of the bug's devices.", BUG, keys=_operating_systems
    ),
}
