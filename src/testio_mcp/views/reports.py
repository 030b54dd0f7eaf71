"""What a caller sees of a quality report."""

from datetime import datetime
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from testio_mcp.domain.health import Health
from testio_mcp.domain.reports import Direction, ReportFormat
from testio_mcp.views.base import Answer, ResolvedPeriod, View


class NamedThing(View):
    id: int
    name: str


class ReportScope(View):
    """Empty means any; `product_count` is of all that the report is about."""

    products: list[NamedThing]
    product_count: int
    test_ids: list[int]
    excluded_test_ids: list[int]
    features: list[NamedThing]
    testing_types: list[str]
    # As asked; "all" without bounds.
    period: str


class ReportTests(View):
    """Tests of all statuses, and how many of them have run; null where none was ever listed."""

    total: int | None
    executed: int | None
    by_status: dict[str, int]
    by_testing_type: dict[str, int]


class ReportBugs(View):
    """Bugs of executed tests; null where they were never read."""

    total: int | None
    open: int | None
    known: int | None
    per_test: float | None
    severity_score: int | None
    by_severity: dict[str, int]
    by_status: dict[str, int]


class ReportRate(View):
    """`warning` and `critical` say from where on; the acceptance rate has no thresholds."""

    metric: str
    value: float | None
    health: Health | None
    warning: float | None
    critical: float | None


class ReportChange(View):
    """A figure of executed tests beside that of the previous period."""

    metric: str
    value: float | None
    previous: float | None
    change: float | None
    direction: Direction


class ReportMonth(View):
    """Executed tests by the month of their end; `partial` where the period or now cuts it off."""

    month: str
    partial: bool
    tests: int | None
    bugs: int | None
    bugs_per_test: float | None
    acceptance_rate: float | None
    active_acceptance_rate: float | None
    auto_acceptance_rate: float | None
    rejection_rate: float | None
    review_rate: float | None


class ReportFeature(View):
    id: int
    title: str
    product_id: int
    tests: int
    bugs: int
    bugs_per_test: float | None
    severity_score: int
    fragility: float | None


class ReportFeatures(View):
    """`total` is of features with bugs, `fragile_total` of those among them in several tests;
    `bugs_without_feature` name none."""

    total: int | None
    fragile_total: int | None
    bugs_without_feature: int | None
    most_bugs: list[ReportFeature]
    most_fragile: list[ReportFeature]


class ReportReason(View):
    key: str
    name: str
    bugs: int


class ReportPlatform(View):
    """A bug counts once under each operating system of its devices."""

    operating_system: str
    bugs: int
    rejection_rate: float | None


class ReportProduct(View):
    """`tests` of all statuses, the rest of executed ones; `health` is that of the worst rate."""

    id: int
    name: str
    tests: int | None
    executed: int | None
    bugs: int | None
    open_bugs: int | None
    bugs_per_test: float | None
    severity_score: int | None
    acceptance_rate: float | None
    active_acceptance_rate: float | None
    auto_acceptance_rate: float | None
    rejection_rate: float | None
    review_rate: float | None
    health: Health


class ReportBug(View):
    """An open critical bug; negative days to its auto-acceptance are overdue."""

    id: int
    title: str
    link: str
    known: bool
    product_id: int
    product: str
    test_id: int
    test: str
    feature: str | None
    reported_at: datetime | None
    age_days: int | None
    days_to_auto_acceptance: int | None


class CriticalBugs(View):
    """Of executed tests, the one that is accepted by itself first comes first."""

    total: int | None
    items: list[ReportBug]


class ReportFile(View):
    """`path` as people write it, relative to their home."""

    path: str
    format: ReportFormat
    bytes: int


class QualityReport(View):
    """Sections that were not asked for are left out."""

    title: str
    customer: str | None
    generated_at: datetime
    scope: ReportScope
    period: ResolvedPeriod
    previous_period: ResolvedPeriod | None = None
    tests: ReportTests | None = None
    bugs: ReportBugs | None = None
    rates: list[ReportRate] | None = None
    comparison: list[ReportChange] | None = None
    critical_bugs: CriticalBugs | None = None
    products: list[ReportProduct] | None = None
    trend: list[ReportMonth] | None = None
    features: ReportFeatures | None = None
    rejection_reasons: list[ReportReason] | None = None
    platforms: list[ReportPlatform] | None = None
    file: ReportFile | None = None

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}


class ReportAnswer(Answer):
    report: QualityReport
    # How the text is written.
    format: ReportFormat = Field(default=ReportFormat.MARKDOWN, exclude=True)
