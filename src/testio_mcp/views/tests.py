"""What a caller sees of a test."""

from datetime import datetime
from typing import Any

from testio_mcp.views.base import Answer, View
from testio_mcp.views.bugs import BugCounts, BugFigures, BugSummary


class TestSummary(View):
    id: int
    title: str
    product_id: int
    product: str
    status: str
    testing_type: str | None
    start_at: datetime | None
    end_at: datetime | None
    environment: str | None
    bugs: BugCounts


class ChangedTest(TestSummary):
    """`change` is "new" for what was first seen since, else "status"."""

    change: str
    previous_status: str | None
    status_changed_at: datetime | None


class TestedFeature(View):
    # The catalogue's id; figures and filters use it.
    feature_id: int
    test_feature_id: int
    title: str
    # How it fared, as TestIO counts; null where that was never read.
    execution_status: str | None
    testers: int | None
    bugs: int | None
    user_stories: int


class ExecutionCounts(View):
    total: int | None
    tested: int | None
    passed: int | None
    failed: int | None
    # TestIO counts blocked user stories only.
    blocked: int | None


class TestAnalytics(View):
    """TestIO's own counts of what was executed."""

    testers: int | None
    devices: int | None
    features: ExecutionCounts
    user_stories: ExecutionCounts


class AllowedBugs(View):
    severities: list[str]
    types: list[str]


class TestDetail(View):
    id: int
    title: str
    product_id: int
    product: str
    status: str
    status_meaning: str | None
    previous_status: str | None
    status_changed_at: datetime | None
    review_status: str | None
    testing_type: str | None
    start_at: datetime | None
    end_at: datetime | None
    created_by: str | None
    submitted_by: str | None
    environment: str | None
    environment_url: str | None
    goal: str | None
    instructions: str | None
    out_of_scope: str | None
    allowed_bugs: AllowedBugs
    features: list[TestedFeature]
    # Null where it was never read.
    analytics: TestAnalytics | None
    requirements: list[dict[str, Any]]
    bugs: BugFigures
    bugs_by_platform: dict[str, int]
    latest_bugs: list[BugSummary]


class TestAnswer(Answer):
    test: TestDetail
