"""What was never read is null in figures, and never 0."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.caches import GAME, SHOP, change, rows
from tests.reading import reading

from testio_mcp.domain.bugs import BugStatus
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.metrics import MetricsQuestion
from testio_mcp.domain.periods import parse_period
from testio_mcp.services.metrics import MetricsService

OF_GAME = f"(SELECT id FROM tests WHERE product_id = {GAME})"


@pytest.fixture
async def asked(synced_path, settings, sandbox):
    """Asked of a cache of which TestIO cannot be asked."""
    async with reading(settings, sandbox, offline=True) as reader:

        async def asked(*metrics, by=(), **wanted):
            async with reader.app.services.open(MetricsService) as service:
                return await service.query(MetricsQuestion(metrics, by, Scope(**wanted)))

        yield asked


def forget_bugs_of_game(path):
    for table in ("bug_devices", "bug_details"):
        bugs = f"SELECT id FROM bugs WHERE test_id IN {OF_GAME}"
        change(path, f"DELETE FROM {table} WHERE bug_id IN ({bugs})")
    change(path, f"DELETE FROM bugs WHERE test_id IN {OF_GAME}")
    change(path, f"DELETE FROM stamps WHERE kind = 'bugs' AND id IN {OF_GAME}")


def values(answer):
    return {row.product_id: row for row in answer.items}


async def test_bugs_that_were_never_read_are_unknown_and_tests_are_not(synced_path, asked):
    before = await asked("bug_count", "test_count", by=("product",))
    forget_bugs_of_game(synced_path)
    answer = await asked("bug_count", "test_count", "rejection_rate", by=("product",))
    found = values(answer)
    assert (found[GAME].bug_count, found[GAME].rejection_rate) == (None, None)
    assert found[GAME].test_count == values(before)[GAME].test_count > 0
    assert found[SHOP].bug_count == values(before)[SHOP].bug_count > 0
    assert answer.items[-1].product_id == GAME
    assert "have not been read yet" in " ".join(answer.freshness.incomplete)
    [total] = (await asked("bug_count", "open_bugs", product_ids=(GAME,))).items
    assert (total.bug_count, total.open_bugs) == (None, None)


async def test_tests_with_a_bug_are_unknown_where_bugs_are(synced_path, asked):
    forget_bugs_of_game(synced_path)
    answer = await asked("test_count", by=("product",), bug_statuses=(BugStatus.OPEN,))
    assert values(answer)[GAME].test_count is None


async def test_read_and_without_bugs_is_0(synced_path, asked):
    forget_bugs_of_game(synced_path)
    archived = f"SELECT max(id) FROM tests WHERE id IN {OF_GAME} AND status = 'archived'"
    [(test,)] = rows(synced_path, archived)
    read = "SELECT customer_id, 'bugs', id, at FROM stamps WHERE kind = 'test' AND id = ?"
    change(synced_path, f"INSERT INTO stamps (customer_id, kind, id, at) {read}", test)
    [row] = (await asked("bug_count", "rejection_rate", test_ids=(test,))).items
    assert (row.bug_count, row.rejection_rate) == (0, None)


async def test_bugs_per_test_needs_the_bugs_of_every_test(synced_path, asked):
    names = ("bug_count", "bugs_per_test", "rejection_rate")
    [before] = (await asked(*names, product_ids=(GAME,))).items
    test = "(SELECT test_id FROM bugs WHERE test_id IN {} GROUP BY 1 HAVING count(*) < {} LIMIT 1)"
    test = test.format(OF_GAME, before.bug_count)
    change(synced_path, f"DELETE FROM stamps WHERE kind = 'bugs' AND id IN {test}")
    answer = await asked(*names, by=("product",))
    row = values(answer)[GAME]
    assert (row.bug_count, row.bugs_per_test) == (before.bug_count, None)
    assert row.rejection_rate == before.rejection_rate
    assert values(answer)[SHOP].bugs_per_test
    assert answer.totals["bugs_per_test"] is None
    assert "1 test" in " ".join(answer.freshness.incomplete)


async def test_no_tests_in_a_period_are_0(asked):
    period = parse_period("2001", now=datetime.now(UTC), zone=ZoneInfo("UTC"))
    [row] = (await asked("bug_count", "test_count", product_ids=(GAME,), period=period)).items
    assert (row.bug_count, row.test_count) == (0, 0)


async def test_a_product_whose_tests_were_never_listed_has_no_figure(synced_path, asked):
    forget_bugs_of_game(synced_path)
    change(synced_path, f"DELETE FROM stamps WHERE id = {GAME} AND kind IN ('tests', 'all_tests')")
    for table in ("test_features", "test_details"):
        change(synced_path, f"DELETE FROM {table} WHERE test_id IN {OF_GAME}")
    change(synced_path, f"DELETE FROM tests WHERE id IN {OF_GAME}")
    [row] = (await asked("bug_count", "test_count", "tests_created", product_ids=(GAME,))).items
    assert (row.bug_count, row.test_count, row.tests_created) == (None, None, None)


async def test_before_the_first_sync_nothing_is_known(path, settings, sandbox):
    async with (
        reading(settings, sandbox, offline=True) as reader,
        reader.app.services.open(MetricsService) as service,
    ):
        total = await service.query(MetricsQuestion(("test_count", "bug_count")))
        by_product = await service.query(MetricsQuestion(("test_count",), ("product",)))
    assert (total.items[0].test_count, total.items[0].bug_count) == (None, None)
    assert (by_product.items, by_product.total) == ([], 0)
