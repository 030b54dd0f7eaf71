"""The words for figures, and which tests and bugs they are about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from testio_mcp.domain.periods import Period
from testio_mcp.domain.tests import EXECUTED

# Shown together wherever the quality of a set of bugs is summed up (product: Metrics).
RATE_NAMES = {
    "acceptance_rate": "acceptance",
    "active_acceptance_rate": "active acceptance (by a person)",
    "auto_acceptance_rate": "auto-acceptance (of the accepted)",
    "rejection_rate": "rejection",
    "review_rate": "review (by a person)",
}
RATES = tuple(RATE_NAMES)
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Scope:
    """What figures are about; empty means any.

    Without statuses figures are about tests that have run, except where a metric says that it
    counts all; `statuses` replaces that, and () stands for all.

    `feature_ids` keep the tests that contain one of these features, and of bugs those of one.
    `bug_statuses`, `severities` and `tester_ids` (who reported it) keep such bugs, and of tests
    those with at least one such bug.
    """

    product_ids: tuple[int, ...] = ()
    test_ids: tuple[int, ...] = ()
    excluded_test_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] | None = None
    period: Period | None = None
    testing_types: tuple[str, ...] = ()
    feature_ids: tuple[int, ...] = ()
    bug_statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    tester_ids: tuple[int, ...] = ()
    # Whose calendar weeks, months, quarters and years are taken from.
    zone: ZoneInfo = UTC_ZONE

    @property
    def named_statuses(self) -> tuple[str, ...]:
        """The statuses that count where nothing else is said."""
        return EXECUTED if self.statuses is None else self.statuses

    @property
    def names_bugs(self) -> bool:
        """Whether tests count only with such a bug."""
        return bool(self.bug_statuses or self.severities or self.tester_ids)


def in_order(numbers: Mapping[str, int], words: Iterable[str]) -> dict[str, int]:
    """The known words first and in their order, then whatever else TestIO says."""
    known = {word: numbers[word] for word in words if word in numbers}
    rest = {word: number for word, number in sorted(numbers.items()) if word not in known}
    return {str(word): number for word, number in {**known, **rest}.items()}
