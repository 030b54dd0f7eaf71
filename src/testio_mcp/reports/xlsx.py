"""A quality report as a workbook: a sheet a table, with real numbers, dates and links."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import SITE
from testio_mcp.reports.cells import FIGURES, UNKNOWN, Cell, Kind, Table
from testio_mcp.reports.harmless import harmless
from testio_mcp.reports.tables import about, tables
from testio_mcp.views.reports import ReportAnswer

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

NUMBERS = {
    Kind.COUNT: "#,##0",
    Kind.NUMBER: "#,##0.00",
    Kind.RATE: "0.0%",
    Kind.DAYS: "0",
    Kind.ID: "0",
    Kind.DAY: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
}
# A cell takes no more.
LONGEST_TEXT = 32_000
NARROWEST, WIDEST = 9, 80  # characters
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def report_xlsx(answer: ReportAnswer, zone: ZoneInfo) -> bytes:
    """Times are by the clock of the zone, which the first sheet names."""
    # Most answers are no workbook, and the server starts without it.
    from xlsxwriter import Workbook  # noqa: PLC0415  see above

    content = io.BytesIO()
    with Workbook(content, OPTIONS) as workbook:
        made = answer.report.generated_at.replace(tzinfo=None)
        workbook.set_properties({"title": answer.report.title, "created": made})
        sheets = _Sheets(workbook, zone)
        for table in (about(answer), *tables(answer.report)):
            sheets.add(table)
    return content.getvalue()


class _Sheets:
    def __init__(self, workbook: Workbook, zone: ZoneInfo) -> None:
        self._workbook = workbook
        self._zone = zone
        head = {"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "valign": "top"}
        self._head = workbook.add_format(head)
        self._head_of_figures = workbook.add_format({**head, "align": "right"})
        self._text = workbook.add_format({"valign": "top", "text_wrap": True})
        self._unknown = workbook.add_format({"font_color": "#767676", "align": "right"})
        self._link = workbook.add_format({"font_color": "#0B5CAD", "underline": 1, "valign": "top"})
        self._formats = {
            kind: workbook.add_format({"num_format": form, "valign": "top", "align": _side(kind)})
            for kind, form in NUMBERS.items()
        }
        self._changes = {
            kind: workbook.add_format({"num_format": f"+{form};-{form};{form}", "valign": "top"})
            for kind, form in NUMBERS.items()
        }
        self._states = {
            word: workbook.add_format({"bg_color": colour, "valign": "top"})
            for words, colour in (
                (("ok", "better"), "#DDF1E4"),
                (("warning",), "#FCEFC9"),
                (("critical", "worse"), "#F9D9D6"),
            )
            for word in words
        }

    def add(self, table: Table) -> None:
        sheet = self._workbook.add_worksheet(table.name)
        for place, name in enumerate(table.columns):
            is_figure = any(row[place].is_figure for row in table.rows)
            head = self._head_of_figures if is_figure else self._head
            sheet.write_string(0, place, name, head)
        for number, row in enumerate(table.rows, 1):
            for place, cell in enumerate(row):
                self._write(sheet, number, place, cell)
        if not table.rows:
            sheet.write_string(1, 0, table.empty, self._text)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)
        for place, name in enumerate(table.columns):
            words = [name, *(row[place].written(self._zone) for row in table.rows)]
            longest = max(map(len, words))
            sheet.set_column(place, place, min(max(longest + 2, NARROWEST), WIDEST))
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)

    def _write(self, sheet: Worksheet, row: int, place: int, cell: Cell) -> None:
        value: Any = cell.value
        if value is None:
            if cell.is_figure:
                sheet.write_string(row, place, UNKNOWN, self._unknown)
        elif isinstance(value, datetime):
            local = value.astimezone(self._zone).replace(tzinfo=None)
            sheet.write_datetime(row, place, local, self._formats[cell.kind])
        # Nothing else that a workbook could open is ever linked to.
        elif cell.kind is Kind.LINK and value.startswith(SITE):
            sheet.write_url(row, place, value, self._link)
        elif cell.kind in self._formats:
            formats = self._changes if cell.signed else self._formats
            sheet.write_number(row, place, value, formats[cell.kind])
        else:
            text = harmless(value)[:LONGEST_TEXT]
            sheet.write_string(row, place, text, self._format_of(cell))

    def _format_of(self, cell: Cell) -> Format:
        return self._states.get(cell.value, self._text) if cell.kind is Kind.STATE else self._text


def _side(kind: Kind) -> str:
    return "right" if kind in FIGURES else "left"
