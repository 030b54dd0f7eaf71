"""What a caller sees of a person."""

from datetime import datetime

from testio_mcp.views.base import Answer, View
from testio_mcp.views.bugs import BugFigures


class UserSummary(View):
    id: int
    name: str
    type: str


class TesterSummary(UserSummary):
    """Figures are of executed tests."""

    bugs: int
    # By a person; what TestIO accepted by itself is beside it.
    accepted: int
    auto_accepted: int
    rejected: int
    acceptance_rate: float | None
    critical: int
    # With at least one bug of theirs.
    tests: int
    last_activity: datetime | None


class CustomerSummary(UserSummary):
    """Figures are of tests of all statuses."""

    tests_created: int
    tests_submitted: int
    last_activity: datetime | None


class TesterProduct(View):
    id: int
    name: str
    bugs: int
    tests: int


class CustomerProduct(View):
    id: int
    name: str
    tests_created: int
    tests_submitted: int


class UserDetail(UserSummary):
    # From reports of bugs and dates of tests, never from a sync.
    first_activity: datetime | None
    last_activity: datetime | None


class TesterDetail(UserDetail):
    tests: int
    bugs: BugFigures
    products: list[TesterProduct]


class CustomerDetail(UserDetail):
    tests_created: int
    tests_submitted: int
    products: list[CustomerProduct]


class UserAnswer(Answer):
    user: TesterDetail | CustomerDetail
