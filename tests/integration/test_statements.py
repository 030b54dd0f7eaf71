"""What an answer costs the cache: so many statements, none of which reads a whole table."""

import re
import sqlite3
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event
from tests.caches import GAME, SHOP, change, commit_something, rows
from tests.reading import served

LARGE = ("tests", "bugs", "features", "test_features", "bug_devices", "bug_details", "test_details")
SCAN = re.compile(rf"SCAN (?:{'|'.join(LARGE)})(?:_\d+)?(?! USING)\b")


@pytest.fixture
async def asking(synced_path, settings, sandbox):
    """Call a tool; gives the statements that it took, each with its parameters."""
    async with served(settings, sandbox) as (client, reader):
        engine = reader.app.services._database._readers.sync_engine

        async def ask(tool, **arguments):
            # The first call reads from TestIO what no sync does.
            await client.call_tool(tool, arguments)
            commit_something(synced_path)
            sandbox.reset_counts()
            with recorded(engine) as statements:
                answer = await client.call_tool(tool, arguments)
            assert answer.structured_content["freshness"]["state"] == "fresh"
            assert statements
            return answer.structured_content, statements

        yield ask
    assert sandbox.request_count == 0


@contextmanager
def recorded(engine):
    statements = []

    def record(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", record)
    yield statements
    event.remove(engine, "before_cursor_execute", record)


def by_bugs(path, order):
    """The test with the fewest or the most bugs."""
    query = "SELECT test_id FROM bugs GROUP BY test_id ORDER BY count(*) {} LIMIT 1"
    return rows(path, query.format(order))[0][0]


def by_devices(path, order):
    query = "SELECT bug_id FROM bug_devices GROUP BY bug_id ORDER BY count(*) {} LIMIT 1"
    return rows(path, query.format(order))[0][0]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_products", {}),
        ("list_tests", {}),
        ("list_bugs", {}),
        ("list_features", {"product_id": SHOP}),
        ("list_user_stories", {"product_id": SHOP}),
        ("list_user_stories", {"test_id": "SELECT max(test_id) FROM bugs"}),
        ("list_users", {"type": "tester"}),
        ("list_users", {"type": "customer"}),
    ],
)
async def test_a_large_page_takes_as_many_statements_as_a_small_one(
    asking, synced_path, tool, arguments
):
    named = {name: resolved(synced_path, value) for name, value in arguments.items()}
    few, small = await asking(tool, page_size=1, **named)
    many, large = await asking(tool, page_size=100, **named)
    assert few["returned"] == 1 < many["returned"]
    assert len(small) == len(large)


def by_tests(path, order):
    """The feature of the fewest or the most tests."""
    query = "SELECT feature_id FROM test_features GROUP BY feature_id ORDER BY count(*) {} LIMIT 1"
    return rows(path, query.format(order))[0][0]


def by_reports(path, order):
    """The tester with the fewest or the most bugs."""
    query = (
        "SELECT reporter_id FROM bugs WHERE reporter_id IS NOT NULL"
        " GROUP BY reporter_id ORDER BY count(*) {} LIMIT 1"
    )
    return rows(path, query.format(order))[0][0]


@pytest.mark.parametrize(
    ("tool", "argument", "smallest", "largest"),
    [
        ("get_product_summary", "product_id", lambda path: GAME, lambda path: SHOP),
        (
            "get_test_summary",
            "test_id",
            lambda path: by_bugs(path, "ASC"),
            lambda path: by_bugs(path, "DESC"),
        ),
        (
            "get_feature_summary",
            "feature_id",
            lambda path: by_tests(path, "ASC"),
            lambda path: by_tests(path, "DESC"),
        ),
        (
            "get_user_summary",
            "user",
            lambda path: by_reports(path, "ASC"),
            lambda path: by_reports(path, "DESC"),
        ),
        (
            "get_bug_summary",
            "bug_id",
            lambda path: by_devices(path, "ASC"),
            lambda path: by_devices(path, "DESC"),
        ),
    ],
)
async def test_a_thing_with_much_takes_as_many_statements_as_one_with_little(
    asking, synced_path, tool, argument, smallest, largest
):
    _, small = await asking(tool, **{argument: smallest(synced_path)})
    _, large = await asking(tool, **{argument: largest(synced_path)})
    assert len(small) == len(large)


async def test_many_filters_take_few_statements_more_than_one(asking, synced_path):
    tests = [id for (id,) in rows(synced_path, "SELECT id FROM tests LIMIT 10")]
    _, one = await asking("list_bugs", test_ids=tests[:1])
    _, ten = await asking("list_bugs", test_ids=tests)
    assert len(one) == len(ten)


