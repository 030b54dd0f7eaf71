"""How each format of a report is written."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from testio_mcp.domain.reports import ReportFormat
from testio_mcp.reports.csv import report_csv
from testio_mcp.reports.html import report_html
from testio_mcp.reports.markdown import report_markdown
from testio_mcp.reports.xlsx import report_xlsx
from testio_mcp.views.reports import ReportAnswer

_WRITE: dict[ReportFormat, Callable[[ReportAnswer, ZoneInfo], bytes]] = {
    ReportFormat.MARKDOWN: lambda answer, zone: f"{report_markdown(answer, zone)}\n".encode(),
    ReportFormat.JSON: lambda answer, _: f"{answer.model_dump_json(indent=2)}\n".encode(),
    ReportFormat.HTML: report_html,
    ReportFormat.XLSX: report_xlsx,
    ReportFormat.CSV: lambda answer, _: report_csv(answer),
}


def written(answer: ReportAnswer, format: ReportFormat, zone: ZoneInfo) -> bytes:
    """The content of a file."""
    return _WRITE[format](answer, zone)
