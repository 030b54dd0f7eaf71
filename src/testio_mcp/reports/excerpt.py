"""A report short enough for a conversation, and what it leaves out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.domain.reports import Section
from testio_mcp.domain.text import one_line
from testio_mcp.rendering.limits import Told
from testio_mcp.reports.markdown import report_answer
from testio_mcp.views.base import View
from testio_mcp.views.reports import QualityReport, ReportAnswer

# Of an answer where nothing is asked for by name.
USUAL_TOKENS = 3_000
# Rows of each list, fewer each time.
LENGTHS = (200, 100, 50, 30, 20, 15, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)
LONGEST_TITLE = 100
# These are short as they are, and worth most as a whole.
WHOLE = frozenset({Section.TESTS, Section.BUGS, Section.RATES, Section.COMPARISON})
# Of what was saved the rest is in the file.
BESIDE_A_FILE = (Section.TESTS, Section.BUGS, Section.RATES)
HINT = "Name it in sections for more of it, or save a file (format html, xlsx) for all."


def excerpt(answer: ReportAnswer, zone: ZoneInfo, tokens: int) -> ReportAnswer:
    """As much of each list as fits, as text and as data."""
    if answer.report.file:
        rest = {section.value: None for section in Section if section not in BESIDE_A_FILE}
        answer = answer.model_copy(update={"report": answer.report.model_copy(update=rest)})

    def fits(rows: int) -> bool:
        shorter = _shortened(answer, rows)
        return Told(report_answer(shorter, zone), shorter.model_dump(mode="json")).fits(tokens)

    place = bisect_left(LENGTHS, True, key=fits)
    return _shortened(answer, LENGTHS[min(place, len(LENGTHS) - 1)])


def _shortened(answer: ReportAnswer, rows: int) -> ReportAnswer:
    report = answer.report
    update: dict[str, Any] = {}
    cuts = []
    for section in Section:
        if section in WHOLE:
            continue
        found = getattr(report, section)
        update[section], left = _cut(found, rows, latest=section is Section.TREND)
        if left:
            cuts.append(f"{section.value} ({left} left out)")
    scope, _ = _cut(report.scope, rows)
    notes = answer.notes
    if cuts:
        notes = [*notes, f"Shortened: {', '.join(cuts)}. {HINT}"]
    shorter = QualityReport.model_copy(report, update={**update, "scope": scope})
    return answer.model_copy(update={"report": shorter, "notes": notes})


def _cut(value: Any, rows: int, *, latest: bool = False) -> tuple[Any, int]:
    """The value with as many rows and no long titles, and how many rows are left out."""
    if isinstance(value, list):
        kept = value[-rows:] if latest else value[:rows]
        return [_cut(item, rows)[0] for item in kept], len(value) - len(kept)
    if isinstance(value, View):
        found = {name: _cut(getattr(value, name), rows) for name in type(value).model_fields}
        update = {name: shorter for name, (shorter, _) in found.items()}
        left: Sequence[int] = [number for _, number in found.values()]
        return value.model_copy(update=update), sum(left)
    if isinstance(value, str):
        return (value if len(value) <= LONGEST_TITLE else one_line(value, LONGEST_TITLE)), 0
    return value, 0
