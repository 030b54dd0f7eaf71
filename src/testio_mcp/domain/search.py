"""The words for searching, and how to narrow it."""

from dataclasses import dataclass
from enum import StrEnum

from testio_mcp.domain.periods import Period


# These words reach models in the schema of a tool, where a docstring would go with them.
class SearchKind(StrEnum):
    PRODUCT = "product"
    FEATURE = "feature"
    TEST = "test"
    BUG = "bug"


# By which time of a thing a period takes it; the other kinds have none.
DATED = {SearchKind.TEST: "end_at", SearchKind.BUG: "reported_at"}


# Said before all else, or the number of hits would mislead.
ANY_WORD = "Nothing has all of these words. These have some of them, those with most come first."

# Around what was found in a text, which itself holds no control characters.
FOUND, FOUND_END = "\x02", "\x03"


@dataclass(frozen=True)
class SearchFilter:
    """No product ids mean any; `period` is about what has a date."""

    kinds: tuple[SearchKind, ...] = tuple(SearchKind)
    product_ids: tuple[int, ...] = ()
    period: Period | None = None
