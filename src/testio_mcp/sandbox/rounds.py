"""A round of changes such as happen upstream between two looks at the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testio_mcp.sandbox.chance import Purpose, chance
from testio_mcp.sandbox.reviews import REJECT_REASONS

if TYPE_CHECKING:
    from testio_mcp.sandbox.world import World

# Where a round looks for something to change: the newest tests of the first products.
_PRODUCTS = 6
_TESTS = 15


@dataclass
class Round:
    """What a round changed, by ids."""

    tests_added: list[int] = field(default_factory=list)
    bugs_added: list[int] = field(default_factory=list)
    bugs_moved: dict[int, str] = field(default_factory=dict)
    tests_moved: dict[int, str] = field(default_factory=dict)
    bugs_deleted: list[int] = field(default_factory=list)


def play_round(world: World, number: int) -> Round:
    result = Round()
    _work_goes_on(world, number, result)
    _bugs_are_reviewed(world, number, result)
    _tests_move_on(world, result)
    return result


def _work_goes_on(world: World, number: int, result: Round) -> None:
    rng = chance(world.seed, Purpose.ROUND, number)
    running = _found(world, "running")
    for test_id in rng.sample(running, min(2, len(running))):
        result.bugs_added += [world.add_bug(test_id) for _ in range(2)]
    product_id = world.product_ids()[(number - 1) % 3]
    first, *_ = world.features(product_id)
    test_id = world.add_test(product_id, title=f"Hotfix check {number}: {first.title}")
    result.tests_added.append(test_id)
    result.bugs_added += [world.add_bug(test_id, severity=s) for s in ("critical", "high", "low")]


def _bugs_are_reviewed(world: World, number: int, result: Round) -> None:
    rng = chance(world.seed, Purpose.ROUND, number, 1)
    under_review = _found(world, "running") + _found(world, "locked")
    # What was reported in this round is too new to be reviewed.
    waiting = [
        bug_id
        for bug_id in _bugs(world, under_review, "forwarded")
        if bug_id not in result.bugs_added
    ]
    settled = _bugs(world, under_review, "rejected")
    for turn, bug_id in enumerate(rng.sample(waiting, min(4, len(waiting)))):
        rejected = turn == 1
        reason = str(rng.choice(REJECT_REASONS)["default_comment"]) if rejected else None
        result.bugs_moved[bug_id] = "rejected" if rejected else "accepted"
        world.move_bug(bug_id, result.bugs_moved[bug_id], comment=reason)
    for bug_id in settled[:1]:
        world.delete_bug(bug_id)
        result.bugs_deleted.append(bug_id)


def _tests_move_on(world: World, result: Round) -> None:
    for status, following in (
        ("locked", "archived"),
        ("running", "locked"),
        ("waiting", "running"),
    ):
        # Whichever ends first.
        for test_id in sorted(_found(world, status), key=world.end_of)[:1]:
            world.move_test(test_id, following)
            result.tests_moved[test_id] = following
            if following == "archived":
                _review_is_over(world, test_id, result)


def _review_is_over(world: World, test_id: int, result: Round) -> None:
    for bug_id in _bugs(world, [test_id], "forwarded"):
        world.move_bug(bug_id, "accepted", auto_accepted=True)
        result.bugs_moved[bug_id] = "accepted"


def _bugs(world: World, test_ids: list[int], status: str) -> list[int]:
    return [
        bug_id
        for test_id in test_ids
        for bug_id, bug in world.bugs_by_id(test_id).items()
        if bug.get("status") == status
    ]


def _found(world: World, status: str) -> list[int]:
    return [
        test_id
        for product_id in world.product_ids()[:_PRODUCTS]
        for test_id in world.test_ids(product_id)[:_TESTS]
        if world.status(test_id) == status
    ]
