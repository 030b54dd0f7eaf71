"""Counts and rates as text."""

from testio_mcp.domain.figures import RATE_NAMES
from testio_mcp.rendering.answers import paragraphs
from testio_mcp.rendering.markdown import bullets, count, rate
from testio_mcp.views.bugs import BugFigures

NOT_READ = "not synced yet"


def figures(bugs: BugFigures, scope: str) -> str:
    """Counts and rates; `scope` says of which tests."""
    if bugs.total is None:
        return f"Bugs {scope}: {NOT_READ}."
    if not bugs.total:
        return f"No bugs {scope}."
    rates = [f"{name} {rate(getattr(bugs, metric))}" for metric, name in RATE_NAMES.items()]
    return paragraphs(
        f"**{count(bugs.total)} bugs** {scope}, {count(bugs.known)} of them known",
        bullets(
            [
                ("by status", numbers(bugs.by_status)),
                ("by severity", numbers(bugs.by_severity)),
                ("rates", ", ".join(rates)),
            ]
        ),
    )


def numbers(counts: dict[str, int]) -> str | None:
    return ", ".join(f"{word} {count(number)}" for word, number in counts.items()) or None


def known(number: int | None) -> str:
    """A count, or that nobody knows it yet: never a 0 that was not counted."""
    return NOT_READ if number is None else count(number)
