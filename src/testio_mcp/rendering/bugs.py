"""Bugs as text."""

import re
from collections.abc import Sequence
from itertools import count as count_from
from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import changed, closing, footer, heading, paragraphs
from testio_mcp.rendering.markdown import bullets, date, inline, moment, quoted, table
from testio_mcp.views.base import Page
from testio_mcp.views.bugs import (
    BugAnswer,
    BugDetail,
    BugPreview,
    BugSummary,
    Device,
)


def bug_page(page: Page[BugSummary], zone: ZoneInfo) -> str:
    previews = [_preview(bug, zone) for bug in page.items if isinstance(bug, BugPreview)]
    whole = [_whole(bug, zone) for bug in page.items if isinstance(bug, BugDetail)]
    bugs = previews or whole or [bug_table(page.items, zone)]
    return paragraphs(heading(page, "bug"), *bugs, footer(page, zone))


def bug_table(bugs: Sequence[BugSummary], zone: ZoneInfo, *, within_test: bool = False) -> str:
    """A row a bug; inside one test without the columns that are the same in each row."""
    headers = ["id", "title", "severity", "status", "known", "feature", "reporter"]
    headers += [f"reported ({zone.key})", "age", "auto-accepted in"]
    headers += ["changed", "status before"]
    if not within_test:
        headers += ["product", "test"]
    rows = []
    for bug in bugs:
        row = [
            str(bug.id),
            bug.title,
            bug.severity,
            bug.status,
            "yes" if bug.known else None,
            bug.feature,
            bug.reporter,
            date(bug.reported_at, zone),
            None if bug.age_days is None else f"{bug.age_days} d",
            _due(bug.days_to_auto_acceptance),
            *changed(bug, zone),
        ]
        if not within_test:
            row += [f"{bug.product} ({bug.product_id})", f"{bug.test} ({bug.test_id})"]
        rows.append(row)
    return table(headers, rows)


def bug_answer(answer: BugAnswer, zone: ZoneInfo) -> str:
    return paragraphs(_whole(answer.bug, zone), closing(answer, zone))


def _preview(bug: BugPreview, zone: ZoneInfo) -> str:
    devices = [" ".join(filter(None, (d.model, d.operating_system))) for d in bug.devices]
    kept = [
        ("happened", bug.actual_result),
        ("devices", ", ".join(dict.fromkeys(filter(None, devices))) or None),
        ("comments", bug.comment_count or None),
        ("attachments", bug.attachment_count or None),
    ]
    return paragraphs(
        f"**Bug {bug.id}: {inline(bug.title)}**", bullets([*_facts(bug, zone), *kept])
    )


def _whole(bug: BugDetail, zone: ZoneInfo) -> str:
    return paragraphs(
        f"**Bug {bug.id}: {inline(bug.title)}**",
        bullets([*_facts(bug, zone), *_more_facts(bug, zone)]),
        _section("Steps", "\n".join(map(_numbered, count_from(1), bug.steps))),
        _section("Expected", bug.expected_result),
        _section("Actual", bug.actual_result),
        _devices(bug.devices),
        _comments(bug),
        _section(
            "Custom report",
            "\n".join(
                f"{said.question}: {said.answer}" for said in bug.report_answers if said.answer
            ),
        ),
        _section("Attachments", "\n".join(bug.attachments)),
    )


def _facts(bug: BugDetail | BugPreview, zone: ZoneInfo) -> list[tuple[str, str | None]]:
    changed = None
    if bug.previous_status:
        changed = f"{bug.previous_status}, until {moment(bug.status_changed_at, zone)}"
    due = None
    if bug.auto_accept_at:
        due = f"{moment(bug.auto_accept_at, zone)} ({_due(bug.days_to_auto_acceptance)})"
    return [
        ("severity", bug.severity),
        ("status", bug.status),
        ("status before", changed),
        ("rejection reason", bug.rejection_reason),
        ("accepted automatically", due),
        ("known", "yes" if bug.known else "no"),
        ("product", f"{bug.product} ({bug.product_id})"),
        ("test", f"{bug.test} ({bug.test_id})"),
        ("feature", f"{bug.feature} ({bug.feature_id})" if bug.feature else None),
        ("reported", _reported(bug, zone)),
        ("link", bug.link),
    ]


def _more_facts(bug: BugDetail, zone: ZoneInfo) -> list[tuple[str, str | None]]:
    return [
        ("language", bug.language),
        ("location", bug.location),
        ("exported", moment(bug.exported_at, zone)),
    ]


def _reported(bug: BugSummary, zone: ZoneInfo) -> str:
    at = moment(bug.reported_at, zone) or "unknown when"
    return f"{at} by {bug.reporter or 'unknown'}"


def _devices(devices: Sequence[Device]) -> str | None:
    if not devices:
        return None
    rows = [
        (
            device.category,
            device.vendor,
            device.model,
            " ".join(filter(None, (device.operating_system, device.operating_system_version))),
            ", ".join(device.browsers) or None,
        )
        for device in devices
    ]
    return f"Devices\n\n{table(('category', 'vendor', 'device', 'system', 'browsers'), rows)}"


def _comments(bug: BugDetail) -> str | None:
    if not bug.comments:
        return None
    said = [f"{inline(c.author or 'unknown')}: {quoted(c.body)}" for c in bug.comments]
    return "Comments\n\n" + "\n\n".join(said)


def _section(title: str, text: str | None) -> str | None:
    return f"{title}\n\n{quoted(text)}" if text else None


def _numbered(number: int, step: str) -> str:
    """Some testers number their steps themselves."""
    return step if re.match(r"\d+[.)]", step) else f"{number}. {step}"


def _due(days: int | None) -> str | None:
    if days is None:
        return None
    return f"{days} d" if days >= 0 else "overdue"
