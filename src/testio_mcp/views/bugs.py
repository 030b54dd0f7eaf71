"""What a caller sees of a bug."""

from datetime import datetime

from testio_mcp.views.base import Answer, View


class BugSummary(View):
    id: int
    title: str
    severity: str
    status: str
    known: bool
    product_id: int
    product: str
    test_id: int
    test: str
    feature_id: int | None
    feature: str | None
    reporter: str | None
    reported_at: datetime | None
    age_days: int | None
    # For open bugs: when TestIO accepts them by itself; negative days are overdue.
    auto_accept_at: datetime | None
    days_to_auto_acceptance: int | None


class Device(View):
    category: str | None
    vendor: str | None
    model: str | None
    operating_system: str | None
    operating_system_version: str | None
    browsers: list[str]


class Comment(View):
    author: str | None
    body: str


class ReportAnswer(View):
    question: str
    answer: str | None


class ChangedBug(BugSummary):
    """`change` is "new" for what was reported since, else "status"."""

    change: str
    previous_status: str | None
    status_changed_at: datetime | None


class BugPreview(BugSummary):
    link: str
    previous_status: str | None
    status_changed_at: datetime | None
    rejection_reason: str | None
    # The beginning of what happened.
    actual_result: str | None
    devices: list[Device]
    comment_count: int
    attachment_count: int


class BugDetail(BugSummary):
    link: str
    previous_status: str | None
    status_changed_at: datetime | None
    rejection_reason: str | None
    language: str | None
    location: str | None
    steps: list[str]
    expected_result: str | None
    actual_result: str | None
    devices: list[Device]
    comments: list[Comment]
    attachments: list[str]
    report_answers: list[ReportAnswer]
    exported_at: datetime | None


class BugAnswer(Answer):
    bug: BugDetail


class BugCounts(View):
    """Null where the bugs were never read."""

    total: int | None
    open: int | None
    critical: int | None


class BugFigures(View):
    """Counts and rates of the bugs in a scope."""

    total: int | None
    by_status: dict[str, int]
    by_severity: dict[str, int]
    known: int | None
    acceptance_rate: float | None
    active_acceptance_rate: float | None
    auto_acceptance_rate: float | None
    rejection_rate: float | None
    review_rate: float | None
