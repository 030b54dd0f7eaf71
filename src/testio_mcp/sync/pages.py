"""Reads the paged list of a product's tests to its end, several pages at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from testio_mcp.api.answers import Listing
from testio_mcp.api.payloads import TestPayload
from testio_mcp.errors import ApiError

PER_PAGE = 25
# The first wave tells whether there is more at all; later ones guess that there is much more.
WAVES = (1, 2, 3, 4)

type Fetch = Callable[[int], Awaitable[Listing[TestPayload]]]
# The number of a page, and what came of it.
type Page = tuple[int, Listing[TestPayload] | ApiError]


async def read_pages(fetch: Fetch) -> AsyncIterator[Page]:
    """Yield the pages in order, up to and including the last.

    TestIO gives no total: the end is an empty page, or one shorter than the longest so far.
    A deployment that ignores paging sends everything each time; its first page is the last.
    A page that cannot be read is yielded as its error, and reading goes on after it.
    """
    longest, first_ids, page, wave = 0, set[int | None](), 1, 0
    while True:
        size = WAVES[min(wave, len(WAVES) - 1)]
        found = await _wave(fetch, range(page, page + size))
        for number, listing in found:
            if isinstance(listing, ApiError):
                yield number, listing
                continue
            first = listing.items[0].payload.id if listing.items else None
            if listing.rows == 0 or (first is not None and first in first_ids):
                return
            yield number, listing
            if listing.rows < longest or listing.rows > PER_PAGE:
                return
            longest = max(longest, listing.rows)
            first_ids.add(first)
        if all(isinstance(listing, ApiError) for _, listing in found):
            return
        page, wave = page + size, wave + 1


async def _wave(fetch: Fetch, numbers: range) -> list[Page]:
    found: dict[int, Listing[TestPayload] | ApiError] = {}

    async def one(number: int) -> None:
        try:
            found[number] = await fetch(number)
        except ApiError as error:
            found[number] = error

    async with anyio.create_task_group() as tasks:
        for number in numbers:
            tasks.start_soon(one, number)
    return sorted(found.items())
