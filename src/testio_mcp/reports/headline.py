"""What a report comes to, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator

from testio_mcp.domain.figures import RATE_NAMES, RATES
from testio_mcp.domain.health import Health
from testio_mcp.domain.reports import Direction
from testio_mcp.rendering.figures import NOT_READ
from testio_mcp.rendering.markdown import count, number, rate
from testio_mcp.reports.tables import NAMES
from testio_mcp.views.reports import QualityReport

JUDGED = {
    Direction.WORSE: "Worse than",
    Direction.BETTER: "Better than",
    Direction.SAME: "About the same as",
}
WORST_FIRST = (Health.CRITICAL, Health.WARNING, Health.OK, Health.UNKNOWN)


def headline(report: QualityReport) -> list[str]:
    """The answer first, from the sections that are there."""
    return [*_volume(report), *_health(report), *_urgent(report), *_changes(report)]


def _volume(report: QualityReport) -> Iterator[str]:
    tests, bugs = report.tests, report.bugs
    if tests and tests.executed is None:
        yield f"Tests: {NOT_READ}."
    elif tests and not tests.executed:
        yield _nothing(report)
    elif tests and bugs and bugs.total is None:
        yield f"{count(tests.executed)} executed tests; their bugs: {NOT_READ}."
    elif tests and bugs:
        per_test = f" ({number(bugs.per_test)} per test)" if bugs.per_test is not None else ""
        yield (
            f"{count(bugs.total)} bugs in {count(tests.executed)} executed tests{per_test}, "
            f"{count(bugs.open)} of them open."
        )


def _nothing(report: QualityReport) -> str:
    if report.period.start or report.period.end:
        return "No executed test ended in the period."
    return "There is no executed test."


def _health(report: QualityReport) -> Iterator[str]:
    judged = [found for found in report.rates or () if found.health]
    parts = []
    for health in WORST_FIRST:
        said = [
            f"{RATE_NAMES[found.metric].split(' (')[0]} {rate(found.value)}"
            for found in judged
            if found.health is health
        ]
        if said:
            parts.append(f"{health.value}: {', '.join(said)}")
    if parts:
        yield f"Health \u2013 {'; '.join(parts)}."


def _urgent(report: QualityReport) -> Iterator[str]:
    found = report.critical_bugs
    if found is None or found.total is None:
        return
    if not found.total:
        # Where nothing was executed, that is said instead.
        if report.tests is None or report.tests.executed:
            yield "No critical bug of these tests is open."
        return
    due = [
        bug.days_to_auto_acceptance
        for bug in found.items
        if bug.days_to_auto_acceptance is not None
    ]
    soonest = ""
    if due:
        soonest = f"; the next is accepted by itself in {due[0]} d" if due[0] >= 0 else "; overdue"
    is_one = found.total == 1
    bugs = "1 critical bug" if is_one else f"{count(found.total)} critical bugs"
    yield f"{bugs} of these tests {'is' if is_one else 'are'} open{soonest}."


def _changes(report: QualityReport) -> Iterator[str]:
    for direction, words in JUDGED.items():
        names = [
            NAMES[change.metric].split(" (")[0]
            for change in report.comparison or ()
            if change.direction is direction and change.metric in RATES
        ]
        if names:
            yield f"{words} before: {', '.join(names)}."
