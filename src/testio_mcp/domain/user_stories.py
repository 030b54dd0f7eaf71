"""The words for user stories and how they fared in tests."""

from dataclasses import dataclass
from enum import StrEnum


class ExecutionStatus(StrEnum):
    NOT_TESTED = "not_tested"
    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"


class WantedExecution(StrEnum):
    ANY = "any"
    NOT_TESTED = "not_tested"
    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class UserStoryFilter:
    """The stories of a product's catalogue, or those of one test; 0 means that none is named."""

    product_id: int = 0
    test_id: int = 0
    feature_id: int = 0
    execution_status: WantedExecution = WantedExecution.ANY
