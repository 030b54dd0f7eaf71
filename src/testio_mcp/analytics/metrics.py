"""Everything that can be measured. Every count and rate that is shown comes from here."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Float, case, cast, func
from sqlmodel import col

from testio_mcp.domain.bugs import BugStatus
from testio_mcp.tables import Bug, Test


class Grain(StrEnum):
    """What one row stands for where a metric is counted."""

    TEST = "test"
    BUG = "bug"


@dataclass(frozen=True)
class Metric:
    """`value` is an aggregate over rows of the grain, each of which occurs once."""

    definition: str
    grain: Grain
    value: ColumnElement[Any]


def number(of: ColumnElement[bool]) -> ColumnElement[Any]:
    """How many rows match."""
    return func.coalesce(func.sum(case((of, 1), else_=0)), 0)


def share(part: ColumnElement[Any], *, of: ColumnElement[Any]) -> ColumnElement[Any]:
    """part / of, from 0 to 1; null where there is nothing to divide by."""
    return cast(part, Float) / func.nullif(of, 0)


status = col(Bug.status)
bugs = func.count(col(Bug.id))
accepted = number(status == BugStatus.ACCEPTED)
auto_accepted = number(status == BugStatus.AUTO_ACCEPTED)
rejected = number(status == BugStatus.REJECTED)

METRICS: dict[str, Metric] = {
    "test_count": Metric("Tests.", Grain.TEST, func.count(col(Test.id))),
    "bug_count": Metric("Bugs reported.", Grain.BUG, bugs),
    "open_bugs": Metric("Bugs nobody has reviewed yet.", Grain.BUG, number(status == "open")),
    "known_bugs": Metric("Bugs marked as known.", Grain.BUG, number(col(Bug.known).is_(True))),
    "acceptance_rate": Metric(
        "Share of bugs that were accepted, by a person or automatically.",
        Grain.BUG,
        share(accepted + auto_accepted, of=bugs),
    ),
    "active_acceptance_rate": Metric(
        "Share of bugs that a person accepted.", Grain.BUG, share(accepted, of=bugs)
    ),
    "auto_acceptance_rate": Metric(
        "Share of accepted bugs that nobody reviewed within ten days.",
        Grain.BUG,
        share(auto_accepted, of=accepted + auto_accepted),
    ),
    "rejection_rate": Metric(
        "Share of bugs that were rejected.", Grain.BUG, share(rejected, of=bugs)
    ),
    "review_rate": Metric(
        "Share of bugs that a person accepted or rejected.",
        Grain.BUG,
        share(accepted + rejected, of=bugs),
    ),
}
