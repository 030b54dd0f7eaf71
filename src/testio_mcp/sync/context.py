"""What the steps of one sync share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from testio_mcp.api.answers import Unreadable
from testio_mcp.database.engine import Database
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind, Outcome, SyncOptions, Tally
from testio_mcp.errors import ApiError, ApiUnauthorized
from testio_mcp.sync.problems import Failure, remember

# Not every command asks TestIO, and httpx takes a while to import.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient

# Fetched but not yet stored answers are kept few, so that memory stays flat.
UNITS_IN_FLIGHT = 12
PRODUCTS_IN_FLIGHT = 12
# What a problem with one of them is about.
SUBJECTS = {
    Kind.PRODUCTS: Subject.PRODUCT,
    Kind.FEATURES: Subject.FEATURE,
    Kind.USER_STORIES: Subject.USER_STORY,
    Kind.TESTS: Subject.TEST,
    Kind.BUGS: Subject.BUG,
}


@dataclass
class SyncContext:
    client: TestIOClient
    database: Database
    customer_id: int
    host: str
    options: SyncOptions
    tally: Tally
    # How long after its end the bugs of an archived test may still be reviewed.
    review: timedelta
    # Ids of users by type and name, filled as they are met.
    users: dict[tuple[str, str], int] = field(default_factory=dict)
    # Default comment of each reject reason, folded for comparison, to the reason's key.
    reasons: Mapping[str, str] = field(default_factory=dict)
    # By product, features that tests were the first to name: no catalogue has held them yet.
    lost_features: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    last_error: ApiError | None = None
    # A run remembers what it could not read and goes on; whoever reads for an answer is told.
    is_run: bool = True
    units: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(UNITS_IN_FLIGHT))
    products: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(PRODUCTS_IN_FLIGHT))

    def note(self, kind: Kind, failures: Iterable[Failure]) -> None:
        """Count what could not be read, and say so in the record of the run."""
        for failure in failures:
            self.tally.add(kind, Outcome.FAILED)
            self.tally.incomplete.append(failure.line)

    async def failed(
        self,
        kind: Kind,
        error: ApiError,
        line: str,
        failures: Sequence[Failure],
        *,
        is_stamped: bool = False,
    ) -> None:
        """Remember that a unit could not be read; a refused token ends the run instead.

        Whoever reads for an answer gets the error. A problem tells later answers only where what
        this is a part of `is_stamped` as read.
        """
        if isinstance(error, ApiUnauthorized) or not (self.is_run or is_stamped):
            raise error
        self.last_error = error
        self.tally.add(kind, Outcome.FAILED)
        self.tally.incomplete.append(line)
        async with self.database.write() as session:
            await remember(session, self.customer_id, failures)
        if not self.is_run:
            raise error


def unreadable(
    kind: Kind,
    items: Iterable[Unreadable],
    product_id: int | None = None,
    test_ids: Sequence[int] = (),
) -> list[Failure]:
    """The items of an answer that make no sense; of bugs, those of these tests."""
    failures: list[Failure] = []
    for item in items:
        name = "without an id" if item.id is None else str(item.id)
        failures.append(
            Failure(
                SUBJECTS[kind],
                f"{kind.singular} {name}",
                f"{item.error}.",
                product_id,
                item.id,
                tuple(id for id in test_ids if id == item.test_id) or tuple(test_ids),
            )
        )
    return failures
