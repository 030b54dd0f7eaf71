"""Pages as TestIO cuts them."""

from collections.abc import Mapping, Sequence

from testio_mcp.sandbox.faults import FaultKind, Suffered

_DEFAULT_PER_PAGE = 25
# What a list without `page` gives at most.
_UNPAGED = 150


def page_of[T](rows: Sequence[T], query: Mapping[str, str], met: Suffered) -> Sequence[T]:
    """An empty page after the end; the newest 150 when no page was asked for."""
    if met.of(FaultKind.IGNORE_PAGING):
        return rows
    if "page" not in query:
        return rows[:_UNPAGED]
    start, stop = window(query, met)
    return rows[start:stop]


def window(query: Mapping[str, str], met: Suffered) -> tuple[int, int]:
    per_page = _number(query.get("per_page"), _DEFAULT_PER_PAGE)
    capped = met.of(FaultKind.CAP_PER_PAGE)
    if capped:
        per_page = min(per_page, capped.cap)
    start = (_number(query.get("page"), 1) - 1) * per_page
    return start, start + per_page


def _number(text: str | None, default: int) -> int:
    """What makes no sense counts as not given."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else default
