"""A quality report as one tidy table: section, group, name, metric, value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from testio_mcp.reports.cells import Cell, Table
from testio_mcp.reports.harmless import harmless
from testio_mcp.reports.tables import about, tables
from testio_mcp.views.reports import ReportAnswer

COLUMNS = ("section", "group", "name", "metric", "value")


def report_csv(answer: ReportAnswer) -> bytes:
    """Figures as plain numbers, rates 0 to 1, times in UTC; what is not known is empty."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for table in (about(answer), *tables(answer.report)):
        writer.writerows(_rows(table))
    # Excel takes a file for UTF-8 only when it begins with this mark.
    return written.getvalue().encode("utf-8-sig")


def _rows(table: Table) -> Iterator[tuple[str, ...]]:
    """A row for each cell beside the first of its row, which names them."""
    for first, *others in table.rows:
        for metric, cell in zip(table.columns[1:], others, strict=True):
            if cell.value is not None or cell.is_figure:
                name = harmless(str(first.value))
                yield table.section, table.name, name, metric, _value(cell)


def _value(cell: Cell) -> str:
    value: Any = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return harmless(value) if isinstance(value, str) else repr(value)
