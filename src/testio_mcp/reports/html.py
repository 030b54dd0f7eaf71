"""A quality report as one page that needs nothing else, on a screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import SITE
from testio_mcp.domain.metrics import Chart, ChartChoice
from testio_mcp.domain.reports import Section
from testio_mcp.rendering.answers import as_of, period_line
from testio_mcp.rendering.markdown import moment
from testio_mcp.reports.cells import Cell, Kind, Table
from testio_mcp.reports.charts import chart_svg
from testio_mcp.reports.headline import headline
from testio_mcp.reports.tables import SHORT_RATES, tables
from testio_mcp.views.reports import QualityReport, ReportAnswer, ReportMonth

if TYPE_CHECKING:
    from jinja2 import Template

# Of a longer trend a picture shows the end.
MOST_MONTHS = 24
MOST_FEATURES = 10
# Shorter words are not broken.
ONE_LINE = 16  # characters
TITLES = {
    Section.TESTS: "Tests",
    Section.BUGS: "Bugs",
    Section.RATES: "Rates and health",
    Section.COMPARISON: "Compared with the previous period",
    Section.CRITICAL_BUGS: "Critical open bugs of these tests",
    Section.PRODUCTS: "Products",
    Section.TREND: "Trend by month",
    Section.FEATURES: "Features",
    Section.REJECTION_REASONS: "Rejection reasons",
    Section.PLATFORMS: "Platforms",
}


def report_html(answer: ReportAnswer, zone: ZoneInfo) -> bytes:
    report = answer.report
    every = groupby(tables(report), key=lambda table: table.section)
    pictures = _pictures(report)
    sections = [
        {
            "name": section,
            "title": TITLES[Section(section)],
            "tables": [_Shown(table, zone) for table in found],
            "pictures": pictures.get(section, []),
        }
        for section, found in every
    ]
    page = _template().render(
        report=report,
        headline=headline(report),
        period=period_line(report.period, zone),
        previous=period_line(report.previous_period, zone),
        made=moment(report.generated_at, zone),
        sections=sections,
        notes=answer.notes,
        freshness=as_of(answer.freshness, zone).split("\n"),
        zone=zone.key,
    )
    return page.encode()


@cache
def _template() -> Template:
    # Most answers are no page, and the server starts without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  see above

    environment = Environment(
        loader=PackageLoader("testio_mcp.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


class _Shown:
    """A table as the page writes it: rows of cells, each with its words, class and link."""

    def __init__(self, table: Table, zone: ZoneInfo) -> None:
        self.name, self.about, self.empty = table.name, table.about, table.empty
        self.cut = f"The first {len(table.rows)} of {table.total:,}." if table.is_cut else ""
        told = [place for place in range(len(table.columns)) if _is_told(table, place)]
        self.columns = [table.columns[place] for place in told]
        self.rows = [[_cell(row[place], zone) for place in told] for row in table.rows]
        self.right = [table.rows[0][place].is_figure for place in told]


def _is_told(table: Table, place: int) -> bool:
    """Whether the column says anything."""
    return any(row[place].is_figure or row[place].value is not None for row in table.rows)


def _cell(cell: Cell, zone: ZoneInfo) -> dict[str, Any]:
    words = cell.written(zone)
    is_link = cell.kind is Kind.LINK and words.startswith(SITE)
    return {
        "words": "Open" if is_link else words,
        "link": cell.value if is_link else None,
        "class": _class(cell),
    }


def _class(cell: Cell) -> str:
    if cell.kind is Kind.STATE and cell.value:
        return f"state {cell.value.replace(' ', '-')}"
    if cell.is_figure:
        return "figure unknown" if cell.value is None else "figure"
    is_long = cell.kind is Kind.TEXT and len(cell.value or "") > ONE_LINE
    return "words" if is_long else "mark"


def _pictures(report: QualityReport) -> dict[str, list[Any]]:
    """By section, drawings that are safe to stand in the page."""
    from markupsafe import Markup  # noqa: PLC0415  comes with the templates

    drawn: dict[str, list[Any]] = {}
    for section, chart in _charts(report):
        # Nothing in it comes unescaped: whoever draws it escapes what it says.
        drawn.setdefault(section, []).append(Markup(_bare(chart_svg(chart))))
    return drawn


def _bare(svg: str) -> str:
    """As wide as its place."""
    return re.sub(r'^<svg([^>]*?) width="[^"]*" height="[^"]*"', r"<svg\1", svg, count=1)


def _charts(report: QualityReport) -> Iterator[tuple[str, Chart]]:
    bugs = report.bugs
    if bugs and bugs.by_severity:
        yield "bugs", _bars("Bugs by severity", bugs.by_severity)
        yield "bugs", _bars("Bugs by status", bugs.by_status)
    months = [month for month in (report.trend or ()) if month.month[:1].isdigit()][-MOST_MONTHS:]
    if len(months) > 1:
        names = [f"{month.month}{'*' if month.partial else ''}" for month in months]
        yield "trend", _trend("Tests and bugs by month", names, _counts(months))
        yield "trend", _trend("Rates by month", names, _rates(months), is_rate=True)
    features = report.features.most_bugs[:MOST_FEATURES] if report.features else []
    if features:
        numbers = {f"{feature.title} ({feature.id})": feature.bugs for feature in features}
        yield "features", _bars("Features with most bugs", numbers)


def _bars(title: str, numbers: dict[str, int]) -> Chart:
    return Chart(
        ChartChoice.BAR, title, "of executed tests", [*numbers], {"bugs": [*numbers.values()]}
    )


def _counts(months: Sequence[ReportMonth]) -> dict[str, Sequence[float | None]]:
    return {"tests": [month.tests for month in months], "bugs": [month.bugs for month in months]}


def _rates(months: Sequence[ReportMonth]) -> dict[str, Sequence[float | None]]:
    return {name: [getattr(month, rate) for month in months] for rate, name in SHORT_RATES.items()}


def _trend(
    title: str,
    months: Sequence[str],
    series: dict[str, Sequence[float | None]],
    *,
    is_rate: bool = False,
) -> Chart:
    cut = " \u00b7 * in part" if any(name.endswith("*") for name in months) else ""
    about = f"executed tests, by the month of their end{cut}"
    return Chart(ChartChoice.LINE, title, about, months, series, is_rate)
