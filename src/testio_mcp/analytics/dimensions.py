"""Everything that metrics can be grouped by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from testio_mcp.domain.calendar import TimeUnit

if TYPE_CHECKING:
    from sqlalchemy import SQLColumnExpression

    from testio_mcp.analytics.columns import Columns


class Of(StrEnum):
    """What has the value."""

    TEST = "test"
    # Of tests the features that they contain, of bugs the one that they name.
    FEATURE = "feature"
    BUG = "bug"
    # Of a bug's devices: a bug counts once under each distinct value.
    DEVICE = "device"


class Named(StrEnum):
    """What a key is the id of."""

    PRODUCT = "product"
    TEST = "test"
    FEATURE = "feature"
    USER = "user"
    REASON = "reason"


@dataclass(frozen=True)
class Dimension:
    """`key` is the value that rows are grouped by; null where there is none.

    With `unit` the key is an instant, of which the week, month, quarter or year is taken.
    """

    description: str
    of: Of
    key: Callable[[Columns], SQLColumnExpression[Any]]
    named: Named | None = None
    unit: TimeUnit | None = None
    # What "(none)" stands for.
    none: str = "no value"


def _end(description: str, unit: TimeUnit) -> Dimension:
    return Dimension(
        description, Of.TEST, lambda on: on.test.end_at, unit=unit, none="tests without an end"
    )


def _report(description: str, unit: TimeUnit) -> Dimension:
    return Dimension(
        description, Of.BUG, lambda on: on.bug.reported_at, unit=unit, none="bugs without a date"
    )


DIMENSIONS: dict[str, Dimension] = {
    "product": Dimension("The product.", Of.TEST, lambda on: on.test.product_id, Named.PRODUCT),
    # As a sum, or to have them in order SQLite would read every test, whatever the filters.
    "test": Dimension("The test.", Of.TEST, lambda on: on.test.id + 0, Named.TEST),
    "feature": Dimension(
        "The feature: tests count under each that they contain, also without bugs, and bugs "
        "under the one that they name.",
        Of.FEATURE,
        lambda on: on.feature_id,
        Named.FEATURE,
        none="bugs that name no feature",
    ),
    "tester": Dimension(
        "Who reported the bug.",
        Of.BUG,
        lambda on: on.bug.reporter_id,
        Named.USER,
        none="bugs whose reporter is not named",
    ),
    "created_by": Dimension(
        "The customer's user who created the test.",
        Of.TEST,
        lambda on: on.test.created_by_id,
        Named.USER,
        none="tests whose creator is not named",
    ),
    "severity": Dimension("Severity of the bug.", Of.BUG, lambda on: on.bug.severity),
    "bug_status": Dimension(
        "Status of the bug; other for a word that is documented nowhere.",
        Of.BUG,
        lambda on: on.bug_status,
    ),
    "rejection_reason": Dimension(
        "Why the bug was rejected: (unknown) for a rejected bug whose reason was not recognised, "
        "(none) for a bug that was not rejected.",
        Of.BUG,
        lambda on: on.rejection_reason,
        Named.REASON,
        none="bugs that were not rejected",
    ),
    "known": Dimension("Whether the bug is marked as known.", Of.BUG, lambda on: on.bug.known),
    "operating_system": Dimension(
        "Operating system of the bug's devices.",
        Of.DEVICE,
        lambda on: on.device.operating_system,
        none="bugs with a device whose operating system is not named, or with no device",
    ),
    "browser": Dimension(
        "Browser of the bug's devices.",
        Of.DEVICE,
        lambda on: on.device.browser,
        none="bugs with a device that has no browser, or with no device",
    ),
    "device_category": Dimension(
        "Category of the bug's devices.",
        Of.DEVICE,
        lambda on: on.device.category,
        none="bugs with a device whose category is not named, or with no device",
    ),
    "submitted_by": Dimension(
        "The customer's user who submitted the test.",
        Of.TEST,
        lambda on: on.test.submitted_by_id,
        Named.USER,
        none="tests whose submitter is not named",
    ),
    "testing_type": Dimension(
        "Type of the test.", Of.TEST, lambda on: on.test.testing_type, none="tests without a type"
    ),
    "test_status": Dimension("Status of the test.", Of.TEST, lambda on: on.test.status),
    "test_environment": Dimension(
        "Title of the test's environment.",
        Of.TEST,
        lambda on: on.test.environment_title,
        none="tests without an environment",
    ),
    "week": _end("ISO week of the test's end, such as 2026-W31.", TimeUnit.WEEK),
    "month": _end("Month of the test's end.", TimeUnit.MONTH),
    "quarter": _end("Quarter of the test's end, such as 2026-Q3.", TimeUnit.QUARTER),
    "year": _end("Year of the test's end.", TimeUnit.YEAR),
    "reported_week": _report("ISO week of the bug's report.", TimeUnit.WEEK),
    "reported_month": _report("Month of the bug's report.", TimeUnit.MONTH),
}


def are_of_bugs(by: Sequence[str]) -> bool:
    """Whether something is counted only where there is such a bug."""
    return any(DIMENSIONS[name].of in (Of.BUG, Of.DEVICE) for name in by)
