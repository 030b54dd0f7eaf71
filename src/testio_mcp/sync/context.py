"""What the steps of one sync share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from testio_mcp.api.answers import Unreadable
from testio_mcp.database.engine import Database
from testio_mcp.domain.syncs import Kind, Outcome, SyncOptions, Tally
from testio_mcp.errors import ApiError, ApiUnauthorized

# Not every command asks TestIO, and httpx takes a while to import.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient

# Fetched but not yet stored answers are kept few, so that memory stays flat.
UNITS_IN_FLIGHT = 20


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
    # Products that were warned about once in this run.
    warned: set[int] = field(default_factory=set)
    last_error: ApiError | None = None
    units: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(UNITS_IN_FLIGHT))

    def failed(self, what: str, kind: Kind, error: ApiError) -> None:
        """Remember that a unit could not be read; a refused token ends the run instead."""
        if isinstance(error, ApiUnauthorized):
            raise error
        self.last_error = error
        self.tally.add(kind, Outcome.FAILED)
        self.tally.incomplete.append(f"{what} could not be read: {error.message}")

    def failed_item(self, kind: Kind, id: int, reason: str) -> None:
        """Remember that one item was read but not stored."""
        self.tally.add(kind, Outcome.FAILED)
        self.tally.incomplete.append(f"{kind.singular} {id} was not stored: {reason}.")

    def unreadable(self, kind: Kind, items: list[Unreadable]) -> None:
        """Count items of an answer that make no sense, and say which."""
        for item in items:
            self.tally.add(kind, Outcome.FAILED)
            name = "without an id" if item.id is None else str(item.id)
            self.tally.incomplete.append(f"{kind.singular} {name} could not be read: {item.error}.")
