"""A quality report costs the cache a few statements, however much it is about."""

import pytest
from tests.caches import GAME, SHOP, commit_something, rows
from tests.integration.test_statements import as_for_much_data, recorded, scans
from tests.reading import served

TOOL = "generate_quality_report"


@pytest.fixture
async def asking(synced_path, settings, sandbox):
    """Ask for a report; gives it and the statements that it took."""
    async with served(settings, sandbox) as (client, reader):
        engine = reader.app.services._database._readers.sync_engine

        async def ask(**arguments):
            await client.call_tool(TOOL, arguments)
            commit_something(synced_path)
            sandbox.reset_counts()
            with recorded(engine) as statements:
                answer = await client.call_tool(TOOL, arguments)
            assert answer.structured_content["freshness"]["state"] == "fresh"
            return answer.structured_content["report"], statements

        yield ask
    assert sandbox.request_count == 0


async def test_all_products_take_as_many_statements_as_two(asking):
    few, two = await asking(product_ids=[SHOP, GAME], period="all")
    every, four = await asking(period="all")
    assert (len(few["products"]), len(every["products"])) == (2, 4)
    assert len(two) == len(four) <= 22


async def test_a_long_period_takes_as_many_statements_as_a_short_one(asking):
    short, few = await asking(product_ids=[SHOP], period="2026-09")
    long, many = await asking(product_ids=[SHOP], period="2026")
    assert short["tests"]["total"] < long["tests"]["total"]
    # Where critical bugs are open they are read too, and a running period is cut to compare it.
    assert len(few) <= len(many) <= len(few) + 2 <= 22


async def test_sections_that_are_not_wanted_are_not_read(asking):
    _, every = await asking(product_ids=[SHOP])
    report, few = await asking(product_ids=[SHOP], sections=["rates"])
    assert report.keys() & {"tests", "bugs", "trend", "critical_bugs"} == set()
    assert len(few) <= len(every) - 8


NARROWED = {
    "a product": {"product_ids": [GAME]},
    "a period": {"period": "last 3 days"},
    "tests": {"test_ids": "SELECT min(test_id) FROM bugs"},
    "a feature": {"product_ids": [GAME], "feature_ids": "SELECT min(feature_id) FROM bugs"},
    "a type": {"product_ids": [GAME], "testing_types": ["rapid"]},
    "without a test": {
        "product_ids": [GAME],
        "exclude_test_ids": "SELECT min(test_id) FROM bugs",
    },
}


@pytest.mark.parametrize("wanted", NARROWED.values(), ids=NARROWED)
async def test_no_narrowed_report_reads_a_whole_table(asking, synced_path, wanted):
    arguments = {
        name: [rows(synced_path, value)[0][0]] if isinstance(value, str) and "SELECT" in value
        else value
        for name, value in wanted.items()
    }  # fmt: skip
    _, statements = await asking(**arguments)
    as_for_much_data(synced_path)
    assert scans(synced_path, statements) == []
