"""Faults on request, as a client sees them over HTTP."""

import asyncio
import json
import logging
from datetime import UTC, datetime

import httpx
import pytest

from testio_mcp.sandbox import Fault, FaultKind, Sandbox, serving

ANCHOR = datetime(2026, 11, 21, 3, tzinfo=UTC)
SHOP, BANK = 1001, 1002
LIST = f"products/{SHOP}/exploratory_tests"


@pytest.fixture
def sandbox():
    return Sandbox(anchor=ANCHOR)


@pytest.fixture
async def client(sandbox):
    headers = {"Authorization": "Token sandbox"}
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(base_url=url, headers=headers, verify=False) as client,
    ):
        yield client


async def statuses(client, path, times, **query):
    return [(await client.get(path, params=query or None)).status_code for _ in range(times)]


async def test_a_status_is_answered_as_often_as_asked_for(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, times=2, status=503))
    assert await statuses(client, "products", 3) == [503, 503, 200]


async def test_without_times_a_fault_lasts_until_faults_are_cleared(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, status=502))
    assert await statuses(client, "products", 3) == [502, 502, 502]
    sandbox.faults.clear()
    assert await statuses(client, "products", 1) == [200]


async def test_an_error_may_have_a_body_in_json_or_html(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.STATUS, times=1, status=500))
    sandbox.faults.add(Fault("products", FaultKind.STATUS, times=1, status=524, html=True))
    first, second = await client.get("products"), await client.get("products")
    assert first.json()["error"]
    assert (second.status_code, second.text[:15]) == (524, "<!doctype html>")
    assert second.headers["content-type"].startswith("text/html")


async def test_faults_of_other_paths_do_no_harm(sandbox, client):
    sandbox.faults.add(Fault("products/*/exploratory_tests", FaultKind.STATUS))
    assert await statuses(client, LIST, 1) == [500]
    assert await statuses(client, "products", 1) == [200]


async def test_a_fault_can_be_bound_to_a_page(sandbox, client):
    sandbox.faults.add(Fault(LIST, FaultKind.STATUS, query={"page": "2"}))
    assert await statuses(client, LIST, 1, page=1, per_page=5) == [200]
    assert await statuses(client, LIST, 1, page=2, per_page=5) == [500]


@pytest.mark.parametrize(("seconds", "header"), [(7, "7"), (0.5, "0.5"), (None, None)])
async def test_too_many_requests_come_with_a_time_to_wait(sandbox, client, seconds, header):
    sandbox.faults.add(Fault("bugs", FaultKind.RATE_LIMITED, times=1, retry_after=seconds))
    answer = await client.get("bugs?filter_test_cycle_ids=1")
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, header)
    assert await statuses(client, "bugs?filter_test_cycle_ids=1", 1) == [200]


async def test_a_delay_ends_in_a_time_out(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.DELAY, seconds=600, times=1))
    with pytest.raises(httpx.ReadTimeout):
        await client.get("products", timeout=0.05)
    assert await statuses(client, "products", 1) == [200]


async def test_a_short_delay_changes_nothing_but_the_time(sandbox, client):
    usual = await client.get("products")
    sandbox.faults.add(Fault("products", FaultKind.DELAY, seconds=0.01))
    assert (await client.get("products")).content == usual.content


async def test_a_delay_can_be_followed_by_another_fault(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.DELAY, seconds=0.01))
    sandbox.faults.add(Fault("products", FaultKind.STATUS, status=504, times=1))
    assert await statuses(client, "products", 2) == [504, 200]


