"""The words for figures, and which tests they are about."""

from dataclasses import dataclass

from testio_mcp.domain.periods import Period
from testio_mcp.domain.tests import EXECUTED

# Shown together wherever the quality of a set of bugs is summed up (product: Metrics).
RATES = (
    "acceptance_rate",
    "active_acceptance_rate",
    "auto_acceptance_rate",
    "rejection_rate",
    "review_rate",
)


@dataclass(frozen=True)
class Scope:
    """The tests that figures are about; empty means any.

    By default tests that have run (product: Metrics); `statuses` replaces that.
    """

    product_ids: tuple[int, ...] = ()
    test_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = EXECUTED
    period: Period | None = None
