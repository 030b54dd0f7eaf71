"""The words for people, and how to narrow a list of them."""

from dataclasses import dataclass
from enum import StrEnum

from testio_mcp.domain.periods import Period


class UserType(StrEnum):
    TESTER = "tester"
    CUSTOMER = "customer"


class UserSort(StrEnum):
    NAME = "name"
    NAME_DESC = "-name"
    BUGS = "bugs"
    BUGS_DESC = "-bugs"
    ACCEPTANCE_RATE = "acceptance_rate"
    ACCEPTANCE_RATE_DESC = "-acceptance_rate"
    CRITICAL = "critical"
    CRITICAL_DESC = "-critical"
    TESTS = "tests"
    TESTS_DESC = "-tests"
    LAST_ACTIVITY = "last_activity"
    LAST_ACTIVITY_DESC = "-last_activity"


# By which of these users of a customer can be sorted.
CUSTOMER_KEYS = ("name", "tests", "last_activity")


@dataclass(frozen=True)
class UserFilter:
    """Empty means any. `period` is about when the tests end."""

    type: UserType = UserType.TESTER
    product_ids: tuple[int, ...] = ()
    period: Period | None = None
    search: str = ""
