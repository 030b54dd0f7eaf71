"""Bad rows in a product's list of tests: where they are, and which problems they are.

A problem is known by its readable neighbours: positions shift with every new test.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col

from testio_mcp.database.engine import WriteSession
from testio_mcp.domain.problems import Subject
from testio_mcp.sync.mapping import Row
from testio_mcp.sync.pages import Hole, Rows, Seen
from testio_mcp.sync.problems import end, open_problems, problem_row
from testio_mcp.sync.statements import upsert
from testio_mcp.tables import Problem


@dataclass(frozen=True)
class Stretch:
    """Rows that cannot be read, `first` the position of the first, counted from 1."""

    subject: Subject
    first: int
    size: int
    before: Seen | None
    after: Seen | None
    error: str

    @property
    def positions(self) -> str:
        return f"{self.first}-{self.first + self.size - 1}"

    @property
    def where(self) -> str:
        if self.size == 1:
            return f"The test at position {self.first}"
        return f"The tests at positions {self.first} to {self.first + self.size - 1}"

    def may_hold(self, end_at: datetime | None) -> bool:
        """Whether a test that ends then would be listed here: newest first."""
        if self.subject is not Subject.TEST or end_at is None:
            return False
        newest = self.before.end_at if self.before else None
        oldest = self.after.end_at if self.after else None
        return (newest is None or end_at <= newest) and (oldest is None or end_at >= oldest)


def stretches(rows: Rows) -> list[Stretch]:
    found: list[Stretch] = []
    position = 1
    for index, row in enumerate(rows):
        size = row.size if isinstance(row, Hole) else 1
        if isinstance(row, Hole):
            subject = Subject.TEST if row.is_bad_row else Subject.TESTS
            before, after = _nearest(rows[:index][::-1]), _nearest(rows[index:])
            found.append(Stretch(subject, position, size, before, after, row.error.message))
        position += size
    return found


def unexplained(found: Iterable[Stretch], elsewhere: Collection[Seen]) -> list[Stretch]:
    """Without the rows that must be tests which were read one by one."""
    left = list(elsewhere)
    rest: list[Stretch] = []
    for stretch in found:
        test = next((test for test in left if stretch.may_hold(test.end_at)), None)
        if test is None:
            rest.append(stretch)
        else:
            left.remove(test)
    return rest


async def remember_stretches(
    session: WriteSession,
    customer_id: int,
    product_id: int,
    rows: Rows,
    found: Sequence[Stretch],
    *,
    is_complete: bool,
    since: datetime | None,
) -> list[str]:
    """Open, count and end problems as the list says; the ids of those about single tests.

    `since` is where the list was left, None where it was read to its end.
    """
    ours = col(Problem.product_id) == product_id
    listed = col(Problem.positions).is_not(None)
    known = await open_problems(session, customer_id, ours, listed)
    last = len(rows) + 1 if is_complete else None
    matches, over = _matched(known, found, _places(rows), last, since)
    await end(session, over)
    events = [
        {
            **problem_row(matches.get(stretch.first), customer_id, stretch.error),
            "kind": stretch.subject,
            "product_id": product_id,
            "item_id": None,
            "positions": stretch.positions,
            "boundaries": {"before": _boundary(stretch.before), "after": _boundary(stretch.after)},
        }
        for stretch in found
    ]
    await upsert(session, Problem, events)
    return [event["event_id"] for event in events if event["kind"] == Subject.TEST]


def _matched(
    known: Sequence[Problem],
    found: Sequence[Stretch],
    places: dict[int, int],
    end: int | None,
    since: datetime | None,
) -> tuple[dict[int, Problem], list[str]]:
    """The problem of each stretch by its first position, and the problems that are over.

    `end` is the position after the last row, None when some of the list was not read: then only
    a problem whose both neighbours were seen can be over. With `since`, so it is with older rows.
    """
    matches: dict[int, Problem] = {}
    over: list[str] = []
    for problem in sorted(known, key=_first_position):
        low = _place(places, problem.boundaries.get("before"), beyond=0)
        high = _place(places, problem.boundaries.get("after"), beyond=None if since else end)
        was_read = end is not None and (since is None or _is_within(problem, since))
        if was_read and (low is None or high is None or low >= high):
            low, high = 0, end
        if low is None or high is None:
            continue
        inside = [s for s in found if low < s.first < high and s.first not in matches]
        same = next((s for s in inside if s.subject == problem.kind), None)
        if same:
            matches[same.first] = problem
        elif not any(s.subject is Subject.TESTS for s in inside):
            over.append(problem.event_id)
    return matches, over


def _is_within(problem: Problem, since: datetime) -> bool:
    after = problem.boundaries.get("after")
    return bool(after and after["end_at"] and datetime.fromisoformat(after["end_at"]) >= since)


def is_from_before(problem: Problem, since: datetime) -> bool:
    """Whether the rows that it is about ended before."""
    before = problem.boundaries.get("before")
    return bool(before and before["end_at"] and datetime.fromisoformat(before["end_at"]) < since)


def _first_position(problem: Problem) -> int:
    return int((problem.positions or "0").partition("-")[0])


def _place(places: dict[int, int], boundary: Any, *, beyond: int | None) -> int | None:
    """Where a neighbour is now; without one, the problem was at an end of the list."""
    return places.get(boundary["id"]) if boundary else beyond


def _places(rows: Rows) -> dict[int, int]:
    places: dict[int, int] = {}
    position = 1
    for row in rows:
        if isinstance(row, Seen) and row.id is not None:
            places[row.id] = position
        position += row.size if isinstance(row, Hole) else 1
    return places


def _nearest(rows: Rows) -> Seen | None:
    return next((row for row in rows if isinstance(row, Seen) and row.id is not None), None)


def _boundary(row: Seen | None) -> Row | None:
    if row is None:
        return None
    return {"id": row.id, "end_at": row.end_at.astimezone(UTC).isoformat() if row.end_at else None}
