"""The tool query_metrics: rows with names and ids, order, cuts, empty months, notes, refusals."""

import pytest
from fastmcp.exceptions import ToolError
from tests.e2e import counting, measuring
from tests.e2e.test_figures_elsewhere import table
from tests.e2e.test_query_metrics_figures import FILTERS, wanted

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Of these a row has the id or the key beside the name.
REFERENCES = {name: f"{name}_id" for name in ("product", "test", "feature")}
REFERENCES |= {"rejection_reason": "rejection_reason_key"}
EVERY_STATUS = [*counting.TEST_STATUSES]
TIMES = {"week", "month", "quarter", "year", "reported_week", "reported_month"}
METRICS = ["bug_count", "test_count", "rejection_rate", "hours_to_first_bug"]


def key_of(row, by):
    """As the reference has it."""
    return tuple(value_of(row, name) for name in by)


def value_of(row, name):
    if row[name] in {"(none)", "(unknown)"}:
        return None if row[name] == "(none)" else "(unknown)"
    return row[REFERENCES.get(name, name)]


def expected(server, by, arguments, metrics=METRICS):
    return measuring.measured(server.world, server.zone, metrics, by, wanted(server, arguments))


@pytest.mark.parametrize("by", [(name,) for name in measuring.DIMENSIONS], ids="-".join)
@pytest.mark.parametrize("name", ["nothing", "severities", "period"])
async def test_rows_and_totals_are_those_of_the_reference(server, by, name):
    arguments = FILTERS[name]
    answer = await server.answer(
        "query_metrics", metrics=METRICS, by=list(by), limit=200, **arguments
    )
    found = {key_of(row, by): {name: row[name] for name in METRICS} for row in answer["items"]}
    groups = expected(server, by, arguments)
    empty = {name: 0 if name.endswith("count") else None for name in METRICS}
    for key, values in groups.items():
        assert found.pop(key) == pytest.approx(values), key
    # What is left are weeks and the like in which nothing happened.
    assert all(values == empty for values in found.values())
    assert not found or by[0] in TIMES
    assert answer["totals"] == pytest.approx(expected(server, (), arguments)[()])
    assert (answer["returned"], answer["total"]) == (len(answer["items"]),) * 2


@pytest.mark.parametrize("name", ["nothing", "products", "features", "bug statuses", "severities"])
async def test_totals_are_those_of_the_lists(server, name):
    arguments = FILTERS[name]
    bugs = dict(arguments)
    if "bug_statuses" in bugs:
        bugs["statuses"] = bugs.pop("bug_statuses")
    listed = await server.answer("list_bugs", page_size=1, **bugs)
    unknown = {test["id"] for test in server.world["tests"] if test["status"] == "paused"}
    odd = [bug for bug in server.world["bugs"] if bug["test_id"] in unknown]
    answer = await server.answer(
        "query_metrics", metrics=["bug_count"], statuses=EVERY_STATUS, **arguments
    )
    # One test has a status that cannot be named.
    total = answer["items"][0]["bug_count"]
    assert 0 <= listed["total"] - total <= len(odd) == 1
    by_test = await server.answer(
        "query_metrics",
        metrics=["tests_created"],
        **{key: value for key, value in arguments.items() if key in {"product_ids", "feature_ids"}},
    )
    tests = await server.answer(
        "list_tests",
        page_size=1,
        **{key: value for key, value in arguments.items() if key in {"product_ids", "feature_ids"}},
    )
    assert by_test["items"][0]["tests_created"] == tests["total"]


@pytest.mark.parametrize("period", ["last 3 months", "this month", "2026-Q3", "ytd"])
async def test_tests_of_a_period_are_those_of_the_list(server, period):
    statuses = ["running", "locked", "archived"]
    listed = await server.answer("list_tests", page_size=1, statuses=statuses, period=period)
    answer = await server.answer("query_metrics", metrics=["test_count"], period=period)
    assert answer["items"] == [{"test_count": listed["total"]}]
    found = [
        {name: bound[:16] for name, bound in told["period"].items()} for told in (answer, listed)
    ]
    assert found[0] == found[1]


async def test_things_have_names_and_ids(server):
    for name, id in REFERENCES.items():
        answer, text = await server.said("query_metrics", metrics=["bug_count"], by=[name])
        titles = {
            "product": {row["id"]: row["name"] for row in server.world["products"]},
            "test": {row["id"]: row["title"] for row in server.world["tests"]},
            "rejection_reason": {row["key"]: row["name"] for row in server.world["reasons"]},
        }.get(name)
        for row in answer["items"]:
            if row[id] is not None:
                assert titles is None or row[name] == titles[row[id]]
                assert f"({row[id]})" in text
    answer = await server.answer("query_metrics", metrics=["bug_count"], by=["feature"], limit=200)
    [gone] = [row for row in answer["items"] if row["feature_id"] == 40_999]
    assert gone["feature"]
    assert {row["feature"] for row in answer["items"] if row["feature_id"] is None} == {"(none)"}


@pytest.mark.parametrize(
    "sort", ["bug_count", "-bug_count", "feature", "-feature", "-rejection_rate"]
)
async def test_rows_are_sorted_what_is_unknown_last(server, sort):
    answer = await server.answer(
        "query_metrics", metrics=METRICS, by=["feature"], sort=sort, limit=200
    )
    values = [row[sort.removeprefix("-")] for row in answer["items"]]
    known = [v.casefold() if isinstance(v, str) else v for v in values if v not in {None, "(none)"}]
    assert known == sorted(known, reverse=sort.startswith("-"))
    unknown = [value in {None, "(none)"} for value in values]
    assert unknown == sorted(unknown)