FILTERS = {
    "list_bugs": [
        {"product_ids": [GAME]},
        {"test_ids": ["SELECT min(test_id) FROM bugs"]},
        {"feature_ids": ["SELECT min(feature_id) FROM bugs"]},
        {"statuses": ["open"]},
        {"severities": ["critical"]},
        {
            "rejection_reasons": [
                "SELECT rejection_reason FROM bugs WHERE rejection_reason IS NOT NULL"
            ]
        },
        {"known": "yes"},
        {"reported_by": ["SELECT min(name) FROM users WHERE type = 'tester'"]},
        {"operating_systems": ["SELECT min(operating_system) FROM bug_devices"]},
        {"period": "last 3 days"},
        {"changed_since": "yesterday"},
        {"search": "checkout"},
        {"statuses": ["open"], "sort": "auto_accept_at"},
        {"statuses": ["open"], "detail": "full"},
        {"product_ids": [GAME], "statuses": ["open"], "severities": ["high"]},
    ],
    "list_tests": [
        {"product_ids": [GAME]},
        {"statuses": ["running"]},
        {"testing_types": ["rapid"]},
        {"feature_ids": ["SELECT min(feature_id) FROM test_features"]},
        {"period": "last 3 days"},
        {"changed_since": "yesterday"},
        {"search": "checkout"},
        {"product_ids": [GAME], "statuses": ["running"]},
    ],
    "list_products": [{"types": ["gaming"]}],
    "get_product_summary": [{"product_id": GAME}],
    "get_test_summary": [{"test_id": "SELECT min(test_id) FROM bugs"}],
    "list_features": [{"product_id": GAME}, {"product_id": GAME, "sort": "-fragility"}],
    "get_feature_summary": [{"feature_id": "SELECT min(feature_id) FROM test_features"}],
    "list_user_stories": [
        {"product_id": GAME},
        {"test_id": "SELECT min(test_id) FROM bugs"},
        {"test_id": "SELECT min(test_id) FROM bugs", "execution_status": "failed"},
    ],
    "list_users": [
        {"product_ids": [GAME]},
        {"period": "last 3 days"},
        {"type": "customer", "product_ids": [GAME]},
        {"type": "customer", "period": "last 3 days"},
    ],
    "get_user_summary": [
        {"user": "SELECT min(id) FROM users WHERE type = 'tester'"},
        {"user": "SELECT min(id) FROM users WHERE type = 'customer'"},
    ],
    "get_bug_summary": [{"bug_id": "SELECT min(id) FROM bugs"}],
}
CASES = [(tool, wanted) for tool, every in FILTERS.items() for wanted in every]


def resolved(path, value):
    """What a SELECT in an argument gives."""
    if isinstance(value, list):
        return [resolved(path, one) for one in value]
    if isinstance(value, str) and value.startswith("SELECT"):
        return rows(path, value)[0][0]
    return value


def scans(path, statements):
    """Steps of the plans that read a whole large table, with the statement."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            (step[-1], statement)
            for statement, parameters in statements
            if statement.startswith(("SELECT", "WITH"))
            for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            if SCAN.match(step[-1])
        ]


# What SQLite finds of the sandbox's medium data: rows, then rows for each value of the columns.
MUCH = {
    "bugs": {
        "ix_bugs_of_tests": "19837 19837 12 5 2 2 2 2 1 1 1",
        "ix_bugs_of_testers": "19837 19837 73 21 5 5 4 2 1 1 1",
        "ix_bugs_test_feature_id": "19837 3",
        "ix_bugs_customer_id_status_reported_at": "19837 19837 4960 1",
        "ix_bugs_customer_id_reported_at": "19837 19837 1",
        "ix_bugs_customer_id_rejection_reason": "19837 19837 2205",
        "ix_bugs_customer_id_product_id_reported_at": "19837 19837 992 1",
        "ix_bugs_customer_id_feature_id": "19837 19837 72",
    },
    "tests": {
        "ix_tests_of_products": "2000 2000 100 1 1 1 1 1 1 1 1 1 1",
        "ix_tests_customer_id_first_seen_at": "2000 2000 23",
        "ix_tests_customer_id_created_by_id": "2000 2000 167",
        "ix_tests_customer_id_submitted_by_id": "2000 2000 154",
        "ix_tests_customer_id_testing_type": "2000 2000 334",
        "ix_tests_customer_id_status_end_at": "2000 2000 286 1",
        "ix_tests_customer_id_end_at": "2000 2000 1",
    },
    "test_features": {
        "ix_test_features_customer_id_test_id_feature_id": "9121 9121 5 1",
        "ix_test_features_customer_id_feature_id_test_id": "9121 9121 34 1",
    },
    "features": {"ix_features_customer_id_product_id": "275 275 14"},
    "bug_devices": {
        "ix_bug_devices_customer_id_operating_system_bug_id": "21816 21816 1818 1",
        "sqlite_autoindex_bug_devices_1": "21816 1 1",
    },
}


def as_for_much_data(path):
    """For the few rows of the sandbox SQLite would rightly read them all."""
    as_before_the_first_sync(path)
    for table, indexes in MUCH.items():
        for index, numbers in indexes.items():
            change(path, "INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", table, index, numbers)


def as_before_the_first_sync(path):
    """No statistics."""
    change(path, "DELETE FROM sqlite_stat1")


@pytest.mark.parametrize("state", [as_for_much_data, as_before_the_first_sync])
@pytest.mark.parametrize(
    ("tool", "wanted"), CASES, ids=[f"{tool}-{'-'.join(wanted)}" for tool, wanted in CASES]
)
async def test_no_filtered_query_reads_a_whole_table(asking, synced_path, tool, wanted, state):
    arguments = {name: resolved(synced_path, value) for name, value in wanted.items()}
    _, statements = await asking(tool, **arguments)
    state(synced_path)
    assert scans(synced_path, statements) == []


def test_a_scan_is_seen(synced_path):
    """Or that there is none would prove nothing."""
    assert scans(synced_path, [("SELECT * FROM bugs WHERE title = ?", ("x",))])
