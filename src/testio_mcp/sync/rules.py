"""From which age on things are read again, and until when a test may change."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func

from testio_mcp.domain.tests import FINAL
from testio_mcp.tables import Test
from testio_mcp.tables.constants import constants

# Bugs of an archived test are read daily; a sync may come half a day late.
REVIEW_TTL = timedelta(hours=36)
# A sync reads them once a day while they may be reviewed.
REVIEW_INTERVAL = timedelta(hours=23)
# How often a list of tests is read from end to end, to see what has left it.
FULL_INTERVAL = timedelta(hours=24)


@dataclass(frozen=True)
class Rules:
    """`review` is how long after its end an archived test may still change.

    `budget` is for how many seconds an answer may wait for what is stale.
    """

    ttl: timedelta
    review: timedelta
    budget: float = 5.0


def settled(review_ends_before: Any, test: Any, read: Any, bugs: Any) -> ColumnElement[bool]:
    """Nothing about the test or its bugs can change, and both were read after that was so."""
    return and_(
        is_final(test),
        func.coalesce(test.end_at, test.first_seen_at) < review_ends_before,
        read.at >= became_final(test),
        bugs.at >= became_final(test),
    )


def is_final(test: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = test.status.in_(constants(FINAL))
    return found


def became_final(test: Any) -> ColumnElement[datetime]:
    """When a test that is final was first seen to be so."""
    at: ColumnElement[datetime] = func.coalesce(test.status_changed_at, test.first_seen_at)
    return at


def stale_before(rules: Rules, now: datetime) -> ColumnElement[datetime]:
    """Since when a test has to have been read, as its status has it, not to be stale."""
    return case((is_final(Test), now - REVIEW_TTL), else_=now - rules.ttl)
