"""What a rate says about the state of things: the words for it, and where it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Shares of which a low one is bad; of the others a high one is.
_GOOD_WHEN_HIGH = frozenset({"active_acceptance_rate", "review_rate"})


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Thresholds:
    """By rate, from where on it is a warning and from where on it is critical, both inclusive.

    The acceptance rate has none: that many bugs are accepted says little without knowing by whom.
    """

    limits: Mapping[str, tuple[float, float]]

    def health(self, rate: str, value: float | None) -> Health:
        """The health of a share of 0 to 1; raises KeyError for a rate without thresholds."""
        warning, critical = self.limits[rate]
        if value is None:
            return Health.UNKNOWN
        # Turned round, so that more is always worse.
        sign = -1 if is_good_when_high(rate) else 1
        if sign * value >= sign * critical:
            return Health.CRITICAL
        return Health.WARNING if sign * value >= sign * warning else Health.OK


def is_good_when_high(rate: str) -> bool:
    return rate in _GOOD_WHEN_HIGH
