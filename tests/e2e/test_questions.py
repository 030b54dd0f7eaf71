"""What people ask all day, in as few calls as a model that has never seen the server needs."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e import counting, counting_people, reference

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP = "Nordwind Shop"


@pytest.fixture(autouse=True)
def calls(server, monkeypatch):
    """Which tools were called."""
    called = []
    call_tool = server.client.call_tool

    async def counted(name, arguments):
        called.append(name)
        return await call_tool(name, arguments)

    monkeypatch.setattr(server.client, "call_tool", counted)
    return called


async def test_which_tests_run_right_now(server, calls):
    answer, text = await server.said("list_tests", statuses="running", page_size=100)
    expected = {test["id"] for test in server.world["tests"] if test["status"] == "running"}
    assert {row["id"] for row in answer["items"]} == expected
    assert all(f"| {id} |" in text for id in expected)
    assert len(calls) == 1


async def test_how_a_test_is_going_and_its_open_critical_bugs(server, calls):
    test = next(
        test
        for test in server.world["tests"]
        if any(is_open_and_critical(bug) for bug in counting.bugs_of_test(server.world, test["id"]))
    )
    summary, text = await server.said("get_test_summary", test_id=test["id"])
    bugs = counting.bugs_of_test(server.world, test["id"])
    assert summary["test"]["status"] == test["status"]
    assert summary["test"]["bugs"]["total"] == len(bugs)
    assert f"{len(bugs)} bugs" in text
    wanted = {"test_ids": [test["id"]], "statuses": ["open"], "severities": ["critical"]}
    listed = await server.answer("list_bugs", **wanted)
    expected = {bug["id"] for bug in bugs if is_open_and_critical(bug)}
    assert {row["id"] for row in listed["items"]} == expected
    assert len(calls) == 2


def is_open_and_critical(bug):
    return (bug["status"], bug["severity"]) == ("open", "critical")


async def test_everything_about_the_bug_behind_a_link(server, calls):
    bug = next(bug for bug in server.world["bugs"] if bug["details"]["comments"])
    answer, text = await server.said("get_bug_summary", bug_id=bug["details"]["link"])
    assert answer["bug"]["id"] == bug["id"]
    assert len(answer["bug"]["comments"]) == len(bug["details"]["comments"])
    assert bug["details"]["link"] in text
    assert len(calls) == 1


async def test_the_most_fragile_feature_of_a_product_by_its_name(server, calls):
    product = next(row for row in server.world["products"] if row["name"] == SHOP)
    catalogue = await counting_people.read_catalogue(server.url, server.sandbox.token, product)
    rows = [counting_people.feature_row(server.world, found) for found in catalogue.values()]
    worst = max(row["fragility"] for row in rows if row["fragility"] is not None)
    listed = await server.answer("list_features", product_id=SHOP, sort="-fragility", page_size=1)
    [found] = listed["items"]
    assert found["fragility"] == worst
    summary = await server.answer("get_feature_summary", feature_id=found["id"])
    assert summary["feature"]["bugs"]["total"] == found["bugs"]
    assert len(calls) == 2


async def test_whether_a_bug_is_there_already(server, calls):
    answer, text = await server.said("search", query="checkout crashes after coupon", kinds="bug")
    first = answer["items"][0]
    assert {"checkout", "coupon"} <= set(first["title"].casefold().replace(",", "").split())
    assert f"{first['id']}" in text
    bugs = {bug["id"]: bug for bug in server.world["bugs"]}
    assert first["title"] == bugs[first["id"]]["title"]
    assert len(calls) == 1


async def test_which_user_stories_failed_in_a_test(server, calls):
    tests = [test for test in server.world["tests"] if test["status"] == "locked"]
    told = await reference.read_alone(
        server.url, server.sandbox.token, [test["id"] for test in tests]
    )
    id, failed = next((id, stories) for id in told if (stories := sorted(failed_stories(told[id]))))
    answer, _ = await server.said("list_user_stories", test_id=id, execution_status="failed")
    assert sorted(row["title"] for row in answer["items"]) == failed
    assert {row["execution_status"] for row in answer["items"]} == {"failed"}
    assert len(calls) == 1


def failed_stories(test):
    return [
        reference.visible(story["title"])
        for feature in test["features"]
        for story in feature["user_stories"] or []
        if isinstance(story, dict) and story.get("execution_status") == "failed"
    ]


async def test_the_five_most_productive_testers_and_how_good_they_are(server, calls):
    answer, text = await server.said(
        "list_users", type="tester", period="this quarter", sort="-bugs", page_size=5
    )
    numbers = [row["bugs"] for row in answer["items"]]
    assert numbers == sorted(numbers, reverse=True)
    start, end = counting.bounds(("2026-10-01", "now"), server.now, server.zone)
    tests = {
        test["id"]
        for test in server.world["tests"]
        if test["status"] in counting.EXECUTED
        and (counting.is_within(test["end_at"], start, end) or test["status"] == "running")
    }
    best = answer["items"][0]
    theirs = [
        bug
        for bug in server.world["bugs"]
        if bug["reporter"] == best["name"] and bug["test_id"] in tests
    ]
    assert best["bugs"] == len(theirs)
    accepted = [bug for bug in theirs if bug["status"] in {"accepted", "auto_accepted"}]
    assert best["acceptance_rate"] == pytest.approx(len(accepted) / len(theirs))
    assert best["name"] in text
    assert len(calls) == 1


async def test_which_bugs_are_accepted_by_themselves_this_week(server, calls):
    answer = await server.answer("list_bugs", statuses="open", sort="auto_accept_at", page_size=100)
    week = server.now + timedelta(days=7)
    found = {row["id"] for row in answer["items"] if due(row["auto_accept_at"]) <= week}
    expected = {
        bug["id"]
        for bug in server.world["bugs"]
        if bug["status"] == "open"
        and bug["reported_at"]
        and due(bug["reported_at"]) + timedelta(days=10) <= week
    }
    assert found == expected
    assert len(calls) == 1


def due(text):
    return reference.instant_of(text) if text else datetime.max.replace(tzinfo=UTC)


async def test_whether_the_figures_are_current_and_what_is_missing(server, calls):
    answer, text = await server.said("get_server_diagnostics")
    found = answer["diagnostics"]
    assert answer["freshness"]["state"] == "fresh"
    assert found["problems"] == []
    assert "As of" in text
    assert len(calls) == 1


async def test_a_weekday_alone_is_when_changes_begin(server, calls):
    alone = await server.answer("list_tests", changed_since="Monday", page_size=100)
    since = await server.answer("list_tests", changed_since="since monday", page_size=100)
    assert (alone["items"], len(calls)) == (since["items"], 2)


async def test_what_changed_since_monday(server, calls):
    tests = await server.answer("list_tests", changed_since="since monday", page_size=100)
    bugs = await server.answer("list_bugs", changed_since="since monday", page_size=100)
    moved = {
        test["id"]: server.status_before("tests", test)
        for test in server.world["tests"]
        if server.status_before("tests", test)
        and test["id"] in {old["id"] for old in server.worlds[0]["tests"]}
    }
    found = {row["id"]: row["previous_status"] for row in tests["items"]}
    assert {id: before for id, before in found.items() if before} == moved
    monday, _ = counting.bounds(("2026-11-16", None), server.now, server.zone)
    new = {
        bug["id"]
        for bug in server.world["bugs"]
        if counting.is_within(bug["reported_at"], monday, None)
    }
    assert {row["id"] for row in bugs["items"] if row["change"] == "new"} == new
    assert bugs["total"] >= len(new)
    assert len(calls) == 2
