"""The words for a sync and what it counts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# Products through, products in all, and a sentence.
type OnProgress = Callable[[int, int, str], Awaitable[None]]


class Kind(StrEnum):
    """What a sync counts, in the order it is read."""

    PRODUCTS = "products"
    FEATURES = "features"
    USER_STORIES = "user_stories"
    TESTS = "tests"
    BUGS = "bugs"

    @property
    def singular(self) -> str:
        """As a sentence about one of them begins."""
        word = "user story" if self is Kind.USER_STORIES else self.value[:-1]
        return word.capitalize()


class Outcome(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"


class RunStatus(StrEnum):
    RUNNING = "running"
    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    BACKGROUND = "background"
    TOOL = "tool"
    COMMAND = "command"


@dataclass(frozen=True)
class SyncOptions:
    """What to sync. No product ids means all; `since` limits tests by their end."""

    product_ids: tuple[int, ...] = ()
    since: datetime | None = None
    force: bool = False


@dataclass
class Tally:
    """What a running sync has done so far; whoever shows progress reads it."""

    counts: dict[Kind, dict[Outcome, int]] = field(
        default_factory=lambda: {kind: dict.fromkeys(Outcome, 0) for kind in Kind}
    )
    # How many products the run covers, and how many of them are through.
    products: int = 0
    products_done: int = 0
    incomplete: list[str] = field(default_factory=list)

    def add(self, kind: Kind, outcome: Outcome, number: int = 1) -> None:
        self.counts[kind][outcome] += number

    def read(self, kind: Kind) -> int:
        """How many of a kind were read, whatever came of them."""
        return sum(self.counts[kind].values())

    @property
    def has_written(self) -> bool:
        moved = (Outcome.NEW, Outcome.CHANGED, Outcome.DELETED)
        return any(counts[outcome] for counts in self.counts.values() for outcome in moved)

    @property
    def words(self) -> str:
        """How far it is, as people are told."""
        counts = ", ".join(f"{self.read(kind):,} {kind}" for kind in (Kind.TESTS, Kind.BUGS))
        return f"{counts} read"

    @property
    def progress(self) -> tuple[int, int, str]:
        """What `OnProgress` is given."""
        return self.products_done, max(self.products, 1), self.words
