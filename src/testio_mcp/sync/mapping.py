"""Payloads to rows: the only module that knows both vocabularies. All text comes out clean."""

from collections.abc import Mapping, Sequence
from typing import Any

from testio_mcp.api.payloads import (
    AttachmentPayload,
    BugPayload,
    DevicePayload,
    FeaturePayload,
    ProductPayload,
    RejectReasonPayload,
    ReportPayload,
    TestFeaturePayload,
    TestPayload,
    UserStoryPayload,
)
from testio_mcp.domain.bugs import BugStatus
from testio_mcp.domain.tests import TestingType
from testio_mcp.domain.text import clean

# A row as a batched statement wants it: a value for every column that is written.
Row = dict[str, Any]

UNTITLED = "(untitled)"


def product_row(payload: ProductPayload) -> Row:
    return {
        "id": payload.id,
        "name": clean(payload.name),
        "type": payload.type,
        "description": _clean(payload.description),
        "sections": [{"id": id, "name": name} for id, name in sections_of(payload).items()],
        "deleted_at": None,
    }


def sections_of(payload: ProductPayload) -> dict[int, str | None]:
    """Names of a product's sections by id; a lone default section is none.

    Where there are sections, the default one can hold features that no other has.
    """
    if not payload.sections and not payload.sections_with_default[1:]:
        return {}
    every = (*payload.sections_with_default, *payload.sections)
    return {section.id: _clean(section.name) for section in every}


def feature_row(payload: FeaturePayload, product_id: int, section_ids: Sequence[int]) -> Row:
    return {
        "id": payload.id,
        "product_id": product_id,
        "title": clean(payload.title or UNTITLED),
        "description": _clean(payload.description),
        "howtofind": _clean(payload.howtofind),
        "section_ids": sorted({*payload.section_ids, *section_ids}),
        "deleted_at": None,
    }


def lost_feature_row(payload: TestFeaturePayload, product_id: int) -> Row:
    """A feature that left the catalogue, named as one of its tests remembers it."""
    return {
        "id": payload.feature_id,
        "product_id": product_id,
        "title": clean(payload.title or UNTITLED),
        "description": None,
        "howtofind": None,
        "section_ids": [],
    }


def user_story_row(
    payload: UserStoryPayload, product_id: int, feature_id: int | None, section_id: int | None
) -> Row:
    return {
        "id": payload.id,
        "product_id": product_id,
        "feature_id": feature_id,
        "section_id": section_id,
        "path": _clean(payload.path),
        "title": clean(payload.title or payload.path or UNTITLED),
        "deleted_at": None,
    }


def reason_row(payload: RejectReasonPayload) -> Row:
    return {
        "key": payload.key,
        "name": clean(payload.name or payload.key),
        "default_comment": _clean(payload.default_comment),
    }


def test_row(payload: TestPayload, product_id: int) -> Row:
    return {
        "id": payload.id,
        "product_id": product_id,
        "section_id": payload.section.id if payload.section else None,
        "title": clean(payload.title),
        "status": payload.status,
        "previous_status": None,
        "review_status": _clean(payload.review_status),
        # Customers know external tests as custom ones.
        "testing_type": (
            TestingType.CUSTOM if payload.testing_type == "external" else payload.testing_type
        ),
        "start_at": payload.start_at,
        "end_at": payload.end_at,
        "environment_title": _clean(
            payload.test_environment.title if payload.test_environment else None
        ),
        "demo": payload.demo,
        "deleted_at": None,
    }


def test_details_row(payload: TestPayload) -> Row:
    grades = ("low", "high", "critical")
    return {
        "test_id": payload.id,
        "goal": _clean(payload.goal),
        "instructions": _clean(payload.instructions),
        "out_of_scope": _clean(payload.out_of_scope),
        "environment_url": _clean(
            payload.test_environment.url if payload.test_environment else None
        ),
        "allowed_bugs": {
            "severities": [g for g in grades if getattr(payload, f"enable_{g}") is not False],
            "types": [clean(kind) for kind in payload.allowed_bug_types],
        },
        "requirements": [
            {
                "category": _clean(requirement.category),
                "vendor": _clean(requirement.vendor),
                "devices": [clean(device) for device in requirement.devices],
                "operating_system": _clean(requirement.operating_system),
                "operating_system_version": _clean(requirement.operating_system_version),
                "browsers": [clean(browser) for browser in requirement.browsers],
            }
            for requirement in payload.requirements
        ],
        "attachments": _attachments(payload.attachments),
    }


