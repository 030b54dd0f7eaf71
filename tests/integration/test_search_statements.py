"""What a search costs the cache: few statements, none of which reads a whole table."""

import sqlite3
from contextlib import closing

import pytest
from tests.caches import GAME, rows
from tests.integration.test_statements import (
    as_before_the_first_sync,
    as_for_much_data,
    asking,
    scans,
)

__all__ = ["asking"]

QUESTIONS = {
    "a word": {"query": "checkout"},
    "words": {"query": "checkout crashes"},
    "any word": {"query": "checkout quokka coupon"},
    "a phrase": {"query": '"gift card"'},
    "a beginning": {"query": "check*"},
    "an id": {"query": "#1004"},
    "a typo": {"query": "chekout"},
    "products": {"query": "the", "product_ids": [GAME]},
    "a period": {"query": "the", "period": "this month"},
    "a kind": {"query": "the", "kinds": ["bug"]},
}


@pytest.mark.parametrize("state", [as_for_much_data, as_before_the_first_sync])
@pytest.mark.parametrize("name", QUESTIONS)
async def test_no_search_reads_a_whole_table(asking, synced_path, name, state):
    _, statements = await asking("search", **QUESTIONS[name])
    state(synced_path)
    assert scans(synced_path, statements) == []


@pytest.mark.parametrize("state", [as_for_much_data, as_before_the_first_sync])
async def test_the_index_is_searched_once_for_all_rows_and_not_for_each(asking, synced_path, state):
    """A plan that asks the index about a row that it has, `=`, asks it for each row."""
    _, statements = await asking("search", query="the")
    state(synced_path)
    [(ranked, parameters)] = [one for one in statements if "bm25" in one[0]]
    with closing(sqlite3.connect(synced_path)) as connection:
        plan = [step[-1] for step in connection.execute(f"EXPLAIN QUERY PLAN {ranked}", parameters)]
    searches = [step for step in plan if "VIRTUAL TABLE" in step]
    assert len(searches) == 4 * 3
    assert [step for step in searches if "=" in step] == []
    # Once for the row that is scored, once for what is told of those that are shown.
    assert sum(step.startswith("SEARCH bugs USING INTEGER PRIMARY KEY") for step in plan) == 2


async def test_many_hits_take_as_many_statements_as_few(asking):
    few, small = await asking("search", query="the", limit=1)
    many, large = await asking("search", query="the", limit=50)
    rare, least = await asking("search", query="the", limit=50, product_ids=[GAME])
    assert few["returned"] == 1 < many["returned"]
    assert rare["total"] < many["total"]
    assert len(small) == len(large) <= 6
    # The product is looked up.
    assert len(least) <= len(large) + 1


async def test_a_search_is_counted_by_the_same_statement_that_ranks_it(asking, synced_path):
    page, statements = await asking("search", query="the", kinds=["bug"], limit=3)
    assert sum("search_bugs MATCH" in statement for statement, _ in statements) == 2
    query = "SELECT count(*) FROM search_bugs WHERE search_bugs MATCH 'the'"
    assert page["total"] == rows(synced_path, query)[0][0]
