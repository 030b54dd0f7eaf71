"""Every metric by every dimension equals what plain loops count over TestIO's answers."""

from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.e2e import counting, measuring
from tests.e2e.test_figures import PERIODS

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.database.engine import Database
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.periods import parse_period
from testio_mcp.repositories.figures import FigureRepository
from testio_mcp.tables import fence

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILTERS = {
    "nothing": {},
    "products": {"product_ids": [1002, 1004]},
    "tests": {"test_ids": [100_072, 100_092, 100_068]},
    # The second is not in the catalogue any more.
    "features": {"feature_ids": [40_001, 40_999]},
    "statuses": {"statuses": ["cancelled", "running", "waiting"]},
    "bug statuses": {"bug_statuses": ["open", "rejected"]},
    "severities": {"severities": ["critical", "custom"]},
    "types": {"testing_types": ["custom", "usability", "rapid"]},
    "period": {"period": "last 3 months"},
    "up to now": {"period": "this month"},
    "all together": {
        "product_ids": [1001, 1003],
        "statuses": ["locked", "archived", "running"],
        "testing_types": ["coverage", "focused"],
        "feature_ids": [40_000, 40_003, 40_005, 42_001, 42_002],
        "bug_statuses": ["accepted", "rejected"],
        "severities": ["low", "high"],
        "period": "ytd",
    },
}
# The others are met by the random combinations.
BY_EVERYTHING = ("nothing", "features", "bug statuses", "period", "all together")
BY = [(), *((name,) for name in measuring.DIMENSIONS)]
SEVERAL = [
    ("product", "severity"),
    ("feature", "severity"),
    ("feature", "month"),
    ("operating_system", "browser"),
    ("operating_system", "browser", "device_category"),
    ("month", "bug_status", "severity"),
    ("test", "feature"),
    ("year", "quarter"),
    ("created_by", "submitted_by", "testing_type"),
    ("tester", "known", "reported_week"),
    ("rejection_reason", "test_environment"),
]


@dataclass
class Asking:
    server: Any
    figures: FigureRepository


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asking(server):
    """The cache of a server, asked without a tool."""
    database = Database(server.home / "cache.db", fence(0))
    async with database.read() as session:
        yield Asking(server, FigureRepository(session))
    await database.close()


def wanted(server, arguments):
    """For the reference, with the bounds of the period."""
    if "period" not in arguments:
        return arguments
    days = PERIODS[arguments["period"]]
    start, end = counting.bounds(days, server.now, server.zone)
    return {**arguments, "bounds": (start, end, days[1] == "now")}


@pytest.mark.parametrize("by", BY, ids=lambda by: "-".join(by) or "total")
@pytest.mark.parametrize("name", BY_EVERYTHING)
async def test_every_metric_is_right_by_every_dimension(asking, by, name):
    await compared(asking, by, FILTERS[name])


@pytest.mark.parametrize("by", SEVERAL, ids="-".join)
async def test_every_metric_is_right_by_several_dimensions(asking, by):
    for name in ("nothing", "severities", "up to now", "features"):
        await compared(asking, by, FILTERS[name])


COMBINATIONS = st.tuples(
    st.lists(st.sampled_from(measuring.DIMENSIONS), max_size=3, unique=True),
    st.lists(st.sampled_from(measuring.METRICS), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from([name for name in FILTERS if name != "all together"]), max_size=3),
)


async def test_random_combinations_are_right(asking):
    combinations = []

    @settings(max_examples=15, derandomize=True, database=None)
    @given(COMBINATIONS)
    def collect(combination):
        combinations.append(combination)

    collect()
    for by, metrics, filters in combinations:
        arguments = {name: value for of in filters for name, value in FILTERS[of].items()}
        await compared(asking, tuple(by), arguments, metrics)


async def compared(asking, by, arguments, metrics=measuring.METRICS):
    server = asking.server
    expected = measuring.measured(server.world, server.zone, metrics, by, wanted(server, arguments))
    rows = await measured(asking, metrics, by, arguments)
    assert rows.keys() == expected.keys()
    for key, values in expected.items():
        assert rows[key] == pytest.approx(values), key


@pytest.mark.parametrize("by", BY, ids=lambda by: "-".join(by) or "total")
async def test_a_metric_is_the_same_alone_as_among_others(asking, by):
    together = await measured(asking, measuring.METRICS, by, {})
    for name in measuring.METRICS:
        alone = await measured(asking, [name], by, {})
        assert {key: values[name] for key, values in together.items()} == {
            key: alone.get(key, {name: together[key][name]})[name] for key in together
        }
        # What is left out alone has nothing of it.
        left_out = [together[key][name] for key in together.keys() - alone.keys()]
        assert {*left_out} <= {0, None}


async def measured(asking, metrics, by, arguments):
    """The repository's rows, by keys as the reference has them."""
    scope = scope_of(asking.server, arguments)
    hidden = () if measuring.OF_BUGS & set(by) else ("tests_in_scope",)
    found = await asking.figures.measure((*metrics, *hidden), scope, by=by)
    names = {
        name: await asking.figures.names(
            DIMENSIONS[name].named, {getattr(row, name) for row in found}
        )
        for name in by
        if name in {"tester", "created_by", "submitted_by"}
    }
    rows = {}
    for row in found:
        key = tuple(names.get(name, {}).get(getattr(row, name), getattr(row, name)) for name in by)
        assert key not in rows
        rows[key] = {name: getattr(row, name) for name in metrics}
    return rows


def scope_of(server, arguments):
    given = {name: tuple(value) for name, value in arguments.items() if name != "period"}
    period = None
    if "period" in arguments:
        period = parse_period(arguments["period"], now=server.now, zone=server.zone)
    return Scope(**given, period=period, zone=server.zone)