async def test_the_largest_come_first_and_time_goes_on(server):
    by_product = await server.answer("query_metrics", metrics=["bug_count"], by=["product"])
    numbers = [row["bug_count"] for row in by_product["items"]]
    assert numbers == sorted(numbers, reverse=True)
    by_month = await server.answer("query_metrics", metrics=["bug_count"], by=["severity", "month"])
    months = [row["month"] for row in by_month["items"]]
    assert months == sorted(months)


async def test_severities_are_sorted_by_gravity(server):
    answer = await server.answer(
        "query_metrics", metrics=["bug_count"], by=["severity"], sort="-severity"
    )
    found = [row["severity"] for row in answer["items"]]
    assert found == [*counting.GRAVITY, "blocker"]


async def test_a_cut_answer_says_so_and_its_totals_are_of_everything(server):
    arguments = {"metrics": ["bug_count"], "by": ["test"]}
    whole = await server.answer("query_metrics", limit=200, **arguments)
    answer, text = await server.said("query_metrics", limit=3, **arguments)
    assert answer["items"] == whole["items"][:3]
    assert (answer["total"], answer["returned"], answer["page_size"]) == (whole["total"], 3, 3)
    assert (answer["has_more"], whole["has_more"]) == (True, False)
    assert answer["totals"] == whole["totals"]
    assert f"{whole['total'] - 3} more rows" in text
    assert len(table(text)) == 3


async def test_months_without_anything_are_told_within_a_period(server):
    answer = await server.answer(
        "query_metrics", metrics=METRICS, by=["month"], product_ids=[1004], period="2026"
    )
    months = [row["month"] for row in answer["items"]]
    assert months == [f"2026-{number:02}" for number in range(1, 13)]
    future = answer["items"][-1]
    assert future == {
        "month": "2026-12",
        "partial": True,
        "bug_count": 0,
        "test_count": 0,
        "rejection_rate": None,
        "hours_to_first_bug": None,
    }


async def test_a_month_that_is_cut_off_is_partial(server):
    answer, text = await server.said(
        "query_metrics", metrics=["test_count"], by=["month"], period="2026-09-10..2026-11-30"
    )
    assert [row.get("partial", False) for row in answer["items"]] == [True, False, True]
    assert [row["partial"] for row in table(text)] == ["yes", "", "yes"]


async def test_endless_empty_weeks_are_left_out(server):
    answer = await server.answer(
        "query_metrics",
        metrics=["bug_count"],
        by=["week", "test", "tester"],
        period="1990-01-01..2900-01-01",
    )
    assert "left out" in answer["notes"][-1]
    assert all(row["bug_count"] for row in answer["items"])


async def test_the_answer_says_what_it_is_about(server):
    answer, text = await server.said(
        "query_metrics",
        metrics=["test_count", "tests_created"],
        by=["reported_month", "feature", "browser"],
        period="this month",
    )
    said = " ".join(answer["notes"])
    for words in (
        "Executed tests: running, locked, archived.",
        "tests_created over tests of all statuses.",
        "Tests that still run are included",
        "The period is about the end of tests, reported_month about the report of bugs.",
        "of tests with at least one such bug",
        "A bug counts once under each browser",
    ):
        assert words in said
        assert words in text
    named = await server.answer("query_metrics", metrics=["bug_count"], statuses=["cancelled"])
    assert named["notes"] == ["Tests with status cancelled."]


async def test_figures_are_written_for_people(server):
    metrics = ["bug_count", "rejection_rate", "bugs_per_test", "auto_acceptance_rate"]
    answer, text = await server.said("query_metrics", metrics=metrics, by=["test"], limit=200)
    for row, shown in zip(answer["items"], table(text), strict=True):
        assert shown["test"] == f"{' '.join(row['test'].split())} ({row['test_id']})"
        assert shown["bug_count"] == f"{row['bug_count']:,}"
        for name in ("rejection_rate", "auto_acceptance_rate"):
            rate = row[name]
            assert shown[name] == ("n/a" if rate is None else f"{rate * 100:.1f} %")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metrics": ["bug_cuont"]}, "No metric is called 'bug_cuont'. Closest: bug_count"),
        ({"metrics": []}, "No metric is named. Name some of test_count"),
        ({"metrics": ["bug_count"], "by": ["sevrity"]}, "Closest: severity"),
        ({"metrics": ["bug_count"], "by": ["nonsense"]}, "Allowed: product, test, feature"),
        ({"metrics": ["bug_count"], "by": [*measuring.DIMENSIONS[:4]]}, "at most 3"),
        ({"metrics": ["bug_count"], "sort": "test_count"}, "Allowed: bug_count."),
        ({"metrics": ["bug_count"], "bug_statuses": ["opne"]}, "Did you mean 'open'"),
        ({"metrics": ["bug_count"], "period": "someday"}, "is not understood"),
        ({"metrics": ["bug_count"], "product_ids": [7]}, "Product 7 is not known"),
        ({"metrics": ["bug_count"], "test_ids": [7]}, "Test 7 is not known"),
        ({"metrics": ["bug_count"], "feature_ids": [7]}, "Feature 7 is not known"),
        ({"metrics": ["bug_count"], "limit": 201}, "limit"),
        ({"metrics": ["bug_count"], "chart": "pie"}, "Allowed: "),
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_to_do(server, arguments, words):
    with pytest.raises(ToolError) as refusal:
        await server.answer("query_metrics", **arguments)
    assert words in str(refusal.value)


async def test_a_name_that_is_given_twice_counts_once(server):
    arguments = {"metrics": ["bug_count", "bug_count"], "by": ["severity", "severity"]}
    answer = await server.answer("query_metrics", **arguments)
    assert (answer["metrics"], answer["by"]) == (["bug_count"], ["severity"])
