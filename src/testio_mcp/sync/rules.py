"""From which age on things count as stale, and until when a test may change."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func

from testio_mcp.domain.tests import FINAL

# Bugs of an archived test are read daily; a sync may come half a day late.
REVIEW_TTL = timedelta(hours=36)


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
    became_final = func.coalesce(test.status_changed_at, test.first_seen_at)
    return and_(
        test.status.in_(FINAL),
        func.coalesce(test.end_at, test.first_seen_at) < review_ends_before,
        read.at >= became_final,
        bugs.at >= became_final,
    )
