"""Everything that can be measured. Every count and rate that is shown comes from here.

Values are written as functions of columns, so that reading the names costs no SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from testio_mcp.analytics.dimensions import DIMENSIONS, Of
from testio_mcp.domain.bugs import BugStatus

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from testio_mcp.analytics.columns import Columns


class Grain(StrEnum):
    """What one row stands for where a metric is counted."""

    TEST = "test"
    # A feature in a test.
    FEATURE = "feature"
    BUG = "bug"
    # The first bug of a test.
    FIRST_BUG = "first_bug"
    # A test, whatever bugs are asked for.
    ANY_TEST = "any_test"


class Kind(StrEnum):
    """How a metric is written: counts are never null, rates go from 0 to 1."""

    COUNT = "count"
    NUMBER = "number"
    RATE = "rate"


@dataclass(frozen=True)
class Metric:
    """`value` is an aggregate over rows of the grain, which may come several times for tests.

    `ratio` divides two other metrics instead.
    """

    definition: str
    grain: Grain = Grain.BUG
    value: Callable[[Columns], ColumnElement[Any]] | None = None
    kind: Kind = Kind.COUNT
    ratio: tuple[str, str] | None = None
    # Whether it counts things that may belong to several groups.
    overlaps: bool = False
    # Whether tests of all statuses count unless some are named.
    every_status: bool = False


METRICS: dict[str, Metric] = {
    "test_count": Metric(
        "Tests; by a property of bugs, or with bug_statuses or severities, those with at least "
        "one such bug.",
        Grain.TEST,
        lambda on: on.tests,
    ),
    "bug_count": Metric("Bugs reported.", value=lambda on: on.bugs),
    "features_tested": Metric(
        "Features that the tests contain, each once; of feature_ids only those.",
        Grain.FEATURE,
        lambda on: on.features,
        overlaps=True,
    ),
    "open_bugs": Metric(
        "Bugs nobody has reviewed yet.", value=lambda on: on.number(on.status == BugStatus.OPEN)
    ),
    "known_bugs": Metric(
        "Bugs marked as known.", value=lambda on: on.number(on.bug.known.is_(True))
    ),
    "active_testers": Metric(
        "People who reported at least one bug; namesakes count as one.",
        value=lambda on: on.distinct(on.bug.reporter_id),
        overlaps=True,
    ),
    "bugs_per_test": Metric(
        "bug_count divided by test_count.", kind=Kind.NUMBER, ratio=("bug_count", "test_count")
    ),
    "severity_score": Metric(
        "Sum over bugs: critical 5, high 3, all others 1.", value=lambda on: on.gravity
    ),
    "acceptance_rate": Metric(
        "Share of bugs that were accepted, by a person or automatically.",
        value=lambda on: on.share(on.accepted + on.auto_accepted, of=on.bugs),
        kind=Kind.RATE,
    ),
    "active_acceptance_rate": Metric(
        "Share of bugs that a person accepted.",
        value=lambda on: on.share(on.accepted, of=on.bugs),
        kind=Kind.RATE,
    ),
    "auto_acceptance_rate": Metric(
        "Share of accepted bugs that nobody reviewed within ten days.",
        value=lambda on: on.share(on.auto_accepted, of=on.accepted + on.auto_accepted),
        kind=Kind.RATE,
    ),
    "rejection_rate": Metric(
        "Share of bugs that were rejected.",
        value=lambda on: on.share(on.rejected, of=on.bugs),
        kind=Kind.RATE,
    ),
    "review_rate": Metric(
        "Share of bugs that a person accepted or rejected.",
        value=lambda on: on.share(on.accepted + on.rejected, of=on.bugs),
        kind=Kind.RATE,
    ),
    "tests_created": Metric(
        "Tests whose creator is known; of all statuses unless some are named.",
        Grain.TEST,
        lambda on: on.distinct(on.test.id, where=on.test.created_by_id.is_not(None)),
        every_status=True,
    ),
    "tests_submitted": Metric(
        "Tests whose submitter is known; of all statuses unless some are named.",
        Grain.TEST,
        lambda on: on.distinct(on.test.id, where=on.test.submitted_by_id.is_not(None)),
        every_status=True,
    ),
    "hours_to_first_bug": Metric(
        "Median, over the tests with a start and a dated bug, of the hours from the start to the "
        "first bug.",
        Grain.FIRST_BUG,
        lambda on: on.hours_to_first_bug,
        kind=Kind.NUMBER,
    ),
}

# What no caller asks for by name.
TESTS_IN_SCOPE, TESTS_READ = "tests_in_scope", "tests_read"
INTERNAL: dict[str, Metric] = {
    TESTS_IN_SCOPE: Metric(
        "Tests, whatever bugs are asked for.", Grain.ANY_TEST, lambda on: on.tests
    ),
    TESTS_READ: Metric("Those whose bugs were read.", Grain.ANY_TEST, lambda on: on.tests_read),
}

# Tell "no bugs" from "bugs that were never read".
READ = ("bug_count", TESTS_IN_SCOPE, TESTS_READ)
# What `fragility` is made of.
OF_FRAGILITY = ("test_count", "severity_score", *READ)
# With fewer tests, one bad day would make a feature the most fragile one (product: Precisely).
FEWEST_TESTS = 2


def is_known(name: str, counted: Any) -> bool:
    """Whether a metric that rests on bugs has a value, of a row with the numbers of READ.

    What is divided by tests has one only if the bugs of all of them were read.
    """
    if metric(name).ratio:
        return bool(counted.tests_read == counted.tests_in_scope)
    return bool(counted.bug_count or counted.tests_read or not counted.tests_in_scope)


def fragility(counted: Any) -> float | None:
    """The severity score of a feature for each test that contains it.

    None for too few tests, and where the bugs of some of them were never read.
    """
    if counted.test_count < FEWEST_TESTS or counted.tests_read < counted.tests_in_scope:
        return None
    return float(counted.severity_score / counted.test_count)


def most_fragile(features: Iterable[Any]) -> list[tuple[float, Any]]:
    """Fragilities above 0, the highest first, with their rows, of rows by feature."""
    found = [(fragility(row) or 0, row) for row in features if row.feature is not None]
    found.sort(key=lambda one: (-one[0], one[1].feature))
    return [(worth, row) for worth, row in found if worth]


def metric(name: str) -> Metric:
    return METRICS.get(name) or INTERNAL[name]


def is_of_bugs(name: str) -> bool:
    """Whether a metric is unknown where bugs were never read."""
    return metric(name).grain in (Grain.BUG, Grain.FIRST_BUG)


def is_of_tests(name: str) -> bool:
    """Whether a metric counts tests or what they contain."""
    parts = metric(name).ratio or (name,)
    return any(metric(part).grain in (Grain.TEST, Grain.FEATURE) for part in parts)


def adds_up(name: str, by: Sequence[str]) -> bool:
    """Whether the groups of these dimensions are parts of a whole, none of them in two."""
    found, kinds = metric(name), {DIMENSIONS[dimension].of for dimension in by}
    if found.kind is not Kind.COUNT or found.overlaps or Of.DEVICE in kinds:
        return False
    return found.grain is Grain.BUG or kinds <= {Of.TEST}
