"""What could not be read, and what came of repairs, as text."""

from collections.abc import Iterator
from itertools import groupby
from zoneinfo import ZoneInfo

from testio_mcp.domain.freshness import State
from testio_mcp.domain.ids import listed
from testio_mcp.rendering.answers import footer, heading, paragraphs
from testio_mcp.rendering.markdown import bullets, count, counted, date, inline, moment, table
from testio_mcp.views.base import Page
from testio_mcp.views.problems import (
    Boundary,
    MappingReport,
    ProblemCount,
    ProblemSummary,
    RetryReport,
)

NOTHING = "**No problems are open.** All that TestIO was asked for could be read."
STAYS = "What could not be read stays mapped: the next sync or retry asks for it again."
OPEN = "A problem that is still open ends when a sync can read its part of the list."
NOTHING_TO_CLEAR = "No problems are open: there is nothing to clear."


def problem_page(page: Page[ProblemSummary], zone: ZoneInfo) -> str:
    title = heading(page, "problem")
    if page.total == 0 and page.freshness.state is not State.NEVER_SYNCED:
        title = NOTHING
    return paragraphs(title, *_by_product(page.items, zone), footer(page, zone))


def mapping_report(report: MappingReport) -> str:
    tests, are = ("Test", "is") if len(report.test_ids) == 1 else ("Tests", "are")
    return (
        f"{tests} {listed(report.test_ids)} {are} mapped to "
        f"problem {report.event_id}. Next: testio-mcp problematic retry {report.product_id}"
    )


def retry_report(report: RetryReport) -> str:
    product = f"{inline(report.product)} ({report.product_id})"
    if not report.tests:
        return (
            f"No tests are mapped to problems of product {product}, so that there is nothing to "
            "ask for. See testio-mcp problematic list."
        )
    read = sum(test.error is None for test in report.tests)
    rows = [
        (
            str(test.test_id),
            "stored" if test.error is None else "could not be read",
            test.error,
            test.closed,
        )
        for test in report.tests
    ]
    missing = "\n".join(f"- {inline(line)}" for line in report.incomplete)
    return paragraphs(
        f"**{read} of {len(report.tests)} mapped tests** of product {product} were read",
        table(("test", "result", "error", "ended problem"), rows),
        missing and f"Missing\n\n{missing}",
        STAYS if read < len(report.tests) else None,
        OPEN if any(test.error is None and not test.closed for test in report.tests) else None,
    )


def clear_question(found: ProblemCount) -> str:
    problems, tests = counted(found.ranges, "problem"), counted(found.test_ids, "mapped test")
    return f"Clear {problems} with {tests}?"


def clear_report(cleared: ProblemCount) -> str:
    if not cleared.ranges:
        return NOTHING_TO_CLEAR
    ranges, tests = counted(cleared.ranges, "range"), counted(cleared.test_ids, "test id")
    again = "What still cannot be read is recorded again by the next sync."
    return f"Cleared {ranges} and {tests}. {again}"


def _by_product(problems: list[ProblemSummary], zone: ZoneInfo) -> Iterator[str]:
    for (id, name), group in groupby(problems, lambda one: (one.product_id, one.product)):
        yield f"**Product {id}: {inline(name or 'name unknown')}**" if id else "**All products**"
        yield "\n".join(_problem(problem, zone) for problem in group)


def _problem(problem: ProblemSummary, zone: ZoneInfo) -> str:
    mapped = [
        f"{test.test_id} ({test.error})" if test.error else str(test.test_id)
        for test in problem.mapped
    ]
    seen = moment(problem.last_seen_at, zone)
    if problem.attempts > 1:
        first = moment(problem.first_seen_at, zone)
        seen = f"{count(problem.attempts)} times, first {first}, last {seen}"
    facts = [
        ("why", problem.error),
        ("where", _where(problem, zone)),
        ("candidates", _candidates(problem)),
        ("mapped tests", ", ".join(mapped) or None),
        ("seen", seen),
        ("what to do", problem.to_do),
        ("event", problem.event_id),
    ]
    details = bullets(facts).replace("\n", "\n  ")
    return f"- **{inline(problem.what)}** could not be read.\n  {details}"


def _where(problem: ProblemSummary, zone: ZoneInfo) -> str | None:
    """The list is ordered by end, so that the neighbours tell when what is missing ended."""
    if problem.positions is None:
        return None
    if problem.before and problem.after:
        return f"between {_neighbour(problem.before, zone)} and {_neighbour(problem.after, zone)}"
    if problem.before:
        return f"after {_neighbour(problem.before, zone)}, at the end of the list"
    if problem.after:
        return f"at the beginning of the list, before {_neighbour(problem.after, zone)}"
    return None


def _neighbour(boundary: Boundary, zone: ZoneInfo) -> str:
    ended = f" (end {date(boundary.end_at, zone)})" if boundary.end_at else ""
    return f"test {boundary.id}{ended}"


def _candidates(problem: ProblemSummary) -> str | None:
    if problem.positions is None or not problem.candidate_test_ids:
        return None
    return f"{listed(problem.candidate_test_ids)} (tests with bugs that the list lacks)"
