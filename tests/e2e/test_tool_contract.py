"""What every client may rely on, of every tool. Accept changed schemas with --snapshot-update."""

import asyncio
import inspect
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytest_asyncio
from fastmcp import Client
from pydantic import SecretStr
from syrupy.extensions.json import JSONSnapshotExtension
from tests.caches import SHOP
from tests.e2e.asking import answers, asked, questions

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import State
from testio_mcp.server import INSTRUCTIONS, Opening, create_server
from testio_mcp.settings import Loaded, Settings
from testio_mcp.tools import TOOLS

MAX_BYTES = 20_000
MAX_NAME = 28
MAX_INSTRUCTIONS = 1_500
NAMES = [tool.__name__ for tool in TOOLS]
ANNOTATIONS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
# Files, which may replace others when that is asked for.
SAVING = {"generate_quality_report"}
WRITING = {"sync_data"} | SAVING

by_tool = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    """Every tool as a client sees it, by name."""
    settings = Settings(_env_file=None, home=tmp_path_factory.mktemp("declared"))

    async def listed():
        opening = Opening(lambda: open_app(Loaded(settings, [], [])))
        async with Client(create_server(opening)) as client:
            return await client.list_tools()

    with ThreadPoolExecutor(1) as threads:
        tools = threads.submit(asyncio.run, listed()).result()
    return {
        tool.name: tool.model_dump(mode="json", exclude_none=True, by_alias=True) for tool in tools
    }


def parameters(tool):
    return tool["inputSchema"].get("properties", {})


def inside(schema):
    """The schema and every schema within it."""
    yield schema
    if isinstance(schema, dict):
        for value in schema.values():
            yield from inside(value)
    if isinstance(schema, list):
        for value in schema:
            yield from inside(value)


@by_tool
def test_a_schema_changes_on_purpose_only(name, declared, snapshot):
    assert declared[name] == snapshot(extension_class=JSONSnapshotExtension)


def test_the_tools_are_those_in_the_table_of_contents(declared):
    assert list(declared) == NAMES


def test_all_tools_fit_into_the_budget(declared):
    listed = json.dumps({"tools": list(declared.values())}, separators=(",", ":"))
    assert len(listed.encode()) <= MAX_BYTES


def test_the_instructions_fit_into_theirs():
    assert len(INSTRUCTIONS) <= MAX_INSTRUCTIONS
    assert [
        word for word in re.findall(r"[a-z]+(?:_[a-z]+)+", INSTRUCTIONS) if "list" in word
    ] != []


def test_the_instructions_name_only_tools_that_there_are(declared):
    named = set(re.findall(r"\b(?:list|get|sync|query|search|generate)_\w+", INSTRUCTIONS))
    assert named <= declared.keys()


