"""Figures of small made-up caches: what counts how often, what never counts, what it costs."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.caches import GAME, rows
from tests.e2e.test_foreign_rows import plant_ghosts, plant_strangers
from tests.factories import (
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    TestFactory,
    TestFeatureFactory,
    UserFactory,
)
from tests.integration.test_statements import (
    as_before_the_first_sync,
    as_for_much_data,
    recorded,
    scans,
)

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.periods import parse_period
from testio_mcp.repositories.figures import FigureRepository

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
BY = [(), *((name,) for name in DIMENSIONS)]


@pytest.fixture
async def measure(database):
    """Rows as dicts; with `statements` those that it took."""

    async def measure(*names, by=(), **wanted):
        async with database.read() as session:
            found = await FigureRepository(session).measure(names, Scope(**wanted), by=by)
        return [dict(row._mapping) for row in found]

    return measure


@pytest.fixture
async def world(save):
    """Two tests of one product with three features; four bugs, one without a feature."""
    await save(ProductFactory(id=1), *(UserFactory(id=id) for id in (1, 2)))
    await save(
        UserFactory(id=3, type="customer"),
        *(FeatureFactory(id=id, product_id=1) for id in (1, 2, 3)),
    )
    await save(
        TestFactory(id=1, product_id=1, start_at=START, created_by_id=3, submitted_by_id=3),
        TestFactory(id=2, product_id=1, start_at=START, status="archived"),
        TestFactory(id=3, product_id=1, start_at=START, status="waiting", created_by_id=3),
    )
    await save(
        *(TestFeatureFactory(id=id, test_id=1, feature_id=id) for id in (1, 2)),
        TestFeatureFactory(id=3, test_id=2, feature_id=1),
        TestFeatureFactory(id=4, test_id=3, feature_id=3),
    )
    hours = (5, 1, 2, 9)
    bugs = [
        {"test_id": 1, "feature_id": 1, "severity": "critical", "status": "accepted"},
        {"test_id": 1, "feature_id": 2, "severity": "high", "status": "rejected"},
        {"test_id": 1, "feature_id": None, "severity": "custom", "status": "reopened"},
        {"test_id": 2, "feature_id": 1, "severity": "low", "status": "auto_accepted"},
    ]
    await save(
        *(
            BugFactory(
                id=id, **bug, reporter_id=id % 2 + 1, reported_at=START + timedelta(hours=late)
            )
            for id, (bug, late) in enumerate(zip(bugs, hours, strict=True), 1)
        )
    )
    await save(
        *(
            BugDeviceFactory(bug_id=1, position=position, operating_system=system, browser=browser)
            for position, (system, browser) in enumerate(
                [("iOS", "Safari"), ("iOS", "Chrome"), ("macOS", "Safari"), ("iOS", "Safari")]
            )
        )
    )


async def test_figures_of_different_grains_do_not_multiply_each_other(world, measure):
    [row] = await measure(*METRICS)
    assert row == {
        "test_count": 2,
        "bug_count": 4,
        "features_tested": 2,
        "open_bugs": 0,
        "known_bugs": 0,
        "active_testers": 2,
        "bugs_per_test": 2.0,
        "severity_score": 5 + 3 + 1 + 1,
        "acceptance_rate": 0.5,
        "active_acceptance_rate": 0.25,
        "auto_acceptance_rate": 0.5,
        "rejection_rate": 0.25,
        "review_rate": 0.5,
        # Of all statuses: the waiting one too.
        "tests_created": 2,
        "tests_submitted": 1,
        # Of 1 and 9.
        "hours_to_first_bug": 5.0,
    }


async def test_under_a_feature_all_tests_that_contain_it_count(world, measure):
    found = await measure("test_count", "bug_count", "bugs_per_test", by=["feature"])
    assert {row["feature"]: (*list(row.values())[1:],) for row in found} == {
        None: (0, 1, None),
        1: (2, 2, 1.0),
        2: (1, 1, 1.0),
    }


async def test_under_a_property_of_bugs_only_tests_with_such_a_bug_count(world, measure):
    found = await measure(
        "test_count", "bug_count", by=["severity"], severities=("critical", "low")
    )
    assert found == [
        {"severity": "critical", "test_count": 1, "bug_count": 1},
        {"severity": "low", "test_count": 1, "bug_count": 1},
    ]
    assert await measure("test_count", severities=("critical",)) == [{"test_count": 1}]


async def test_a_bug_counts_once_under_each_distinct_device(world, measure):
    by_system = await measure("bug_count", by=["operating_system"])
    assert {row["operating_system"]: row["bug_count"] for row in by_system} == {
        None: 3,
        "iOS": 1,
        "macOS": 1,
    }
    by_both = await measure("bug_count", by=["operating_system", "browser"])
    assert {(row["operating_system"], row["browser"]) for row in by_both} == {
        (None, None),
        ("iOS", "Safari"),
        ("iOS", "Chrome"),
        # No Chrome was seen on it.
        ("macOS", "Safari"),
    }
    assert {row["bug_count"] for row in by_both} == {1, 3}


async def test_words_that_nobody_documented_are_other(world, measure):
    found = await measure("bug_count", by=["bug_status"])
    numbers = {row["bug_status"]: row["bug_count"] for row in found}
    assert numbers == {"accepted": 1, "auto_accepted": 1, "rejected": 1, "other": 1}


async def test_a_rejection_without_a_reason_is_unknown_and_no_rejection_has_none(world, measure):
    found = await measure("bug_count", by=["rejection_reason"])
    assert found == [
        {"rejection_reason": "(unknown)", "bug_count": 1},
        {"rejection_reason": None, "bug_count": 3},
    ]


@pytest.mark.parametrize("metric", ["tests_created", "tests_submitted", "test_count"])
async def test_naming_statuses_replaces_the_usual_ones(world, measure, metric):
    [row] = await measure(metric, statuses=("waiting",))
    assert row == {metric: 0 if metric == "tests_submitted" else 1}


async def test_the_median_of_an_odd_number_is_the_one_in_the_middle(world, measure, save):
    await save(TestFactory(id=4, product_id=1, start_at=START))
    await save(BugFactory(id=9, test_id=4, reported_at=START + timedelta(hours=2)))
    assert await measure("hours_to_first_bug") == [{"hours_to_first_bug": 2.0}]


async def test_without_anything_counts_are_0_and_the_rest_is_null(measure):
    [row] = await measure(*METRICS)
    assert {name for name, value in row.items() if value is None} == {
        name for name in METRICS if name.endswith("_rate") or "_per_" in name or "hours" in name
    }
    assert {value for value in row.values() if value is not None} == {0}
    for by in BY[1:]:
        assert await measure(*METRICS, by=by) == []


@pytest.mark.parametrize(
    ("zone", "month", "week"),
    [("UTC", "2026-10", "2026-W44"), ("Asia/Tokyo", "2026-11", "2026-W44")],
)
async def test_another_zone_moves_what_is_near_midnight(save, measure, zone, month, week):
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    await save(ProductFactory(id=1))
    await save(TestFactory(id=1, product_id=1, end_at=late))
    await save(BugFactory(id=1, test_id=1, reported_at=late))
    by = ("month", "reported_month", "week")
    assert await measure("bug_count", by=by, zone=ZoneInfo(zone)) == [
        {"month": month, "reported_month": month, "week": week, "bug_count": 1}
    ]


async def test_a_period_up_to_now_keeps_what_runs(save, measure):
    now = datetime(2026, 11, 16, 9, tzinfo=UTC)
    await save(ProductFactory(id=1))
    await save(
        TestFactory(id=1, product_id=1, status="running", end_at=now + timedelta(days=1)),
        TestFactory(id=2, product_id=1, status="locked", end_at=now + timedelta(days=1)),
        TestFactory(id=3, product_id=1, status="locked", end_at=datetime(2026, 11, 1, tzinfo=UTC)),
        TestFactory(id=4, product_id=1, status="locked", end_at=datetime(2026, 10, 31, tzinfo=UTC)),
    )
    period = parse_period("this month", now=now, zone=ZoneInfo("UTC"))
    assert await measure("test_count", period=period) == [{"test_count": 2}]


@pytest.mark.parametrize("plant", [plant_strangers, plant_ghosts])
async def test_deleted_and_foreign_rows_count_in_no_figure(synced_path, save, measure, plant):
    before = [await measure(*METRICS, by=by, statuses=()) for by in BY]
    [(test, feature)] = rows(
        synced_path,
        "SELECT test_id, feature_id FROM test_features WHERE test_id IN "
        f"(SELECT id FROM tests WHERE product_id = {GAME}) LIMIT 1",
    )
    await plant(save, test, feature)
    assert [await measure(*METRICS, by=by, statuses=()) for by in BY] == before


@pytest.mark.parametrize("by", [*BY, ("operating_system", "month", "feature")], ids="-".join)
async def test_all_metrics_together_take_one_statement(synced_path, database, measure, by):
    with recorded(database._readers.sync_engine) as statements:
        await measure(*METRICS, by=by)
    assert [sql.split()[0] for sql, _ in statements] == ["SELECT"]


FILTERED = [
    {},
    {"product_ids": (GAME,)},
    {"test_ids": (1, 2)},
    {"feature_ids": (1, 2)},
    {"bug_statuses": ("open",), "severities": ("critical",)},
    {"period": parse_period("2026-10", now=START, zone=ZoneInfo("UTC"))},
]


@pytest.mark.parametrize("by", BY, ids="-".join)
async def test_no_figure_reads_a_large_table_without_an_index(synced_path, database, measure, by):
    with recorded(database._readers.sync_engine) as statements:
        for wanted in FILTERED:
            await measure("bug_count", by=by, **wanted)
            # Each of its parts has a plan of its own.
            await measure(*METRICS, by=by, **wanted)
    for state in (as_for_much_data, as_before_the_first_sync):
        state(synced_path)
        assert scans(synced_path, statements) == []
