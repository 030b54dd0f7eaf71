"""What the client gives back: items, each with what was sent, and the instant of the request."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Item[P]:
    """`raw` is the item as sent, credentials of test environments included."""

    payload: P
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that lacks what it needs; `error` names fields and problems, never values."""

    id: int | None
    error: str
    # The test it belongs to, where it names one.
    test_id: int | None = None


@dataclass(frozen=True, slots=True)
class Listing[P]:
    """`began` is the UTC instant at which the request that brought this answer was sent."""

    items: list[Item[P]]
    unreadable: list[Unreadable]
    began: datetime
    # Of every row that was sent, readable or not, in order; None for a row without an id.
    ids: list[int | None] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many TestIO sent, readable or not."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Fetched[P](Item[P]):
    """A single item; `began` as in a listing."""

    began: datetime