def test_feature_row(payload: TestFeaturePayload, test_id: int) -> Row:
    return {
        "id": payload.id,
        "test_id": test_id,
        "feature_id": payload.feature_id,
        "title": clean(payload.title or UNTITLED),
        "description": _clean(payload.description),
        "howtofind": _clean(payload.howtofind),
        "user_stories": [
            {"id": story.id, "title": clean(story.title or story.path or UNTITLED)}
            for story in payload.user_stories
        ],
        "enable_default": payload.enable_default,
        "enable_content": payload.enable_content,
        "enable_visual": payload.enable_visual,
    }


def execution_row(payload: TestFeaturePayload) -> Row:
    """What only the answer about a single test tells of a feature."""
    return {
        "execution_status": _clean(payload.execution_status),
        "tester_count": payload.tester_count,
    }


def analytics_row(payload: TestPayload) -> Row:
    """What only that answer counts."""
    return {"analytics": payload.analytics.model_dump() if payload.analytics else None}


def story_execution_rows(payload: TestFeaturePayload) -> list[Row]:
    """How its user stories fared, in their order."""
    return [
        {
            "test_feature_id": payload.id,
            "position": position,
            "user_story_id": story.id,
            "title": clean(story.title or story.path or UNTITLED),
            "execution_status": _clean(story.execution_status),
            "tested_by_count": story.tested_by_count,
            "bugs_found": story.bugs_found,
            "bug_ids": list(story.bug_ids),
        }
        for position, story in enumerate(payload.user_stories)
    ]


def bug_row(payload: BugPayload, product_id: int, reasons: Mapping[str, str]) -> Row:
    status = bug_status(payload)
    return {
        "id": payload.id,
        "product_id": product_id,
        "test_id": payload.test.id,
        "title": clean(payload.title),
        "severity": payload.severity,
        "status": status,
        "previous_status": None,
        "known": payload.known,
        "rejection_reason": (
            rejection_reason(payload, reasons) if status == BugStatus.REJECTED else None
        ),
        "language": _clean(payload.language),
        "reported_at": payload.reported_at,
        "exported_at": payload.exported_at,
        "deleted_at": None,
    }


def bug_status(payload: BugPayload) -> str:
    """Our word; TestIO reports auto-accepted bugs as accepted, and reports need them apart."""
    if payload.status == "accepted" and payload.auto_accepted:
        return BugStatus.AUTO_ACCEPTED
    return BugStatus.OPEN if payload.status == "forwarded" else payload.status


def rejection_reason(payload: BugPayload, reasons: Mapping[str, str]) -> str | None:
    """The reason whose default comment stands in one of the comments (testio-api: Bug)."""
    for comment in payload.comments:
        said = folded(comment.body)
        for default, key in reasons.items():
            if default in said:
                return key
    return None


def folded(text: str | None) -> str:
    """A text as it is compared: without what is invisible, white space and case alike."""
    return " ".join(clean(text or "").casefold().split())


def bug_details_row(payload: BugPayload) -> Row:
    return {
        "bug_id": payload.id,
        "location": _clean(payload.location),
        "steps": _steps(payload.steps) or None,
        "expected_result": _clean(payload.expected_result),
        "actual_result": _clean(payload.actual_result),
        "comments": [
            {
                "id": comment.id,
                "author": _clean(comment.author.name if comment.author else None),
                "body": clean(comment.body or ""),
            }
            for comment in payload.comments
        ],
        "attachments": _attachments(payload.attachments),
        "report_answers": _answers(payload.report),
    }


def _steps(steps: Sequence[str]) -> str:
    """One a line; a text on its own holds all of them, a line each."""
    alone = len(steps) == 1
    lines = clean(steps[0]).split("\n") if alone else [clean(s).replace("\n", " ") for s in steps]
    return "\n".join(line for line in lines if line.strip())


def bug_device_rows(payload: BugPayload) -> list[Row]:
    """A row for each browser of each device."""
    rows = [
        {**_device(device), "device": number, "browser": _clean(browser)}
        for number, device in enumerate(payload.devices)
        for browser in (*device.browsers,) or (None,)
    ]
    return [
        {**row, "bug_id": payload.id, "position": position} for position, row in enumerate(rows)
    ]


def _device(payload: DevicePayload) -> Row:
    return {
        "category": _clean(payload.category),
        "vendor": _clean(payload.vendor),
        "model": _clean(", ".join(payload.devices) or None),
        "operating_system": _clean(payload.operating_system),
        "operating_system_version": _clean(payload.operating_system_version),
    }


def _answers(report: ReportPayload | None) -> list[Row]:
    if report is None or report.content is None:
        return []
    return [
        {"question": _clean(answer.key), "answer": _clean(_text(answer.value))}
        for answer in report.content.data
    ]


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    return None if value is None else str(value)


def _attachments(payloads: Sequence[AttachmentPayload]) -> list[Row]:
    return [{"id": payload.id, "url": _clean(payload.url)} for payload in payloads]


def _clean(text: str | None) -> str | None:
    return clean(text) if text else None
