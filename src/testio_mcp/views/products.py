"""What a caller sees of a product."""

from datetime import datetime

from testio_mcp.views.base import Answer, View
from testio_mcp.views.bugs import BugFigures


class TestCounts(View):
    """Tests of all statuses; null where the list was never read."""

    total: int | None
    running: int | None
    # Ended in the 30 or 90 days up to and including today.
    last_30_days: int | None
    last_90_days: int | None


class ProductSummary(View):
    id: int
    name: str
    type: str | None
    tests: TestCounts
    # Of executed tests; null where they were never read.
    bugs: int | None
    features: int | None
    last_test_end: datetime | None
    synced_at: datetime | None


class Environment(View):
    title: str
    tests: int


class FragileFeature(View):
    """Of executed tests; severity score per test that contains the feature, of at least two."""

    id: int
    title: str
    tests: int
    bugs: int
    fragility: float


class ProductDetail(View):
    id: int
    name: str
    type: str | None
    description: str | None
    sections: list[str]
    tests: TestCounts
    tests_by_status: dict[str, int]
    bugs: BugFigures
    features: int | None
    user_stories: int | None
    # The worst first.
    fragile_features: list[FragileFeature]
    environments: list[Environment]
    last_test_end: datetime | None
    synced_at: datetime | None


class ProductAnswer(Answer):
    product: ProductDetail
