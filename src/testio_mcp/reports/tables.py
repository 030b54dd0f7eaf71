"""A quality report as tables: what every format shows, each in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from testio_mcp.domain.figures import RATE_NAMES, RATES
from testio_mcp.domain.health import is_good_when_high
from testio_mcp.domain.reports import Direction, Section
from testio_mcp.reports.cells import Cell, Kind, Table, figure
from testio_mcp.reports.comparison import shown, shown_change
from testio_mcp.views.base import ResolvedPeriod
from testio_mcp.views.reports import (
    QualityReport,
    ReportAnswer,
    ReportChange,
    ReportFeature,
    ReportRate,
)

EXECUTED = "of executed tests"
ALL = "tests of all statuses"
ABOUT_THE_SAME = "about the same"
NAMES = {
    **RATE_NAMES,
    "test_count": "executed tests",
    "features_tested": "features tested",
    "active_testers": "active testers",
    "bug_count": "bugs",
    "bugs_per_test": "bugs per test",
    "severity_score": "severity score",
}
# The same in the head of a column.
SHORT_RATES = {
    "acceptance_rate": "acceptance",
    "active_acceptance_rate": "active",
    "auto_acceptance_rate": "auto",
    "rejection_rate": "rejection",
    "review_rate": "review",
}


def tables(report: QualityReport) -> list[Table]:
    """Those of the sections that are there, in the order of the report."""
    present = [section for section in Section if getattr(report, section) is not None]
    return [table for section in present for table in _TABLES[section](report)]


def about(answer: ReportAnswer) -> Table:
    """What the report is about and how current it is; names of people and things apart."""
    report, freshness = answer.report, answer.freshness
    scope = report.scope
    rows = [
        ("title", Cell(report.title)),
        ("customer", Cell(report.customer)),
        ("products", Cell(_named(scope.products) or f"all {scope.product_count}")),
        ("tests", Cell(_ids(scope.test_ids))),
        ("tests left out", Cell(_ids(scope.excluded_test_ids))),
        ("features", Cell(_named(scope.features))),
        ("testing types", Cell(", ".join(scope.testing_types) or None)),
        ("period", Cell(scope.period)),
        *_bounds("period", report.period),
        *(_bounds("previous period", report.previous_period) if report.previous_period else []),
        ("time zone", Cell(report.period.timezone)),
        ("made", Cell(report.generated_at, Kind.MOMENT)),
        ("as of", Cell(freshness.as_of, Kind.MOMENT)),
        ("state", Cell(freshness.state.value)),
        ("reason", Cell(freshness.reason)),
        *(("incomplete", Cell(sentence)) for sentence in freshness.incomplete),
        *(("note", Cell(sentence)) for sentence in answer.notes),
    ]
    cells = tuple((Cell(name), cell) for name, cell in rows if cell.value is not None)
    return Table("report", "Report", ("what", "value"), cells)


def _bounds(name: str, period: ResolvedPeriod) -> list[tuple[str, Cell]]:
    return [
        (f"{name} from, by test end", Cell(period.start, Kind.MOMENT)),
        (f"{name} to before, by test end", Cell(period.end, Kind.MOMENT)),
    ]


def _named(things: Any) -> str | None:
    return ", ".join(f"{thing.name} ({thing.id})" for thing in things) or None


def _ids(ids: list[int]) -> str | None:
    return ", ".join(map(str, ids)) or None


def _tests(report: QualityReport) -> Iterator[Table]:
    tests = report.tests
    assert tests
    total = (("all", tests.total), ("executed", tests.executed))
    yield _numbers("tests", "Tests by status", "status", tests.by_status, ALL, total)
    yield _numbers("tests", "Tests by type", "testing type", tests.by_testing_type, ALL)


def _bugs(report: QualityReport) -> Iterator[Table]:
    bugs = report.bugs
    assert bugs
    rows = (
        ("bugs", Cell(bugs.total, Kind.COUNT)),
        ("open", Cell(bugs.open, Kind.COUNT)),
        ("known", Cell(bugs.known, Kind.COUNT)),
        ("per test", Cell(bugs.per_test, Kind.NUMBER)),
        ("severity score", Cell(bugs.severity_score, Kind.COUNT)),
    )
    cells = tuple((Cell(name), cell) for name, cell in rows)
    yield Table("bugs", "Bugs", ("figure", "value"), cells, EXECUTED)
    unknown = "Not synced yet." if bugs.total is None else "None."
    yield _numbers(
        "bugs", "Bugs by severity", "severity", bugs.by_severity, EXECUTED, empty=unknown
    )
    yield _numbers("bugs", "Bugs by status", "status", bugs.by_status, EXECUTED, empty=unknown)


def _numbers(
    section: str,
    name: str,
    key: str,
    numbers: Mapping[str, int],
    about: str,
    first: tuple[tuple[str, int | None], ...] = (),
    empty: str = "None.",
) -> Table:
    rows = tuple(
        (Cell(word), Cell(number, Kind.COUNT)) for word, number in (*first, *numbers.items())
    )
    return Table(section, name, (key, section), rows, about, empty=empty)


def _rates(report: QualityReport) -> Iterator[Table]:
    rows = tuple(
        (
            Cell(RATE_NAMES[rate.metric]),
            figure(rate.metric, rate.value),
            Cell(rate.health.value if rate.health else None, Kind.STATE),
            *_limits(rate),
        )
        for rate in report.rates or ()
    )
    columns = ("rate", "value", "health", "bad when", "warning from", "critical from")
    yield Table("rates", "Rates", columns, rows, EXECUTED)


def _limits(rate: ReportRate) -> tuple[Cell, ...]:
    """On which side, and where, a rate begins to be bad."""
    if rate.health is None:
        return (Cell(None),) * 3
    side = "low" if is_good_when_high(rate.metric) else "high"
    return Cell(side), Cell(rate.warning, Kind.RATE), Cell(rate.critical, Kind.RATE)


def _comparison(report: QualityReport) -> Iterator[Table]:
    rows = tuple(map(_change, report.comparison or ()))
    columns = ("figure", "this period", "previous", "change", "direction")
    yield Table("comparison", "Comparison", columns, rows, EXECUTED)


def _change(change: ReportChange) -> tuple[Cell, ...]:
    """Rounded in every format, so that what is subtracted gives the change beside it."""
    metric = change.metric
    difference = shown_change(metric, change.value, change.previous)
    is_about = change.direction is Direction.SAME and difference
    return (
        Cell(NAMES[metric]),
        figure(metric, shown(metric, change.value)),
        figure(metric, shown(metric, change.previous)),
        figure(metric, difference, signed=True),
        Cell(ABOUT_THE_SAME if is_about else change.direction.value, Kind.STATE),
    )


def _critical_bugs(report: QualityReport) -> Iterator[Table]:
    found = report.critical_bugs
    assert found
    rows = tuple(
        (
            Cell(bug.id, Kind.ID),
            Cell(bug.title),
            Cell("yes" if bug.known else None),
            Cell(bug.age_days, Kind.DAYS),
            Cell(bug.days_to_auto_acceptance, Kind.DAYS),
            Cell(bug.feature),
            Cell(f"{bug.product} ({bug.product_id})"),
            Cell(f"{bug.test} ({bug.test_id})"),
            Cell(bug.reported_at, Kind.DAY),
            Cell(bug.link, Kind.LINK),
        )
        for bug in found.items
    )
    columns = ("id", "title", "known", "age", "auto-accepted in", "feature", "product", "test")
    yield Table(
        "critical_bugs",
        "Critical open bugs",
        (*columns, "reported", "link"),
        rows,
        "of these tests",
        found.total,
        "Not synced yet." if found.total is None else "None of these tests has one.",
    )


def _products(report: QualityReport) -> Iterator[Table]:
    rows = tuple(
        (
            Cell(product.id, Kind.ID),
            Cell(product.name),
            Cell(product.health.value, Kind.STATE),
            Cell(product.tests, Kind.COUNT),
            Cell(product.executed, Kind.COUNT),
            Cell(product.bugs, Kind.COUNT),
            Cell(product.open_bugs, Kind.COUNT),
            Cell(product.bugs_per_test, Kind.NUMBER),
            Cell(product.severity_score, Kind.COUNT),
            *(Cell(getattr(product, rate), Kind.RATE) for rate in RATES),
        )
        for product in report.products or ()
    )
    columns = ("id", "product", "health", "tests", "executed", "bugs", "open", "per test")
    names = (*columns, "severity score", *SHORT_RATES.values())
    said = "tests of all statuses, the rest of executed ones; health is that of the worst rate"
    yield Table("products", "Products", names, rows, said, report.scope.product_count)


def _trend(report: QualityReport) -> Iterator[Table]:
    rows = tuple(
        (
            Cell(month.month),
            Cell("in part" if month.partial else None),
            Cell(month.tests, Kind.COUNT),
            Cell(month.bugs, Kind.COUNT),
            Cell(month.bugs_per_test, Kind.NUMBER),
            *(Cell(getattr(month, rate), Kind.RATE) for rate in RATES),
        )
        for month in report.trend or ()
    )
    columns = ("month", "partial", "tests", "bugs", "per test", *SHORT_RATES.values())
    yield Table("trend", "Trend", columns, rows, "executed tests by the month of their end")


def _features(report: QualityReport) -> Iterator[Table]:
    found = report.features
    assert found
    unknown = "Not synced yet." if found.total is None else "None."
    columns = ("id", "feature", "product id", "bugs", "tests", "per test", "severity score")
    fragile = "by severity score for each test that contains the feature, of two tests or more"
    for name, features, said, total in (
        ("Features with most bugs", found.most_bugs, EXECUTED, found.total),
        ("Most fragile features", found.most_fragile, fragile, found.fragile_total),
    ):
        rows = tuple(map(_feature, features))
        yield Table("features", name, (*columns, "fragility"), rows, said, total, unknown)


def _feature(feature: ReportFeature) -> tuple[Cell, ...]:
    return (
        Cell(feature.id, Kind.ID),
        Cell(feature.title),
        Cell(feature.product_id, Kind.ID),
        Cell(feature.bugs, Kind.COUNT),
        Cell(feature.tests, Kind.COUNT),
        Cell(feature.bugs_per_test, Kind.NUMBER),
        Cell(feature.severity_score, Kind.COUNT),
        Cell(feature.fragility, Kind.NUMBER),
    )


def _reasons(report: QualityReport) -> Iterator[Table]:
    rows = tuple(
        (Cell(reason.name), Cell(reason.key), Cell(reason.bugs, Kind.COUNT))
        for reason in report.rejection_reasons or ()
    )
    yield Table("rejection_reasons", "Rejection reasons", ("reason", "key", "bugs"), rows, EXECUTED)


def _platforms(report: QualityReport) -> Iterator[Table]:
    rows = tuple(
        (
            Cell(platform.operating_system),
            Cell(platform.bugs, Kind.COUNT),
            Cell(platform.rejection_rate, Kind.RATE),
        )
        for platform in report.platforms or ()
    )
    said = "a bug counts once under each operating system of its devices"
    yield Table("platforms", "Platforms", ("operating system", "bugs", "rejection"), rows, said)


_TABLES: dict[Section, Callable[[QualityReport], Iterator[Table]]] = {
    Section.TESTS: _tests,
    Section.BUGS: _bugs,
    Section.RATES: _rates,
    Section.COMPARISON: _comparison,
    Section.CRITICAL_BUGS: _critical_bugs,
    Section.PRODUCTS: _products,
    Section.TREND: _trend,
    Section.FEATURES: _features,
    Section.REJECTION_REASONS: _reasons,
    Section.PLATFORMS: _platforms,
}
