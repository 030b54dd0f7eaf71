"""What people see of a text: on a terminal of any width, and whole where they must act on it."""

import io
import json
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from testio_mcp.cli.advice import after_removal
from testio_mcp.cli.output import show
from testio_mcp.clients.entries import Entry, document, snippet
from testio_mcp.rendering.answers import period_line
from testio_mcp.rendering.setup import setup_report, to_paste
from testio_mcp.views.base import ResolvedPeriod
from testio_mcp.views.setup import ClientChange, SetupReport

UTC_ZONE = ZoneInfo("UTC")
ENTRY = Entry(f"/Users/kaethe/{'folder with spaces/' * 6}testio-mcp", ("serve",))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """What a terminal of this width is sent."""

    def on_terminal(text, width):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        for name, value in (("COLUMNS", str(width)), ("TERM", "xterm"), ("NO_COLOR", "1")):
            monkeypatch.setenv(name, value)
        show(text, None, as_json=False)
        return terminal.getvalue()

    return on_terminal


def change(of, **more):
    return ClientChange(client="Cursor", file="~/.cursor/mcp.json", change=of, **more)


@pytest.mark.parametrize("width", [20, 60, 200])
def test_what_is_to_be_pasted_is_neither_broken_nor_padded(on_terminal, width):
    shown = on_terminal(to_paste([("Cursor", "~/.cursor/mcp.json")], snippet(ENTRY)), width)
    pasted = shown[shown.index("{") : shown.rindex("}") + 1]
    assert json.loads(pasted) == document(ENTRY)
    assert pasted == snippet(ENTRY)


def test_a_fence_of_somebody_else_is_no_table_and_nothing_to_paste(on_terminal):
    shown = on_terminal(
        "Said\n\n````quoted\n```json\n| x | y |\n```\n````\n\n| a | b |\n| --- | --- |", 40
    )
    assert "```json" in shown
    assert "| x | y |" in shown


def test_why_a_client_was_not_changed_is_told_whole():
    reason = f"{'This is a long reason. ' * 20}testio-mcp setup --print shows what belongs there."
    report = SetupReport(clients=[change("refused", reason=reason)], notes=[])
    assert f"- Cursor: {reason}" in setup_report(report, UTC_ZONE)


@pytest.mark.parametrize(
    ("clients", "said"),
    [
        (["removed", "absent"], "Quit Cursor and start it again"),
        (["absent", "absent"], "Nothing was connected"),
        ([], "No client was changed"),
    ],
)
def test_after_removing_it_is_said_what_to_do_or_that_nothing_was_there(clients, said):
    [sentence] = after_removal([change(of) for of in clients])
    assert sentence.startswith(said)


def test_what_was_refused_is_not_told_as_never_connected():
    assert [*after_removal([change("refused"), change("absent")])] == []


def test_a_list_of_bugs_says_that_figures_take_another_time():
    start = datetime(2026, 11, 1, tzinfo=UTC)
    period = ResolvedPeriod(start=start, end=None, by="reported_at", timezone="UTC")
    said = period_line(period, UTC_ZONE)
    assert "by the date they were reported; figures and reports go by the end of the test." in said
