"""The JSON that TestIO sends, as it sends it. Nothing else uses these names.

Lenient: unknown fields are ignored, unknown words pass as they are, null means missing, and where
two forms of a field have been seen, either is read. What an item cannot do without is required.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from testio_mcp.api.forms import (
    Count,
    Flag,
    Id,
    Instant,
    Listed,
    Name,
    Payload,
    Texts,
    Word,
    wrapped,
)

SECRETS = frozenset({"username", "password", "access"})
_USER_IN_URL = re.compile(r"(?<=://)[^/?#\s]*@")


def without_secrets(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a raw test in which its environment holds no credentials of the customer."""
    if "test_environment" not in raw:
        return dict(raw)
    return {**raw, "test_environment": _stripped(raw["test_environment"])}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(item) for key, item in value.items() if key not in SECRETS}
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    return _without_user(value)


def _without_user(value: Any) -> Any:
    return _USER_IN_URL.sub("", value) if isinstance(value, str) else value


class SectionPayload(Payload):
    id: Id
    name: str | None = None


class ProductPayload(Payload):
    indispensable = frozenset({"sections", "sections_with_default"})
    unread = frozenset({"connection"})

    id: Id
    name: Word
    description: str | None = None
    type: str | None = None
    default_section_id: Id | None = None
    sections: Listed["Section"]
    sections_with_default: Listed["Section"]


class ProductReference(Payload):
    id: Id
    name: str | None = None


Section = Annotated[SectionPayload, wrapped("id")]


class FeatureStoryPayload(Payload):
    """A story inside a feature: without `includes[]=user_stories` it is nothing but text."""

    id: Id | None = None
    path: str | None = None
    title: str | None = None


class UserStoryPayload(FeatureStoryPayload):
    id: Id


class TestUserStoryPayload(FeatureStoryPayload):
    """The story as it was in a test; figures come with the single-test call only."""

    __test__ = False

    feature_id: Id | None = None
    user_story_version_id: Id | None = None
    execution_status: str | None = None
    tested_by_count: Count | None = None
    bugs_found: Count | None = None
    bug_ids: Listed[Id]


class FeaturePayload(Payload):
    indispensable = frozenset({"user_stories"})

    id: Id
    title: str | None = None
    description: str | None = None
    howtofind: str | None = None
    section_ids: Listed[Id]
    user_stories: Listed[Annotated[FeatureStoryPayload, wrapped("title")]]


class TestFeaturePayload(Payload):
    """A feature as it was at the time of a test; `feature_id` is the catalogue's id."""

    __test__ = False

    id: Id
    feature_id: Id | None = None
    title: str | None = None
    description: str | None = None
    howtofind: str | None = None
    enable_default: bool | None = None
    enable_content: bool | None = None
    enable_visual: bool | None = None
    user_stories: Listed[Annotated[TestUserStoryPayload, wrapped("title")]]
    execution_status: str | None = None
    tester_count: Count | None = None
    bugs_found: Count | None = None
    bug_ids: Listed[Id]


class DevicePayload(Payload):
    category: str | None = None
    vendor: str | None = None
    devices: Texts
    operating_system: str | None = None
    operating_system_version: str | None = None
    browsers: Texts


class RequirementPayload(DevicePayload):
    """What testers had to use: the shape of a device."""


class EnvironmentPayload(Payload):
    """Where testers worked. The customer's credentials have no field here, on purpose."""

    id: Id | None = None
    title: str | None = None
    url: Annotated[str | None, BeforeValidator(_without_user)] = None


class AttachmentPayload(Payload):
    id: Id | None = None
    url: str | None = None


class AnalyticsPayload(Payload):
    """Figures of one test, as TestIO counts them."""

    testers_count: Count | None = None
    devices_count: Count | None = None
    total_features: Count | None = None
    tested_features: Count | None = None
    passed_features: Count | None = None
    failed_features: Count | None = None
    total_user_stories: Count | None = None
    tested_user_stories: Count | None = None
    passed_user_stories: Count | None = None
    failed_user_stories: Count | None = None
    blocked_user_stories: Count | None = None
    total_bugs: Count | None = None


