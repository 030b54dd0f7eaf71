"""An examination as text."""

from collections.abc import Iterable, Sequence

from testio_mcp.domain.findings import Verdict
from testio_mcp.rendering.answers import paragraphs
from testio_mcp.rendering.markdown import inline
from testio_mcp.views.doctor import Examination

HEADERS = ("state", "area", "found", "to do")
SETTING_HEADERS = ("setting", "value", "source")
DEFAULT = "default"


def examination(found: Examination) -> str:
    return paragraphs(
        _table(HEADERS, finding_rows(found)),
        _table(SETTING_HEADERS, setting_rows(found)),
        "\n".join(f"- Mended: {inline(line)}" for line in found.mended),
        f"**{verdict(found)}**",
    )


def finding_rows(found: Examination) -> list[tuple[str, str, str, str]]:
    return [
        (finding.state, finding.area, finding.found, finding.to_do or "")
        for finding in found.findings
    ]


def setting_rows(found: Examination) -> list[tuple[str, str, str]]:
    """Those that somebody has made."""
    return [
        (setting.variable, setting.value, setting.source)
        for setting in found.settings
        if setting.source != DEFAULT
    ]


def verdict(found: Examination) -> str:
    problems, warnings = (
        sum(finding.state == state for finding in found.findings)
        for state in (Verdict.PROBLEM, Verdict.WARNING)
    )
    if not problems and not warnings:
        return "Everything is as it should be."
    return f"{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Whole sentences, which `markdown.table` would cut."""
    lines = [f"| {' | '.join(map(inline, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join((f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |", *lines))
