"""Reads the paged list of a product's tests: all rows it can, and where those are it cannot.

TestIO gives no total, answers 500 for a whole page when one of its tests is bad, and shifts rows
between pages while they are read (testio-api: What breaks).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

import anyio

from testio_mcp.api.answers import Listing
from testio_mcp.api.payloads import TestPayload
from testio_mcp.errors import ApiError, ApiUnauthorized
from testio_mcp.sync.portions import PER_PAGE

# A page that fails is read in parts of so many rows, a part that fails row by row.
PART = 5
# The first wave tells whether there is more at all; later ones guess that there is much more.
WAVES = (1, 2, 3, 4)
# A list that changes each time it is read is left to the next sync.
ROUNDS = 3


class Worth(Enum):
    """What a page brought."""

    NEWS = "something new or changed"
    NOTHING = "nothing new"
    PAST = "only tests from before the time asked for"


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that was read; one that makes no sense may lack its id."""

    id: int | None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """Rows that cannot be read: one, or a whole page."""

    error: ApiError
    size: int = 1

    @property
    def is_bad_row(self) -> bool:
        """The row itself is to blame, and not the moment."""
        return self.size == 1 and self.error.may_be_one_item


class Fetch(Protocol):
    async def __call__(
        self, *, page: int, per_page: int, attempts: int | None = None
    ) -> Listing[TestPayload]: ...


type Keep = Callable[[Listing[TestPayload]], Awaitable[Worth]]
type Outcome = Listing[TestPayload] | ApiError
type Rows = list[Seen | Hole]
# A row that was read, and its position in the list, from 1.
type _Place = tuple[int, Seen]


