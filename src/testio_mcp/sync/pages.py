"""Reads the paged list of a product's tests: all rows it can, and where those are it cannot.

TestIO gives no total, answers 500 for a whole page when one of its tests is bad, and shifts rows
between pages while they are read (testio-api: What breaks).
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Protocol

import anyio

from testio_mcp.api.answers import Listing
from testio_mcp.api.failures import is_about_an_item
from testio_mcp.api.payloads import TestPayload
from testio_mcp.errors import ApiError, ApiUnauthorized

PER_PAGE = 25
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
        return self.size == 1 and is_about_an_item(self.error)


class Fetch(Protocol):
    async def __call__(
        self, page: int, per_page: int, attempts: int | None = None
    ) -> Listing[TestPayload]: ...


type Keep = Callable[[Listing[TestPayload]], Awaitable[Worth]]
type Outcome = Listing[TestPayload] | ApiError
type Rows = list[Seen | Hole]


class TestList:
    """One product's list as far as it was read; `fetch` gets a page, `keep` stores it."""

    __test__ = False

    def __init__(self, fetch: Fetch, keep: Keep) -> None:
        self._fetch = fetch
        self._keep = keep
        self._pages: dict[int, Rows] = {}
        self._failed: dict[int, ApiError] = {}
        self._seen_beyond: set[int] = set()
        self._next, self._wave, self._quiet = 1, 0, 0
        # Whether it was read to its end, or to tests from before the time asked for.
        self.has_ended = False
        # Whether it kept changing while it was read.
        self.has_moved = False

    @property
    def rows(self) -> Rows:
        """From the newest test on, without gaps."""
        return [row for _, page in sorted(self._pages.items()) for row in page]

    @property
    def ids(self) -> set[int]:
        listed = {row.id for row in self.rows if isinstance(row, Seen) and row.id is not None}
        return listed | self._seen_beyond

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
        await self._read(None)
        await self._isolate()
        for _ in range(ROUNDS - 1):
            if not await self._is_moving():
                return
            self._pages.clear()
            self._next, self._wave, self.has_ended = 1, 0, False
            await self._read(None)
            await self._isolate()
        self.has_moved = await self._is_moving()

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
            self._next, self._wave = self._next + size, self._wave + 1
            lost = all(isinstance(outcome, ApiError) for outcome in outcomes)
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
        longest = max((len(page) for page in self._pages.values()), default=0)
        worth = await self._keep(outcome)
        self._pages[number] = _rows_of(outcome)
        self._quiet = self._quiet + 1 if worth is Worth.NOTHING else 0
        # More rows than asked for: this deployment sends everything at once.
        is_last = outcome.rows < longest or outcome.rows > PER_PAGE
        self.has_ended = is_last or worth is Worth.PAST

    def _is_read_already(self, listing: Listing[TestPayload]) -> bool:
        """A deployment that ignores paging sends the same page again and again."""
        first = listing.ids[0]
        firsts = (page[0] for page in self._pages.values() if page)
        return first is not None and any(
            isinstance(row, Seen) and row.id == first for row in firsts
        )

    async def _isolate(self) -> bool:
        """Read failed pages in parts; whether anything came of it."""
        failed, self._failed = self._failed, {}
        size, found = self._page_size(), False
        for number, error in sorted(failed.items()):
            rows: Rows | None = None
            if is_about_an_item(error):
                rows = await self._parts((number - 1) * size, size)
            found = found or rows is not None
            known = self.ids
            self._pages[number] = [
                row
                for row in ([Hole(error, size)] if rows is None else rows)
                if isinstance(row, Hole) or row.id not in known
            ]
        return found

    def _page_size(self) -> int:
        """How many rows a page has; the last one may have fewer."""
        *full, _ = sorted(self._pages) or [0]
        return max((len(self._pages[number]) for number in full), default=PER_PAGE)

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
        """Whether two rows that met at the border of two pages are no neighbours any more."""
        borders, position = list[tuple[int, Seen, Seen]](), 0
        pages = [page for _, page in sorted(self._pages.items()) if page]
        for page, following in pairwise(pages):
            position += sum(row.size if isinstance(row, Hole) else 1 for row in page)
            last, first = page[-1], following[0]
            if isinstance(last, Seen) and isinstance(first, Seen):
                borders.append((position, last, first))
        moved: list[bool] = []

        async def look(position: int, last: Seen, first: Seen) -> None:
            moved.append(not await self._are_neighbours(position, last, first))

        async with anyio.create_task_group() as tasks:
            for border in borders:
                tasks.start_soon(look, *border)
        return any(moved)

    async def _are_neighbours(self, position: int, last: Seen, first: Seen) -> bool:
        # The smallest page that holds the rows on both sides.
        size = next(size for size in range(2, PER_PAGE) if position % size)
        before = position - 1
        try:
            listing = await self._fetch(before // size + 1, size, 1)
        except ApiUnauthorized:
            raise
        except ApiError as error:
            # A bad row is near; its own page was read row by row.
            return is_about_an_item(error)
        return listing.ids[before % size : before % size + 2] == [last.id, first.id]

    async def _outcomes(
        self, numbers: Sequence[int], per_page: int, attempts: int | None = None
    ) -> list[Outcome]:
        found: dict[int, Outcome] = {}

        async def one(number: int) -> None:
            try:
                found[number] = await self._fetch(number, per_page, attempts)
            except ApiUnauthorized:
                raise
            except ApiError as error:
                found[number] = error

        async with anyio.create_task_group() as tasks:
            for number in numbers:
                tasks.start_soon(one, number)
        return [found[number] for number in numbers]


def _rows_of(listing: Listing[TestPayload]) -> Rows:
    ends = {item.payload.id: item.payload.end_at for item in listing.items}
    return [Seen(id, ends.get(id) if id is not None else None) for id in listing.ids]
