"""What a caller sees of what could not be read."""

from datetime import datetime

from testio_mcp.views.base import View


class Boundary(View):
    """A readable neighbour in the list of tests, which is ordered by end, newest first."""

    id: int
    end_at: datetime | None


class MappedTest(View):
    """A test that a person said is the missing one; the error is that of the last try."""

    test_id: int
    error: str | None


class ProblemSummary(View):
    """`positions` counts from 1, the newest; `before` and `after` enclose what is missing."""

    event_id: str
    subject: str
    product_id: int | None
    product: str | None
    item_id: int | None
    positions: str | None
    before: Boundary | None
    after: Boundary | None
    attempts: int
    first_seen_at: datetime
    last_seen_at: datetime
    what: str
    error: str
    mapped: list[MappedTest]
    # Of a problem with tests: those that may be missing. With bugs: the tests they are of.
    candidate_test_ids: list[int]
    to_do: str


class MappingReport(View):
    event_id: str
    product_id: int | None
    test_ids: list[int]


class RetriedTest(View):
    """`error` is null where the test is stored; `closed` is the problem that it ended."""

    test_id: int
    error: str | None
    closed: str | None


class RetryReport(View):
    product_id: int
    product: str
    tests: list[RetriedTest]
    # What came with the tests and could not be read, such as their bugs.
    incomplete: list[str]

    @property
    def is_complete(self) -> bool:
        return not self.incomplete and all(test.error is None for test in self.tests)


class ProblemCount(View):
    """Problems, and the tests that people mapped to them."""

    ranges: int
    test_ids: int
