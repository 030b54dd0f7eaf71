"""What was never read of features and people is unknown, and read when somebody asks."""

import pytest
from fastmcp.exceptions import ToolError
from tests.caches import GAME, SHOP, change, rows, sync
from tests.reading import OLD, served

from testio_mcp.sandbox import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("unhurried")


async def ask(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    return answer.structured_content, answer.content[0].text


async def test_bugs_that_were_never_read_are_unknown_and_no_zero(path, settings, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.STATUS, status=503))
    async with served(settings, sandbox, read_budget_seconds=0) as (client, reader):
        assert (await sync(reader.app)).state == "partial"
        data, text = await ask(client, "list_features", product_id=SHOP, sort="-fragility")
        tested = [row for row in data["items"] if row["tests"]]
        assert tested
        figures = {(row["bugs"], row["bugs_per_test"], row["fragility"]) for row in tested}
        assert figures == {(None, None, None)}
        assert "not synced yet" in text
        assert "n/a" in text
        feature_id = tested[0]["id"]
        data, text = await ask(client, "get_feature_summary", feature_id=feature_id)
        feature = data["feature"]
        assert feature["tests"] == tested[0]["tests"]
        assert feature["bugs"]["total"] is None
        assert {month["bugs"] for month in feature["trend"] if month["tests"]} == {None}
        assert sum(month["tests"] for month in feature["trend"]) <= feature["tests"]
        assert {test["bugs"] for test in feature["latest_tests"]} == {None}
        assert "Bugs of this feature in executed tests: not synced yet." in text


async def test_of_a_feature_some_of_whose_bugs_were_never_read_no_mean_is_told(
    synced_path, settings, sandbox
):
    async with served(settings, sandbox, offline=True) as (client, _):
        data, _ = await ask(client, "list_features", product_id=SHOP, sort="-fragility")
        worst, tested = data["items"][0], [row["id"] for row in data["items"] if row["tests"]]
        summary, _ = await ask(client, "get_product_summary", product_id=SHOP)
        assert summary["product"]["fragile_features"][0]["id"] == worst["id"]
        of_worst = "SELECT test_id FROM test_features WHERE feature_id = ?"
        change(
            synced_path,
            f"DELETE FROM stamps WHERE kind = 'bugs' AND id = (SELECT max(id) FROM tests "
            f"WHERE status = 'archived' AND id IN ({of_worst}))",
            worst["id"],
        )
        data, _ = await ask(client, "list_features", product_id=SHOP, sort="-fragility")
        [row] = [row for row in data["items"] if row["id"] == worst["id"]]
        assert (row["tests"], row["bugs"]) == (worst["tests"], worst["bugs"])
        assert (row["bugs_per_test"], row["fragility"]) == (None, None)
        assert any(row["fragility"] for row in data["items"])
        summary, _ = await ask(client, "get_product_summary", product_id=SHOP)
        fragile = [feature["id"] for feature in summary["product"]["fragile_features"]]
        assert worst["id"] not in fragile
        # Where none was read, the bugs of that feature are unknown, those of others are not.
        change(
            synced_path,
            f"DELETE FROM stamps WHERE kind = 'bugs' AND id IN ({of_worst})",
            worst["id"],
        )
        change(
            synced_path,
            f"UPDATE bugs SET deleted_at = ? WHERE test_id IN ({of_worst})",
            OLD,
            worst["id"],
        )
        data, _ = await ask(client, "list_features", product_id=SHOP, page_size=100)
        bugs = {row["id"]: row["bugs"] for row in data["items"]}
        assert bugs[worst["id"]] is None
        assert any(bugs[id] for id in tested)


async def test_a_catalogue_that_was_never_read_is_said_to_be_missing(path, settings, sandbox):
    sandbox.faults.add(Fault(f"products/{GAME}/*features", FaultKind.STATUS, status=503))
    async with served(settings, sandbox, read_budget_seconds=0) as (client, reader):
        await sync(reader.app)
        data, text = await ask(client, "list_features", product_id=GAME)
        assert (data["total"], data["freshness"]["state"]) == (0, "stale")
        assert any("have not been read yet" in line for line in data["freshness"]["incomplete"])
        assert "No features match in what was read." in text
        # Nothing that this list rests on was ever read.
        with pytest.raises(ToolError, match=r"never read from TestIO.*503"):
            await client.call_tool("list_user_stories", {"product_id": GAME})


async def test_people_of_whom_testio_has_nothing_any_more_are_not_told(
    synced_path, settings, sandbox
):
    async with served(settings, sandbox) as (client, _):
        for type, statement in (
            ("tester", "UPDATE bugs SET deleted_at = ? WHERE reporter_id = ?"),
            (
                "customer",
                "UPDATE tests SET deleted_at = ? WHERE ? IN (created_by_id, submitted_by_id)",
            ),
        ):
            data, _ = await ask(client, "list_users", type=type, page_size=100)
            gone, total = data["items"][0]["id"], data["total"]
            change(synced_path, statement, OLD, gone)
            data, _ = await ask(client, "list_users", type=type, page_size=100)
            assert gone not in {row["id"] for row in data["items"]}
            assert data["total"] < total
            with pytest.raises(ToolError, match=f"User {gone} is not known"):
                await client.call_tool("get_user_summary", {"user": gone})


async def test_a_name_that_a_tester_and_a_customer_user_have_names_both(
    synced_path, settings, sandbox
):
    names = dict(rows(synced_path, "SELECT type, min(id) FROM users GROUP BY type"))
    change(synced_path, "UPDATE users SET name = 'Kim Two' WHERE id IN (?, ?)", *names.values())
    async with served(settings, sandbox) as (client, _):
        both = ", ".join(
            rf"Kim Two \({type}, id {id}\)"
            for type, id in sorted(names.items(), key=lambda n: n[1])
        )
        with pytest.raises(ToolError, match=f"'kim two' fits 2 people: {both}"):
            await client.call_tool("get_user_summary", {"user": "kim two"})
        for type, id in names.items():
            data, _ = await ask(client, "get_user_summary", user=id)
            assert (data["user"]["type"], data["user"]["name"]) == (type, "Kim Two")


async def test_over_an_empty_cache_a_name_waits_for_the_first_sync(path, settings, sandbox):
    async with served(settings, sandbox) as (client, _):
        data, _ = await ask(client, "get_user_summary", user="rui falcao")
        assert data["user"]["name"] == "Rui Falc\u00e3o"
        assert data["freshness"]["state"] == "fresh"


async def test_offline_and_empty_it_is_not_said_that_nobody_is_called_so(path, settings, sandbox):
    async with served(settings, sandbox, offline=True) as (client, _):
        for user in ("Rui", "5"):
            with pytest.raises(ToolError, match="offline, and nothing was read before"):
                await client.call_tool("get_user_summary", {"user": user})
        with pytest.raises(ToolError, match=r"is not in the local copy|offline"):
            await client.call_tool("list_features", {"product_id": SHOP})