@by_tool
def test_a_name_is_short_and_a_title_and_a_description_are_there(name, declared):
    tool = declared[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert len(name) <= MAX_NAME
    assert tool["title"]
    assert tool["description"].endswith(".")


@by_tool
def test_all_four_annotations_say_what_a_tool_does(name, declared):
    annotations = declared[name]["annotations"]
    assert {type(annotations[hint]) for hint in ANNOTATIONS} == {bool}
    assert annotations["readOnlyHint"] is (name not in WRITING)
    assert annotations["destructiveHint"] is (name in SAVING)
    assert annotations["idempotentHint"] is (name not in SAVING)


@by_tool
def test_no_tool_publishes_an_output_schema(name, declared):
    assert "outputSchema" not in declared[name]


@by_tool
def test_input_schemas_hold_only_what_every_client_reads(name, declared):
    schema = declared[name]["inputSchema"]
    found = [part for part in inside(schema) if isinstance(part, dict)]
    assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & {
        key for part in found for key in part
    }
    assert "null" not in [part.get("type") for part in found]
    assert None not in [part["default"] for part in found if "default" in part]


@by_tool
def test_every_parameter_has_a_type_and_a_description(name, declared):
    for parameter, schema in parameters(declared[name]).items():
        assert schema.get("type") in {"string", "integer", "number", "boolean", "array"}, parameter
        assert schema["description"].endswith("."), parameter
        assert schema["type"] != "array" or schema["items"]["type"], parameter


@by_tool
def test_enums_are_words_in_lower_case(name, declared):
    words = [
        word
        for part in inside(declared[name]["inputSchema"])
        if isinstance(part, dict)
        for word in part.get("enum", [])
    ]
    assert [word for word in words if word != word.lower()] == []


def test_a_parameter_means_the_same_in_every_tool(declared):
    meanings = {}
    for tool in declared.values():
        for name, schema in parameters(tool).items():
            meanings.setdefault(name, set()).add((schema["type"], schema["description"]))
    # These are about what the tool lists.
    own = {"statuses", "sort", "period", "product_id", "search"}
    assert {name for name, found in meanings.items() if len(found) > 1} <= own


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_every_tool_answers_clients_of_both_eras_with_text_data_and_freshness(
    era, synced_path, settings, sandbox, api_url
):
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    opening = Opening(lambda: open_app(Loaded(settings, [], []), source, serving=True))
    async with Client(create_server(opening), mode=era) as client:
        found = await answers(client, questions(sandbox.world))
    assert list(found) == NAMES
    for data, text in found.values():
        assert data["freshness"]["state"] == State.FRESH
        assert text.splitlines()[-1].startswith("As of ")
        assert json.loads(json.dumps(data)) == data


of_one_server = pytest.mark.asyncio(loop_scope="module")
LISTING = [name for name in NAMES if name.startswith("list_")]
SORTING = [tool.__name__ for tool in TOOLS if "sort" in inspect.signature(tool).parameters]
# What a list cannot do without.
NEEDED = {name: {"product_id": SHOP} for name in ("list_features", "list_user_stories")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(synced_template, tmp_path_factory):
    async with asked(synced_template, tmp_path_factory.mktemp("home")) as (client, _):
        yield client


@of_one_server
@pytest.mark.parametrize("name", LISTING)
async def test_every_list_says_how_it_is_cut(name, client):
    asked = NEEDED.get(name, {}) | {"page_size": 3}
    first = (await client.call_tool(name, asked)).structured_content
    last = (await client.call_tool(name, asked | {"page": 1000})).structured_content
    assert (first["returned"], first["page"], first["page_size"]) == (3, 1, 3)
    assert first["returned"] == len(first["items"])
    assert first["has_more"] is (first["total"] > 3)
    assert (last["items"], last["total"], last["has_more"]) == ([], first["total"], False)


@of_one_server
@pytest.mark.parametrize("name", [name for name in LISTING if name in SORTING])
async def test_every_order_of_a_list_is_one(name, client, declared):
    orders = parameters(declared[name])["sort"]["enum"]
    assert {order.removeprefix("-") for order in orders} == {
        order for order in orders if not order.startswith("-")
    }
    for order in orders:
        asked = NEEDED.get(name, {}) | {"sort": order, "page_size": 100}
        page = (await client.call_tool(name, asked)).structured_content
        ids = [item["id"] for item in page["items"]]
        assert sorted(ids) == sorted(set(ids))
        if order in {"id", "-id"}:
            assert ids == sorted(ids, reverse=order == "-id")


LISTS = [
    ("list_bugs", "severities", ["critical", "high"]),
    ("list_bugs", "product_ids", [1001, 1004]),
    ("list_tests", "statuses", ["running", "locked"]),
    ("list_products", "types", ["website", "gaming"]),
]


@of_one_server
@pytest.mark.parametrize(("name", "parameter", "values"), LISTS)
async def test_a_list_may_be_written_in_any_usual_way(name, parameter, values, synced_path, client):
    async def total(value):
        answer = await client.call_tool(name, {parameter: value})
        return answer.structured_content["total"]

    words = [str(value) for value in values]
    usual = [values, words, json.dumps(values), ",".join(words), f" {words[0]} , {words[1]}, "]
    usual.append(f"[{','.join(words)}]")
    assert {await total(way) for way in usual} == {await total(values)}
    assert await total(values[0]) == await total([values[0]]) < await total(values)
    every = (await client.call_tool(name)).structured_content["total"]
    assert {await total(empty) for empty in ([], "", "[]", " ")} == {every}