Attachments = Listed[AttachmentPayload]


class TestPayload(Payload):
    __test__ = False

    indispensable = frozenset({"product", "features"})
    unread = frozenset(
        {"test_title", "goal_text", "instructions_text", "out_of_scope_text", "reviews"}
    )

    id: Id
    title: Word
    status: Word
    review_status: str | None = None
    testing_type: str | None = None
    start_at: Instant = None
    end_at: Instant = None
    goal: str | None = None
    instructions: str | None = None
    out_of_scope: str | None = None
    created_by: Name = None
    submitted_by: Name = None
    enable_low: bool | None = None
    enable_high: bool | None = None
    enable_critical: bool | None = None
    allowed_bug_types: Texts
    product: ProductReference | None = None
    section: Section | None = None
    features: Listed[TestFeaturePayload]
    requirements: Listed[RequirementPayload]
    test_environment: EnvironmentPayload | None = None
    attachments: Attachments
    demo: Flag = False
    analytics: AnalyticsPayload | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_of_two(cls, raw: Any) -> Any:
        if type(raw) is not dict:
            return raw
        return {**raw, **{name: _either(raw, *twins) for name, twins in _TWINS.items()}}


# Fields that are sent under two names, the better one first: `…_text` holds no HTML.
_TWINS = {
    "title": ("title", "test_title"),
    "goal": ("goal_text", "goal"),
    "instructions": ("instructions_text", "instructions"),
    "out_of_scope": ("out_of_scope_text", "out_of_scope"),
}


def _either(raw: Mapping[str, Any], better: str, other: str) -> Any:
    value = raw.get(better)
    return raw.get(other, value) if value is None or value == "" else value


class PersonPayload(Payload):
    """Someone without an id of TestIO."""

    name: str | None = None


Person = Annotated[PersonPayload, wrapped("name")]


class CommentPayload(Payload):
    id: Id | None = None
    body: str | None = None
    author: Person | None = None


class TestReference(Payload):
    __test__ = False

    id: Id
    title: str | None = None


class FeatureReference(Payload):
    id: Id | None = None
    title: str | None = None


class TestFeatureReference(Payload):
    __test__ = False

    id: Id
    feature_id: Id | None = None


class ReportAnswerPayload(Payload):
    key: str | None = None
    value: Any = None


class ReportContentPayload(Payload):
    data: Listed[ReportAnswerPayload]


class ReportPayload(Payload):
    """The answers of a custom report."""

    custom_report_configuration_id: Id | None = None
    content: ReportContentPayload | None = None


class BugPayload(Payload):
    indispensable = frozenset({"product", "test_feature"})
    unread = frozenset({"reproductions"})

    id: Id
    title: Word
    severity: Word
    status: Word
    test: TestReference
    auto_accepted: Flag = False
    known: Flag = False
    language: str | None = None
    location: str | None = None
    expected_result: str | None = None
    actual_result: str | None = None
    steps: Texts
    author: Person | None = None
    product: ProductReference | None = None
    feature: FeatureReference | None = None
    test_feature: TestFeatureReference | None = None
    comments: Listed[CommentPayload]
    devices: Listed[DevicePayload]
    attachments: Attachments
    reported_at: Instant = None
    exported_at: Instant = None
    report: ReportPayload | None = None


class RejectReasonPayload(Payload):
    key: Word
    name: str | None = None
    default_comment: str | None = None


class UserStoryExecutionPayload(Payload):
    """The run of a story in a test; some deployments sum up the testers, others list each."""

    id: Id
    user_story_id: Id | None = None
    user_story_version_id: Id | None = None
    feature_id: Id | None = None
    test: TestReference | None = None
    status: str | None = None
    execution_status: str | None = None
    executed_by: Name = None
    comment: str | None = None
    tested_by_count: Count | None = None
    bugs_found: Count | None = None
    bug_ids: Listed[Id]
    created_at: Instant = None
