"""Questions about what could not be read, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.remedies import OF_TESTS, refuse_unknown_products, to_do, what
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.text import one_line
from testio_mcp.errors import InvalidRequest
from testio_mcp.services.pages import page_of
from testio_mcp.views.base import Page
from testio_mcp.views.problems import (
    Boundary,
    MappedTest,
    MappingReport,
    ProblemCount,
    ProblemSummary,
    RetryReport,
)

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.problems import ProblemRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.sync.retry import Repairs
    from testio_mcp.tables import Problem, ProblemTest

# On one page: more than anybody reads.
ORDER = "product_id"
ALL = Paging(1, 10_000, ORDER)
# So much of an id tells it from others.
SHORT = 8
NAMED = 5


class ProblemService:
    def __init__(
        self,
        problems: ProblemRepository,
        products: ProductRepository,
        repairs: Repairs,
        freshness: FreshnessReader,
    ) -> None:
        self._problems = problems
        self._products = products
        self._repairs = repairs
        self._freshness = freshness

    async def list(
        self, product_ids: tuple[int, ...], paging: Paging = ALL
    ) -> Page[ProblemSummary]:
        """By product and by place in its list of tests."""
        names = await self._products.names()
        # Of an empty cache it is told why it is empty.
        if names:
            refuse_unknown_products(product_ids, names)
        basis = Basis(product_ids, bugs=True, features=True)
        freshness = await self._freshness.of(basis, datetime.now(UTC))
        found = await self._problems.find(product_ids, paging)
        tests: dict[str, list[ProblemTest]] = {row.Problem.event_id: [] for row in found.items}
        for test in await self._problems.tests(tests):
            tests[test.event_id].append(test)
        items = [_summary(row, tests[row.Problem.event_id]) for row in found.items]
        return page_of(items, found.total, paging, freshness)

    async def count(self, product_ids: tuple[int, ...]) -> ProblemCount:
        refuse_unknown_products(product_ids, await self._products.names())
        return ProblemCount(
            ranges=len(await self._problems.ids(product_ids)),
            test_ids=await self._problems.mapped_count(product_ids),
        )

    async def map_tests(self, event: str, test_ids: Sequence[int]) -> MappingReport:
        """Note which tests a problem is about; `event` may be the beginning of its id."""
        problem = await self._named(event)
        ids = sorted(set(test_ids))
        await self._repairs.map_tests(problem.event_id, ids)
        return MappingReport(event_id=problem.event_id, product_id=problem.product_id, test_ids=ids)

    async def retry(self, product_id: int, on_progress: Callable[[int, int], None]) -> RetryReport:
        """Ask TestIO for the mapped tests of a product; raises SyncInProgress during a sync."""
        # Nothing is read here first: TestIO is asked, and a read would pin the log meanwhile.
        return await self._repairs.retry(product_id, on_progress)

    async def clear(self, product_ids: tuple[int, ...]) -> ProblemCount:
        """Forget the problems of these products, or all that may be seen."""
        refuse_unknown_products(product_ids, await self._products.names())
        event_ids = await self._problems.ids(product_ids)
        ranges, test_ids = await self._repairs.clear(event_ids)
        return ProblemCount(ranges=ranges, test_ids=test_ids)

    async def _named(self, event: str) -> Problem:
        found = await self._problems.find((), ALL)
        problems: list[Problem] = [row.Problem for row in found.items]
        asked = event.strip().lower()
        fits = [problem for problem in problems if problem.event_id == asked]
        if not fits and len(asked) >= SHORT:
            fits = [problem for problem in problems if problem.event_id.startswith(asked)]
        if len(fits) == 1 and fits[0].kind in OF_TESTS:
            return fits[0]
        reason = f"No open problem has the id {one_line(event, 60)!r}."
        if fits:
            reason = f"The ids of {len(fits)} problems begin with {asked}."
        if len(fits) == 1:
            reason = f"Problem {fits[0].event_id} is not about tests, so that none can be mapped."
        raise InvalidRequest(reason, hint=_open(problems))


def _open(problems: Sequence[Problem]) -> str:
    about_tests = [problem for problem in problems if problem.kind in OF_TESTS]
    if not about_tests:
        return "No problem about tests is open."
    named = "; ".join(
        f"{problem.event_id} ({_what(problem, ())} of product {problem.product_id})"
        for problem in about_tests[:NAMED]
    )
    more = "; …" if len(about_tests) > NAMED else ""
    return f"Open problems about tests: {named}{more}. All: testio-mcp problematic list."


def _what(problem: Problem, test_ids: Sequence[int]) -> str:
    return what(problem.kind, problem.item_id, problem.positions, test_ids)


def _summary(row: Record, tests: Sequence[ProblemTest]) -> ProblemSummary:
    problem: Problem = row.Problem
    mapped = [test for test in tests if test.mapped]
    candidates = [test.test_id for test in tests if not test.mapped]
    return ProblemSummary(
        event_id=problem.event_id,
        subject=problem.kind,
        product_id=problem.product_id,
        product=row.product,
        item_id=problem.item_id,
        positions=problem.positions,
        before=_boundary(problem, "before"),
        after=_boundary(problem, "after"),
        attempts=problem.attempts,
        first_seen_at=problem.first_seen_at,
        last_seen_at=problem.last_seen_at,
        what=_what(problem, candidates),
        error=problem.error,
        mapped=[MappedTest(test_id=test.test_id, error=test.error) for test in mapped],
        candidate_test_ids=candidates,
        to_do=to_do(
            problem.kind,
            problem.event_id,
            problem.product_id,
            problem.positions,
            has_mapped=bool(mapped),
            has_candidates=bool(candidates),
        ),
    )


def _boundary(problem: Problem, side: str) -> Boundary | None:
    found = problem.boundaries.get(side)
    return Boundary(**found) if found else None
