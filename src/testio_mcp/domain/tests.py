"""The words for tests, and how to narrow a list of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from testio_mcp.domain.periods import Period


class TestStatus(StrEnum):
    __test__ = False

    INITIALIZED = "initialized"
    CUSTOMER_FINALIZED = "customer_finalized"
    WAITING = "waiting"
    RUNNING = "running"
    LOCKED = "locked"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"


STATUS_MEANINGS = {
    TestStatus.INITIALIZED: "Draft, not submitted yet.",
    TestStatus.CUSTOMER_FINALIZED: "Submitted; TestIO's team lead reviews the set-up.",
    TestStatus.WAITING: "Approved; waits for its start.",
    TestStatus.RUNNING: "Testers are at work.",
    TestStatus.LOCKED: "Ended; its bugs are being reviewed.",
    TestStatus.ARCHIVED: "Finished; nothing about the test changes any more.",
    TestStatus.CANCELLED: "Cancelled; it never ran.",
}
RETURNED = "Returned by TestIO's team lead; the set-up needs work before it can start."

# The default scope of every figure: tests that have run (testio-api: Exploratory test).
EXECUTED = (TestStatus.RUNNING, TestStatus.LOCKED, TestStatus.ARCHIVED)
FINAL = (TestStatus.ARCHIVED, TestStatus.CANCELLED)


class TestingType(StrEnum):
    __test__ = False

    COVERAGE = "coverage"
    FOCUSED = "focused"
    RAPID = "rapid"
    USABILITY = "usability"
    CUSTOM = "custom"


class TestSort(StrEnum):
    __test__ = False

    END = "end_at"
    END_DESC = "-end_at"
    START = "start_at"
    START_DESC = "-start_at"
    TITLE = "title"
    TITLE_DESC = "-title"
    BUGS = "bugs"
    BUGS_DESC = "-bugs"
    ID = "id"
    ID_DESC = "-id"


@dataclass(frozen=True)
class TestFilter:
    """Empty means any. `period` is about when the test ends.

    `changed_since` keeps what is new, or was seen with another status, since then.
    """

    __test__ = False

    product_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    testing_types: tuple[str, ...] = ()
    feature_ids: tuple[int, ...] = ()
    period: Period | None = None
    changed_since: datetime | None = None
    search: str = ""


def status_meaning(status: str, review_status: str | None) -> str | None:
    """What a status says to a person; None for one that TestIO added since."""
    if status == TestStatus.INITIALIZED and review_status == "review_failed":
        return RETURNED
    return STATUS_MEANINGS.get(TestStatus(status)) if status in set(TestStatus) else None
