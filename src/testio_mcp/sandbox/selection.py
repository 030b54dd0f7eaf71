"""Which tests and executions a query with filters means."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from testio_mcp.sandbox.catalogue import UserStory
from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.records import Records
from testio_mcp.sandbox.scale import FOREIGN_PRODUCT_IDS, FOREIGN_TEST_IDS

# After so many tests, other requests have their turn.
TESTS_AT_ONCE = 50


class BadFilter(ValueError):
    """A filter that is no list of ids, or no filter where there must be one."""


class ForeignId(LookupError):
    """It exists, but belongs to another customer."""


def tests_of_filters(records: Records, query: Mapping[str, str]) -> list[int]:
    """The tests that all filters of a call for bugs agree on; unknown ids mean nothing."""
    readings = (
        ("filter_test_cycle_ids", _tests),
        ("filter_product_ids", _tests_of_products),
        ("filter_section_ids", _tests_of_sections),
    )
    found = [read(records, _ids(query[name])) for name, read in readings if query.get(name)]
    if not found:
        raise BadFilter(
            "filter_test_cycle_ids, filter_product_ids or filter_section_ids is missing"
        )
    first, *others = found
    return [test_id for test_id in first if all(test_id in other for other in others)]


def _ids(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise BadFilter(f"{text!r} is no list of ids") from None


# Dictionaries, because they keep their order and find an id at once.
def _tests(_: Records, ids: Iterable[int]) -> dict[int, None]:
    found = dict.fromkeys(ids)
    _refuse_foreign(found, FOREIGN_TEST_IDS)
    return found


def _tests_of_products(records: Records, ids: Iterable[int]) -> dict[int, None]:
    wanted = set(ids)
    _refuse_foreign(wanted, FOREIGN_PRODUCT_IDS)
    own = [id_ for id_ in records.product_ids() if id_ in wanted]
    return {test_id: None for product_id in own for test_id in records.test_ids(product_id)}


def _tests_of_sections(records: Records, ids: Iterable[int]) -> dict[int, None]:
    wanted = set(ids)
    return {
        test_id: None
        for product_id in records.product_ids()
        if wanted & {section.id for section in records.product(product_id).sections}
        for test_id in records.test_ids(product_id)
        if (section := records.facts(test_id).section) and section.id in wanted
    }


def _refuse_foreign(ids: Iterable[int], foreign: range) -> None:
    if any(id_ in foreign for id_ in ids):
        raise ForeignId


async def executions_of_stories(
    records: Records, story_ids: Sequence[int], order: str, start: int, stop: int
) -> tuple[list[Json], int]:
    """The executions from `start` to `stop`, newest test first, and how many there are in all."""
    wanted = frozenset(story_ids)
    rows: list[Json] = []
    total = 0
    for turn, test_id in enumerate(_executed_tests(records, oldest_first=order == "asc")):
        if turn % TESTS_AT_ONCE == 0:
            await asyncio.sleep(0)
        matching = [s for s in _stories(records, test_id) if not wanted or s.id in wanted]
        if total < stop and total + len(matching) > start:
            rows += _executions(records, test_id, matching[max(0, start - total) : stop - total])
        total += len(matching)
    return rows, total


def _executed_tests(records: Records, *, oldest_first: bool) -> Iterator[int]:
    every = [id_ for product_id in records.product_ids() for id_ in records.test_ids(product_id)]
    every.sort(reverse=not oldest_first)
    return (test_id for test_id in every if records.is_executed(test_id))


def _stories(records: Records, test_id: int) -> list[UserStory]:
    return [story for feature in records.facts(test_id).features for story in feature.stories]


def _executions(records: Records, test_id: int, stories: Sequence[UserStory]) -> list[Json]:
    wanted = {story.id for story in stories}
    return [
        {
            "id": test_id * 1_000 + story.id % 1_000,
            "user_story_id": story.id,
            "user_story_version_id": story.version_id,
            "feature_id": execution.feature.id,
            "test": {"id": test_id},
            "execution_status": own.status,
            "tested_by_count": own.testers,
            "bugs_found": len(own.bug_ids),
            "bug_ids": own.bug_ids,
        }
        for execution in records.executions(test_id)
        for story, own in execution.stories
        if story.id in wanted
    ]
