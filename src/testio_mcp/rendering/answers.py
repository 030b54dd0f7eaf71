"""What every text has: how a list is cut, which period it covers, how current it is."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.freshness import State
from testio_mcp.rendering.markdown import ago, count, counted, inline, moment, plural, table
from testio_mcp.views.base import Answer, Freshness, Page, ResolvedPeriod
from testio_mcp.views.bugs import BugSummary, ChangedBug
from testio_mcp.views.tests import ChangedTest, TestSummary

BY = {
    "end_at": "by test end",
    "reported_at": (
        "by the date they were reported; figures and reports go by the end of the test"
    ),
}


def paragraphs(*parts: str | None) -> str:
    """The parts that say something, an empty line between them."""
    return "\n\n".join(part for part in parts if part)


def heading(page: Page[Any], noun: str) -> str | None:
    """How many there are and which of them follow; nothing where nobody knows yet."""
    if page.total == 0:
        where = " in what was read" if page.freshness.incomplete else ""
        return None if page.freshness.as_of is None else f"No {plural(noun)} match{where}."
    total = counted(page.total, noun)
    if page.returned == page.total:
        return f"**{total}**"
    first = (page.page - 1) * page.page_size + 1
    if page.returned == 0:
        pages = -(-page.total // page.page_size)
        return f"**{total}**, but page {page.page} is after the last, {pages}."
    return f"**{total}**, of which {first} to {first + page.returned - 1}"


def footer(page: Page[Any], zone: ZoneInfo) -> str:
    """What was left out, the period, the notes and the freshness."""
    more = None
    if page.has_more:
        left = page.total - (page.page - 1) * page.page_size - page.returned
        more = f"{count(left)} more: ask for page {page.page + 1}."
    return paragraphs(
        more,
        _gone(page, zone),
        period_line(page.period, zone),
        closing(page, zone),
    )


def closing(answer: Answer | Page[Any], zone: ZoneInfo) -> str:
    """The notes and the freshness."""
    return paragraphs(*map(inline, answer.notes), as_of(answer.freshness, zone))


def changed(thing: BugSummary | TestSummary, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """What moved and when, and what the status was; of what is new only that."""
    if not isinstance(thing, ChangedBug | ChangedTest):
        return None, None
    if thing.previous_status is None:
        return thing.change, None
    return moment(thing.status_changed_at, zone), thing.previous_status


def _gone(page: Page[Any], zone: ZoneInfo) -> str | None:
    """What was seen to be deleted, apart from what is there."""
    if page.deleted is None:
        return None
    if not page.deleted:
        return "Nothing was seen to be deleted since then."
    rows = [
        (str(thing.id), thing.title, str(thing.product_id), moment(thing.deleted_at, zone))
        for thing in page.deleted
    ]
    return f"Deleted at TestIO\n\n{table(('id', 'title', 'product id', 'seen'), rows)}"


def period_line(period: ResolvedPeriod | None, zone: ZoneInfo) -> str | None:
    """The resolved bounds and by which time they were taken."""
    if period is None:
        return None
    start, end = moment(period.start, zone), moment(period.end, zone)
    words = {(True, True): f"{start} to before {end}", (True, False): f"since {start}"}
    words |= {(False, True): f"before {end}", (False, False): "all time"}
    bounds = words[period.start is not None, period.end is not None]
    return f"Period: {bounds}, {BY.get(period.by, period.by)}."


def as_of(freshness: Freshness, zone: ZoneInfo) -> str:
    """How current an answer is and what it lacks, in words; the last lines of every text."""
    lines = [f"Incomplete: {inline(line)}" for line in freshness.incomplete]
    if freshness.as_of is None:
        reason = inline(freshness.reason or "The first sync has not run yet.")
        return "\n".join([*lines, f"Not synced yet. {reason}"])
    age = ago(datetime.now(UTC) - freshness.as_of)
    state = "" if freshness.state is State.FRESH else f" {freshness.state.value.capitalize()}"
    reason = f": {inline(freshness.reason)}" if freshness.reason else "."
    lines.append(f"As of {moment(freshness.as_of, zone)} ({age}).{state and state + reason}")
    return "\n".join(lines)
