"""What must be said beside figures so that nobody reads them wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testio_mcp.analytics.dimensions import DIMENSIONS, Of, are_of_bugs
from testio_mcp.analytics.metrics import METRICS, is_of_tests
from testio_mcp.domain.metrics import NONE, OTHER, UNKNOWN, MetricsQuestion
from testio_mcp.services.metric_rows import Rows
from testio_mcp.services.pages import running_kept


def notes_on(question: MetricsQuestion, shown: Rows, *, is_filled: bool) -> list[str]:
    """In sentences, the most important first."""
    return [
        *_on_statuses(question),
        *_on_period(question),
        *_on_tests(question),
        *_on_dimensions(question),
        *_on_values(shown),
        *([] if is_filled else ["Weeks and the like without anything are left out."]),
    ]


def _on_statuses(question: MetricsQuestion) -> Iterator[str]:
    statuses = question.scope.statuses
    if statuses:
        yield f"Tests with status {', '.join(statuses)}."
        return
    if any(not METRICS[name].every_status for name in question.metrics):
        executed = ", ".join(question.scope.named_statuses)
        yield f"Executed tests: {executed}."
    if every := [name for name in question.metrics if METRICS[name].every_status]:
        yield f"{_listed(every)} over tests of all statuses."


def _on_period(question: MetricsQuestion) -> Iterator[str]:
    period = question.scope.period
    if period is None:
        return
    yield from running_kept(period)
    reported = [name for name in question.by if name.startswith("reported_")]
    if reported:
        yield f"The period is about the end of tests, {_listed(reported)} about the report of bugs."


def _on_tests(question: MetricsQuestion) -> Iterator[str]:
    of_tests = [name for name in question.metrics if is_of_tests(name)]
    if not of_tests:
        return
    if are_of_bugs(question.by) or question.scope.names_bugs:
        yield f"{_listed(of_tests)}: of tests with at least one such bug."
    elif "feature" in question.by:
        yield "A test counts under each feature that it contains, also without bugs."


def _on_dimensions(question: MetricsQuestion) -> Iterator[str]:
    devices = [name for name in question.by if DIMENSIONS[name].of is Of.DEVICE]
    if devices:
        yield f"A bug counts once under each {_listed(devices)} of its devices."


def _on_values(shown: Rows) -> Iterator[str]:
    for name in shown.by:
        place = shown.by.index(name)
        values = {row[place] for row in shown.rows}
        if None in values:
            yield f"{name} {NONE}: {DIMENSIONS[name].none}."
        if name == "rejection_reason" and UNKNOWN in values:
            yield f"{name} {UNKNOWN}: rejected bugs whose reason was not recognised."
        if name == "bug_status" and OTHER in values:
            yield f"{name} {OTHER}: words that TestIO documents nowhere."


def about_of(question: MetricsQuestion, products: Sequence[str]) -> str:
    """The scope in a line, for below a title."""
    scope = question.scope
    filters = {
        "": products,
        "tests": scope.test_ids,
        "features": scope.feature_ids,
        "types": scope.testing_types,
        "bug status": scope.bug_statuses,
        "severity": scope.severities,
    }
    named = [
        f"{kind} {_listed([*map(str, values)])}".strip()
        for kind, values in filters.items()
        if values
    ]
    tests = _listed([*scope.statuses]) if scope.statuses else "executed"
    period = f"{scope.period.text} by test end ({scope.zone.key})" if scope.period else "all time"
    told = " · ".join([*named, f"{tests} tests", period])
    return told[:1].upper() + told[1:]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
