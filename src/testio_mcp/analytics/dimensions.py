"""Everything that metrics can be grouped by."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import SQLColumnExpression, case
from sqlmodel import col

from testio_mcp.analytics.metrics import Grain
from testio_mcp.domain.bugs import BugStatus
from testio_mcp.tables import Bug, Test


@dataclass(frozen=True)
class Dimension:
    """`device` is a column of a bug's devices, of which a bug can have several values."""

    description: str
    # Tests can be counted by it too, when it is a property of tests.
    grains: frozenset[Grain]
    key: SQLColumnExpression[Any] | None = None
    device: str | None = None


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
        "Operating system of the bug's devices.", BUG, device="operating_system"
    ),
}