async def test_json_can_be_cut_in_half(sandbox, client):
    usual = await client.get("products")
    sandbox.faults.add(Fault("products", FaultKind.TRUNCATED_JSON, times=1))
    answer = await client.get("products")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert usual.content.startswith(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_html_can_come_in_the_place_of_json(sandbox, client):
    sandbox.faults.add(Fault("products", FaultKind.HTML_BODY, times=1))
    answer = await client.get("products")
    assert (answer.status_code, answer.text[:15]) == (200, "<!doctype html>")


@pytest.mark.parametrize("midway", [False, True])
async def test_a_connection_can_be_dropped_before_or_within_the_answer(
    sandbox, client, midway, caplog, capsys
):
    caplog.set_level(logging.INFO, "uvicorn")
    caplog.set_level(logging.INFO, "asyncio")
    sandbox.faults.add(Fault("products", FaultKind.DROPPED_CONNECTION, times=1, midway=midway))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.get("products")
    assert await statuses(client, "products", 1) == [200]
    assert [record for record in caplog.records if record.name.split(".")[0] != "httpx"] == []
    assert capsys.readouterr() == ("", "")


async def test_without_a_socket_a_dropped_connection_is_an_error(sandbox):
    sandbox.faults.add(Fault("products", FaultKind.DROPPED_CONNECTION))
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        with pytest.raises(ConnectionResetError):
            await client.get("/customer/v2/products")


async def test_paging_can_be_ignored(sandbox, client, world):
    sandbox.faults.add(Fault(LIST, FaultKind.IGNORE_PAGING))
    for page in (1, 2):
        answer = await client.get(LIST, params={"page": page, "per_page": 5})
        rows = answer.json()["exploratory_tests"]
        assert [row["id"] for row in rows] == world.test_ids(SHOP)


async def test_pages_can_be_smaller_than_asked_for(sandbox, client, world):
    sandbox.faults.add(Fault(LIST, FaultKind.CAP_PER_PAGE, cap=7))
    answer = await client.get(LIST, params={"page": 2, "per_page": 25})
    rows = answer.json()["exploratory_tests"]
    assert [row["id"] for row in rows] == world.test_ids(SHOP)[7:14]


async def test_a_missing_section_can_be_answered_with_500(sandbox, client):
    sandbox.faults.add(Fault("products/*/features", FaultKind.SECTIONS_500))
    assert await statuses(client, f"products/{BANK}/features", 1) == [500]
    assert await statuses(client, f"products/{SHOP}/features", 1) == [200]
    section = f"products/{BANK}/sections/70011/features"
    assert await statuses(client, section, 1) == [200]


@pytest.mark.parametrize("per_page", [1, 5, 25])
async def test_every_page_with_a_poisoned_test_breaks(client, world, per_page):
    position = 7
    test_id = world.test_ids(SHOP)[position]
    world.poison_test(test_id)
    bad = position // per_page + 1
    for page in range(1, 24 // per_page + 2):
        expected = 500 if page == bad else 200
        assert await statuses(client, LIST, 1, page=page, per_page=per_page) == [expected]
    assert await statuses(client, LIST, 1) == [500]
    assert await statuses(client, f"exploratory_tests/{test_id}", 1) == [500]
    assert await statuses(client, f"bugs?filter_test_cycle_ids={test_id}", 1) == [200]


async def test_a_poisoned_test_can_be_readable_alone(client, world):
    test_id = world.test_ids(SHOP)[3]
    world.poison_test(test_id, single_ok=True)
    assert await statuses(client, LIST, 1, page=1) == [500]
    assert await statuses(client, f"exploratory_tests/{test_id}", 1) == [200]


async def test_a_healed_test_breaks_nothing(client, world):
    test_id = world.test_ids(SHOP)[3]
    world.poison_test(test_id)
    world.heal_test(test_id)
    assert await statuses(client, LIST, 1, page=1) == [200]
    assert await statuses(client, f"exploratory_tests/{test_id}", 1) == [200]


@pytest.mark.parametrize("value", ["on_fire", 17, None, ["accepted"], {"key": 1}, "\ud800"])
async def test_any_value_can_be_put_in_a_field_of_a_bug(client, world, value):
    test_id = world.test_ids(SHOP)[4]
    bug_id = world.bug_ids(test_id)[1]
    for field in ("status", "author", "test_feature", "devices", "id"):
        world.set_field("bug", bug_id, field, value)
        alone = (await client.get(f"bugs/{bug_id}")).json()["bug"]
        listed = (await client.get(f"bugs?filter_test_cycle_ids={test_id}")).json()["bugs"][1]
        assert alone == listed
        assert alone[field] == value
    assert await statuses(client, f"exploratory_tests/{test_id}", 1) == [200]


@pytest.mark.parametrize("field", ["id", "severity", "status", "test", "author", "devices"])
async def test_any_field_of_a_bug_can_be_left_out(client, world, field):
    test_id = world.test_ids(SHOP)[4]
    bug_id = world.bug_ids(test_id)[0]
    world.drop_field("bug", bug_id, field)
    bugs = (await client.get(f"bugs?filter_test_cycle_ids={test_id}")).json()["bugs"]
    assert field not in bugs[0]
    assert all(field in bug for bug in bugs[1:])
    assert await statuses(client, f"exploratory_tests/{test_id}?includes[]=user_stories", 1) == [
        200
    ]


@pytest.mark.parametrize("field", ["id", "status", "end_at", "features", "product"])
async def test_any_field_of_a_test_can_be_wrong_or_left_out(client, world, field):
    test_id = world.test_ids(SHOP)[4]
    world.set_field("test", test_id, field, 12.5)
    assert (await client.get(f"exploratory_tests/{test_id}")).json()["exploratory_test"][
        field
    ] == 12.5
    world.drop_field("test", test_id, field)
    assert (
        field not in (await client.get(f"exploratory_tests/{test_id}")).json()["exploratory_test"]
    )
    rows = (await client.get(LIST)).json()["exploratory_tests"]
    assert sum(field not in row for row in rows) == 1


async def test_requests_wait_for_the_latency_side_by_side():
    sandbox = Sandbox(anchor=ANCHOR, latency=0.05)
    async with (
        serving(sandbox) as url,
        httpx.AsyncClient(
            base_url=url, headers={"Authorization": "Token sandbox"}, verify=False
        ) as client,
    ):
        await asyncio.gather(*(client.get("products") for _ in range(8)))
    assert sandbox.max_in_flight == 8
