"""Tests as text."""

from typing import Any
from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import changed, closing, footer, heading, paragraphs
from testio_mcp.rendering.bugs import bug_table
from testio_mcp.rendering.figures import NOT_READ, figures, known, numbers
from testio_mcp.rendering.markdown import Cell, bullets, count, date, inline, moment, quoted, table
from testio_mcp.views.base import Page
from testio_mcp.views.tests import (
    ExecutionCounts,
    TestAnalytics,
    TestAnswer,
    TestDetail,
    TestSummary,
)


def test_page(page: Page[TestSummary], zone: ZoneInfo) -> str:
    headers = ["id", "title", "product", "status", "type"]
    headers += [f"start ({zone.key})", f"end ({zone.key})", "bugs", "open", "critical (any status)"]
    headers += ["environment", "changed", "status before"]
    rows = [
        [
            str(test.id),
            test.title,
            f"{test.product} ({test.product_id})",
            test.status,
            test.testing_type,
            date(test.start_at, zone),
            date(test.end_at, zone),
            known(test.bugs.total),
            known(test.bugs.open),
            known(test.bugs.critical),
            test.environment,
            *changed(test, zone),
        ]
        for test in page.items
    ]
    return paragraphs(heading(page, "test"), table(headers, rows), footer(page, zone))


def test_answer(answer: TestAnswer, zone: ZoneInfo) -> str:
    test = answer.test
    features = table(
        ("feature id", "feature", "status", "testers", "bugs", "user stories"),
        [
            (
                str(feature.feature_id),
                feature.title,
                feature.execution_status,
                feature.testers,
                known(feature.bugs),
                feature.user_stories,
            )
            for feature in test.features
        ],
    )
    latest = bug_table(test.latest_bugs, zone, within_test=True)
    return paragraphs(
        f"**Test {test.id}: {inline(test.title)}**",
        bullets(_facts(test, zone)),
        figures(test.bugs, "in this test"),
        bullets([("by operating system", numbers(test.bugs_by_platform))]),
        features and f"Features\n\n{features}",
        _executions(test.analytics),
        latest and f"Latest bugs\n\n{latest}",
        *[f"{title}\n\n{quoted(text)}" for title, text in _texts(test) if text],
        closing(answer, zone),
    )


def _executions(analytics: TestAnalytics | None) -> str:
    """What TestIO counted, so far as it did."""
    if analytics is None:
        return f"How features and user stories fared: {NOT_READ}."
    counts: list[tuple[str, Cell]] = [
        ("testers", analytics.testers),
        ("devices", analytics.devices),
        ("features", _counted(analytics.features)),
        ("user stories", _counted(analytics.user_stories)),
    ]
    return f"Executed, as TestIO counts\n\n{bullets(counts)}"


def _counted(counts: ExecutionCounts) -> str | None:
    if not counts.total:
        return None
    words = [
        f"{word} {count(number)}"
        for word, number in counts.model_dump(exclude={"total"}).items()
        if number is not None
    ]
    return f"{count(counts.total)}: {', '.join(words)}"


def _facts(test: TestDetail, zone: ZoneInfo) -> list[tuple[str, str | None]]:
    changed = None
    if test.previous_status:
        changed = f"{test.previous_status}, until {moment(test.status_changed_at, zone)}"
    status = f"{test.status}. {test.status_meaning}" if test.status_meaning else test.status
    return [
        ("product", f"{test.product} ({test.product_id})"),
        ("status", status),
        ("status before", changed),
        ("review of the set-up", test.review_status),
        ("type", test.testing_type),
        ("start", moment(test.start_at, zone)),
        ("end", moment(test.end_at, zone)),
        ("created by", test.created_by),
        ("submitted by", test.submitted_by),
        ("environment", test.environment),
        ("address", test.environment_url),
        ("bugs asked for", ", ".join(test.allowed_bugs.severities + test.allowed_bugs.types)),
        ("required", "; ".join(map(_requirement, test.requirements)) or None),
    ]


def _texts(test: TestDetail) -> list[tuple[str, str | None]]:
    return [
        ("Goal", test.goal),
        ("Instructions", test.instructions),
        ("Out of scope", test.out_of_scope),
    ]


def _requirement(requirement: dict[str, Any]) -> str:
    """What testers had to use, as one phrase."""
    words: list[str] = []
    for value in requirement.values():
        words += value if isinstance(value, list) else [value]
    return " ".join(filter(None, words))
