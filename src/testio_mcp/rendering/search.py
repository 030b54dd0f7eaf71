"""What was found as text."""

import re
from zoneinfo import ZoneInfo

from testio_mcp.domain.search import ANY_WORD, FOUND, FOUND_END, SearchKind
from testio_mcp.domain.text import one_line
from testio_mcp.rendering.answers import closing, heading, paragraphs, period_line
from testio_mcp.rendering.markdown import CELL_LIMIT, count, date, inline
from testio_mcp.views.base import Page
from testio_mcp.views.search import Hit


def hit_page(page: Page[Hit], zone: ZoneInfo) -> str:
    more = None
    if page.has_more:
        more = f"{count(page.total - page.returned)} more: ask with a larger limit or more words."
    legend = f"Dates of tests are their ends, of bugs their reports ({zone.key})."
    first = [note for note in page.notes if note == ANY_WORD]
    rest = [note for note in page.notes if note != ANY_WORD]
    return paragraphs(
        " ".join(filter(None, [*first, heading(page, "hit")])),
        "\n".join(_line(number, hit, zone) for number, hit in enumerate(page.items, 1)),
        legend if any(hit.date for hit in page.items) else None,
        more,
        period_line(page.period, zone),
        closing(page.model_copy(update={"notes": rest}), zone),
    )


def _line(number: int, hit: Hit, zone: ZoneInfo) -> str:
    is_title = hit.snippet is not None and _plain(hit.snippet) == hit.title
    title = hit.snippet if is_title and hit.snippet else one_line(hit.title, CELL_LIMIT)
    facts = [hit.severity, hit.status, "known" if hit.known else None]
    if hit.kind is not SearchKind.PRODUCT:
        facts.append(f"{hit.product} ({hit.product_id})")
    if hit.test_id is not None:
        facts.append(f"test {hit.test} ({hit.test_id})")
    facts.append(date(hit.date, zone))
    said = "; ".join(inline(one_line(fact, CELL_LIMIT)) for fact in facts if fact)
    line = f"{number}. {hit.kind} {hit.id}: {_emphasised(title)}{said and f' [{said}]'}"
    # Behind a word nothing begins a list, a heading or a quote.
    found = f"\n   found: {_emphasised(hit.snippet)}" if hit.snippet and not is_title else ""
    return line + found


def _plain(snippet: str) -> str:
    return snippet.replace(FOUND, "").replace(FOUND_END, "")


def _emphasised(snippet: str) -> str:
    """On one line and harmless, what was found in bold."""
    words = re.sub(r"\s+", " ", snippet)
    return "**".join(_harmless(piece) for piece in re.split(f"[{FOUND}{FOUND_END}]", words))


def _harmless(piece: str) -> str:
    """Like `inline`, with the spaces at its ends."""
    before = " " if piece.startswith(" ") else ""
    after = " " if piece.endswith(" ") and piece.strip() else ""
    return f"{before}{inline(piece)}{after}"
