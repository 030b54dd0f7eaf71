"""The words for bugs, and how to narrow a list of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from testio_mcp.domain.periods import Period

# TestIO accepts a bug by itself when nobody has reviewed it for this long.
AUTO_ACCEPTANCE = timedelta(days=10)
SITE = "https://app.test.io/"


# These words reach models in the schemas of tools, where a docstring would go with them.


class BugStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    AUTO_ACCEPTED = "auto_accepted"
    REJECTED = "rejected"


# By gravity: the first three grade functional bugs, the others are kinds without a grade.
class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    LOW = "low"
    VISUAL = "visual"
    CONTENT = "content"
    CUSTOM = "custom"


# The gravest is the largest; words that TestIO adds come below all of these.
GRAVITY_RANK = {severity.value: rank for rank, severity in enumerate(reversed(Severity), 1)}


class Known(StrEnum):
    ANY = "any"
    YES = "yes"
    NO = "no"


class BugSort(StrEnum):
    REPORTED = "reported_at"
    REPORTED_DESC = "-reported_at"
    SEVERITY = "severity"
    SEVERITY_DESC = "-severity"
    STATUS = "status"
    STATUS_DESC = "-status"
    AUTO_ACCEPT = "auto_accept_at"
    AUTO_ACCEPT_DESC = "-auto_accept_at"
    TITLE = "title"
    TITLE_DESC = "-title"
    ID = "id"
    ID_DESC = "-id"


# How much of each bug a list tells.
class Detail(StrEnum):
    BRIEF = "brief"
    PREVIEW = "preview"
    FULL = "full"


@dataclass(frozen=True)
class BugFilter:
    """Empty means any. `period` is about when the bug was reported.

    `changed_since` keeps what was reported, or was seen with another status, since then.
    """

    product_ids: tuple[int, ...] = ()
    test_ids: tuple[int, ...] = ()
    feature_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rejection_reasons: tuple[str, ...] = ()
    known: Known = Known.ANY
    reported_by: tuple[str, ...] = ()
    operating_systems: tuple[str, ...] = ()
    period: Period | None = None
    changed_since: datetime | None = None
    search: str = ""


def link(bug_id: int) -> str:
    """The bug on TestIO's web site (testio-api: Bug)."""
    return f"{SITE}bugs/{bug_id}"
