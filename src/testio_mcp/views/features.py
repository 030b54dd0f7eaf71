"""What a caller sees of a feature."""

from datetime import datetime

from testio_mcp.views.base import Answer, View
from testio_mcp.views.bugs import BugFigures


class FeatureSummary(View):
    """Figures are of executed tests; null where tests or bugs were never read."""

    id: int
    title: str
    user_stories: int
    tests: int | None
    bugs: int | None
    bugs_per_test: float | None
    # Severity score per test; null with fewer than two tests.
    fragility: float | None


class FeatureStory(View):
    id: int
    title: str
    path: str | None


class FeatureTest(View):
    id: int
    title: str
    status: str
    end_at: datetime | None
    # Of this feature in that test; null where they were never read.
    bugs: int | None


class FeatureMonth(View):
    """Of the executed tests that end in the month."""

    month: str
    # Whether the month is not over yet.
    partial: bool
    tests: int | None
    bugs: int | None


class FeatureDetail(View):
    id: int
    title: str
    product_id: int
    product: str
    # False for a feature that only tests remember.
    in_catalogue: bool
    description: str | None
    how_to_find: str | None
    sections: list[str]
    user_stories: list[FeatureStory]
    tests: int | None
    bugs: BugFigures
    bugs_per_test: float | None
    fragility: float | None
    trend: list[FeatureMonth]
    latest_tests: list[FeatureTest]


class FeatureAnswer(Answer):
    feature: FeatureDetail
