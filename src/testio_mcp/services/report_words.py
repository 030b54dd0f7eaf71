"""What a quality report is called, and what must be said beside its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping

from testio_mcp.domain.names import plain
from testio_mcp.domain.periods import Period
from testio_mcp.domain.reports import ReportQuestion, Section
from testio_mcp.domain.tests import EXECUTED
from testio_mcp.services.pages import running_kept
from testio_mcp.views.reports import QualityReport

# Of more products a title says how many there are.
MOST_NAMED = 3
# With fewer bugs one more or less moves each rate by some per cent.
FEW_BUGS = 20
LONGEST_NAME = 80
WITH_RATES = frozenset(
    {Section.RATES, Section.COMPARISON, Section.PRODUCTS, Section.TREND, Section.PLATFORMS}
)


def title(
    question: ReportQuestion, products: Mapping[int, str], customer: str | None, *, is_all: bool
) -> str:
    """Such as "Quality report of Nordwind: Shop, 2026-Q3"."""
    of = f" of {customer}" if customer else ""
    about = _about(question, products, is_all)
    return f"Quality report{of}: {about}, {_when(question.scope.period)}"


def file_name(report: QualityReport) -> str:
    """Such as quality-report-of-nordwind-shop-2026-Q3, which every file system takes."""
    # Letters beyond ASCII are spelled in different ways by different systems.
    spelled = plain(report.title).encode("ascii", "ignore").decode()
    words = re.sub("[^a-z0-9]+", "-", spelled).strip("-")
    return re.sub("-q(?=[1-4]$)", "-Q", words[:LONGEST_NAME].strip("-"))


def notes_on(
    question: ReportQuestion, before: Period | None, bugs: int | None, open_bugs: int | None
) -> list[str]:
    """In sentences, the most important first."""
    period = question.scope.period
    executed = ", ".join(EXECUTED)
    notes = [
        f"Tests by status and type count all statuses; all else is of executed tests: {executed}."
    ]
    notes += running_kept(period)
    if question.compares and before is None:
        notes.append("Nothing to compare with: a period without both ends has none before it.")
    if before and period and period.running:
        notes.append(
            "The period is not over: both are compared up to the same moment; tests that end later "
            "are left out of the comparison."
        )
    if bugs and open_bugs and WITH_RATES & {*question.wanted}:
        of = f"{open_bugs:,} of {bugs:,} {'bug' if bugs == 1 else 'bugs'}"
        notes.append(
            f"{of} {'is' if open_bugs == 1 else 'are'} still open, so the rates will change."
        )
    if bugs and bugs < FEW_BUGS:
        notes.append(f"Only {bugs} bugs: each of them moves the rates by much.")
    return notes


def _about(question: ReportQuestion, products: Mapping[int, str], is_all: bool) -> str:
    if question.scope.test_ids:
        number = len(question.scope.test_ids)
        tests = f"test {question.scope.test_ids[0]}" if number == 1 else f"{number} tests"
        return f"{_products(products, False)}, {tests}" if products else tests
    return _products(products, is_all and not question.scope.product_ids)


def _products(products: Mapping[int, str], is_all: bool) -> str:
    if is_all:
        return "all products"
    if len(products) > MOST_NAMED:
        return f"{len(products)} products"
    return ", ".join(products.values()) or "no products"


def _when(period: Period | None) -> str:
    return period.text if period else "all time"
