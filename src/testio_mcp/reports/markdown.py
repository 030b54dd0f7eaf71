"""A quality report as Markdown, for people and models alike."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from testio_mcp.domain.reports import ReportFormat
from testio_mcp.rendering.answers import closing, paragraphs, period_line
from testio_mcp.rendering.markdown import count, inline, table
from testio_mcp.reports.cells import Table
from testio_mcp.reports.headline import headline
from testio_mcp.reports.tables import tables
from testio_mcp.views.reports import QualityReport, ReportAnswer

# A key and its number are shorter as words.
OF_NUMBERS = 2


def report_answer(answer: ReportAnswer, zone: ZoneInfo) -> str:
    """As it was asked for: Markdown, or the data as JSON."""
    if answer.format is ReportFormat.JSON and answer.report.file is None:
        return answer.model_dump_json()
    return report_markdown(answer, zone)


def report_markdown(answer: ReportAnswer, zone: ZoneInfo) -> str:
    report = answer.report
    sections = [_section(found, zone) for found in tables(report)]
    return paragraphs(
        f"# {inline(report.title)}",
        _file(report),
        " ".join(headline(report)),
        *sections,
        _without_feature(report),
        _scope(report),
        period_line(report.period, zone),
        _compared(report, zone),
        closing(answer, zone),
    )


def _file(report: QualityReport) -> str | None:
    if report.file is None:
        return None
    size = f"{count(max(1, report.file.bytes // 1024))} kB"
    return f"Saved as {inline(report.file.path)} ({report.file.format.value}, {size})."


def _section(found: Table, zone: ZoneInfo) -> str:
    shown = f"first {len(found.rows)} of {count(found.total)}" if found.is_cut else ""
    said = "; ".join(filter(None, (found.about, shown)))
    name = f"{found.name} ({said})" if said else found.name
    rows = [[cell.written(zone) or None for cell in row] for row in found.rows]
    if not rows:
        return f"**{name}**: {found.empty}"
    if len(found.columns) == OF_NUMBERS:
        return f"**{name}**: {', '.join(f'{inline(a or "")} {inline(b or "")}' for a, b in rows)}"
    return f"## {name}\n\n{table(found.columns, rows)}"


def _without_feature(report: QualityReport) -> str | None:
    bugs = report.features.bugs_without_feature if report.features else None
    return f"Bugs that name no feature: {count(bugs)}." if bugs else None


def _scope(report: QualityReport) -> str | None:
    """What else was asked for, beside the products and the period of the title."""
    scope = report.scope
    parts = (
        ("Tests", ", ".join(map(str, scope.test_ids))),
        ("Tests left out", ", ".join(map(str, scope.excluded_test_ids))),
        ("Features", ", ".join(f"{feature.name} ({feature.id})" for feature in scope.features)),
        ("Testing types", ", ".join(scope.testing_types)),
        ("Products", ", ".join(f"{product.name} ({product.id})" for product in scope.products)),
    )
    return " ".join(f"{name}: {inline(words)}." for name, words in parts if words) or None


def _compared(report: QualityReport, zone: ZoneInfo) -> str | None:
    line = period_line(report.previous_period, zone)
    return line and line.replace("Period:", "Compared with:")