class TestList:
    """One product's list as far as it was read; `fetch` gets a page, `keep` stores it."""

    __test__ = False

    def __init__(self, fetch: Fetch, keep: Keep) -> None:
        self._fetch = fetch
        self._keep = keep
        self._pages: dict[int, Rows] = {}
        self._failed: dict[int, ApiError] = {}
        self._listed: set[int] = set()
        self._seen_beyond: set[int] = set()
        self._next, self._wave, self._quiet = 1, 0, 0
        # The ids of each page that was sent as a whole.
        self._sent: dict[int, Sequence[int | None]] = {}
        # How many rows a full page has, once one was seen; until then it is guessed.
        self._size: int | None = None
        self._has_guessed = False
        # Whether it was read to its end, or to tests from before the time asked for.
        self.has_ended = False
        # Whether it is the time asked for that ended it: older rows are unknown.
        self.has_reached_past = False
        # Whether it kept changing while it was read.
        self.has_moved = False

    @property
    def rows(self) -> Rows:
        """From the newest test on, without gaps."""
        return [row for _, page in sorted(self._pages.items()) for row in page]

    @property
    def ids(self) -> set[int]:
        return self._listed | self._seen_beyond

    @property
    def is_whole(self) -> bool:
        """As far as it was read, all of it was, but for bad rows whose positions are known."""
        return all(isinstance(row, Seen) or row.is_bad_row for row in self.rows)

    @property
    def is_complete(self) -> bool:
        """It was read to its end, as one list of one moment."""
        return self.has_ended and not self.has_moved and self.is_whole

    async def read_news(self, quiet_pages: int) -> None:
        """Read until so many pages in a row bring nothing new."""
        await self._read(quiet_pages)
        await self._isolate()

    async def read_all(self) -> None:
        """Read on to the end, and again if the list changed meanwhile."""
        for turn in range(ROUNDS):
            if turn:
                self._start_again()
            await self._read(None)
            await self._isolate()
            self.has_moved = self._was_guess_wrong() or await self._is_moving()
            if not self.has_moved:
                return

    def _start_again(self) -> None:
        self._pages.clear()
        self._listed.clear()
        self._sent.clear()
        self._next, self._wave, self.has_ended = 1, 0, False
        self._has_guessed = False

    async def read_pages(self, numbers: Iterable[int]) -> None:
        """Read single pages beyond, where certain tests should be; a page that fails is left."""
        wanted = [number for number in numbers if number not in self._pages]
        for outcome in await self._outcomes(wanted, PER_PAGE):
            if isinstance(outcome, Listing):
                await self._keep(outcome)
                self._seen_beyond |= {id for id in outcome.ids if id is not None}

    async def _read(self, quiet_pages: int | None) -> None:
        waves_lost = 0
        while not self.has_ended and (quiet_pages is None or self._quiet < quiet_pages):
            size = WAVES[min(self._wave, len(WAVES) - 1)]
            numbers = range(self._next, self._next + size)
            outcomes = await self._outcomes(numbers, PER_PAGE)
            for number, outcome in zip(numbers, outcomes, strict=True):
                if not self.has_ended:
                    await self._take(number, outcome)
            failed = [isinstance(outcome, ApiError) for outcome in outcomes]
            # What fails may be the last page: no more is known than at the start.
            self._next, self._wave = self._next + size, 0 if any(failed) else self._wave + 1
            lost = all(failed)
            waves_lost = waves_lost + 1 if lost else 0
            # Bad tests on neighbouring pages look like an outage, until they are isolated.
            if waves_lost > 1 and not await self._isolate():
                return

    async def _take(self, number: int, outcome: Outcome) -> None:
        if isinstance(outcome, ApiError):
            self._failed[number], self._quiet = outcome, 0
            return
        if outcome.rows == 0 or self._is_read_already(outcome):
            self.has_ended = True
            return
        longest = max(map(len, self._sent.values()), default=0)
        worth = await self._keep(outcome)
        self._sent[number] = outcome.ids
        self._put(number, _rows_of(outcome))
        self._quiet = self._quiet + 1 if worth is Worth.NOTHING else 0
        # More rows than asked for: this deployment sends everything at once.
        is_last = outcome.rows < longest or outcome.rows > PER_PAGE
        self.has_reached_past = worth is Worth.PAST
        self.has_ended = is_last or self.has_reached_past

    def _put(self, number: int, rows: Rows) -> None:
        """Without the rows that shifted here from another page."""
        known = self._listed
        self._pages[number] = [row for row in rows if isinstance(row, Hole) or row.id not in known]
        self._listed |= {row.id for row in rows if isinstance(row, Seen) and row.id is not None}

    def _is_read_already(self, listing: Listing[TestPayload]) -> bool:
        """A deployment that ignores paging sends the same page again and again."""
        first = listing.ids[0]
        return first is not None and any(ids[0] == first for ids in self._sent.values())

    async def _isolate(self) -> bool:
        """Read failed pages in parts; whether anything came of it."""
        failed, self._failed = self._failed, {}
        size, found = self._page_size(), False
        self._has_guessed = self._has_guessed or bool(failed and self._size is None)
        for number, error in sorted(failed.items()):
            rows: Rows | None = None
            if error.may_be_one_item:
                rows = await self._parts((number - 1) * size, size)
            found = found or rows is not None
            self._put(number, [Hole(error, size)] if rows is None else rows)
        return found

    def _page_size(self) -> int:
        """How many rows a page has; the last one may have fewer."""
        full = [len(ids) for number, ids in self._sent.items() if number < max(self._pages)]
        self._size = max(full, default=self._size)
        return self._size or PER_PAGE

    def _was_guess_wrong(self) -> bool:
        return self._has_guessed and self._page_size() != PER_PAGE

    async def _parts(self, start: int, size: int) -> Rows | None:
        """The rows of a page that fails; None when none of them can be asked for."""
        step = PART if size % PART == 0 and size > PART else size
        first = start // step + 1
        parts = range(first, first + size // step)
        outcomes: Sequence[Outcome | None] = [None]
        if step < size:
            outcomes = await self._outcomes(parts, step, attempts=1)
        rows: Rows = []
        answered, parts_lost = any(isinstance(one, Listing) for one in outcomes), 0
        for part, outcome in zip(parts, outcomes, strict=True):
            if isinstance(outcome, Listing):
                rows += await self._kept(outcome)
                continue
            singles = await self._singles((part - 1) * step, step)
            rows += [row for row in singles if row]
            answered = answered or any(not isinstance(row, Hole) for row in singles)
            parts_lost += 1
            if parts_lost > 1 and not answered:
                return None
        return rows if answered else None

    async def _singles(self, start: int, number: int) -> list[Seen | Hole | None]:
        """Row by row; None where the list has ended."""
        positions = range(start + 1, start + number + 1)
        found: list[Seen | Hole | None] = []
        for outcome in await self._outcomes(positions, 1, attempts=2):
            if isinstance(outcome, ApiError):
                found.append(Hole(outcome))
            else:
                found += await self._kept(outcome) or [None]
        return found

    async def _kept(self, listing: Listing[TestPayload]) -> Rows:
        await self._keep(listing)
        return _rows_of(listing)

    async def _is_moving(self) -> bool:
        """Whether rows on both sides of a border between two pages are not where they were."""
        moved: list[bool] = []

        async def look(before: _Place, after: _Place) -> None:
            moved.append(not await self._are_in_place(before, after))

        async with anyio.create_task_group() as tasks:
            for before, after in self._borders():
                tasks.start_soon(look, before, after)
        return any(moved)

    def _borders(self) -> Iterator[tuple[_Place, _Place]]:
        """The last row of a page that was read, and the first of the pages after it."""
        position, before = 1, None
        for _, page in sorted(self._pages.items()):
            places: list[_Place] = []
            for row in page:
                if isinstance(row, Seen):
                    places.append((position, row))
                position += row.size if isinstance(row, Hole) else 1
            if before and places:
                yield before, places[0]
            before = places[-1] if places else before

    async def _are_in_place(self, before: _Place, after: _Place) -> bool:
        first, offset = before[0], before[0] - 1
        # The smallest page that holds the rows on both sides.
        size = next((size for size in range(2, self._page_size() + 1) if first % size), None)
        if size and after[0] == first + 1:
            outcome = await self._outcome(offset // size + 1, size, 1)
            if isinstance(outcome, Listing):
                rows = outcome.ids[offset % size : offset % size + 2]
                return rows == [before[1].id, after[1].id]
            if not outcome.may_be_one_item:
                return False
        # A bad row is between them or near.
        for position, row in (before, after):
            outcome = await self._outcome(position, 1, 1)
            if isinstance(outcome, ApiError) or outcome.ids != [row.id]:
                return False
        return True

    async def _outcomes(
        self, numbers: Sequence[int], per_page: int, attempts: int | None = None
    ) -> list[Outcome]:
        found: dict[int, Outcome] = {}

        async def one(number: int) -> None:
            found[number] = await self._outcome(number, per_page, attempts)

        async with anyio.create_task_group() as tasks:
            for number in numbers:
                tasks.start_soon(one, number)
        return [found[number] for number in numbers]

    async def _outcome(self, page: int, per_page: int, attempts: int | None) -> Outcome:
        try:
            return await self._fetch(page=page, per_page=per_page, attempts=attempts)
        except ApiUnauthorized:
            raise
        except ApiError as error:
            return error


def _rows_of(listing: Listing[TestPayload]) -> Rows:
    ends = {item.payload.id: item.payload.end_at for item in listing.items}
    return [Seen(id, ends.get(id) if id is not None else None) for id in listing.ids]
