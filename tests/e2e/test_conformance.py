"""What the protocol can carry passes through the server unchanged, for clients of both eras.

The official suite asks the same components over HTTP: docs/protocol.md.
"""

import json
from base64 import b64decode
from contextlib import nullcontext

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import MISSING_REQUIRED_CLIENT_CAPABILITY, ElicitResult
from tests.e2e import conformance_components as components

from testio_mcp.server import INSTRUCTIONS, Opening
from testio_mcp.tools import TOOLS

both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])


def connected(era, **options):
    return Client(components.create_conforming_server(Opening(nullcontext)), mode=era, **options)


async def answer(message, response_type, params, context):
    """As a person would who takes every default and is called Ada."""
    properties = params.requested_schema["properties"]
    given = {name: schema.get("default", "Ada") for name, schema in properties.items()}
    return ElicitResult(action="accept", content=given)


@both_eras
async def test_a_client_learns_what_it_talks_to(era):
    async with connected(era) as client:
        told = client.server_info
        instructions = client.instructions
    assert told.name == "testio"
    assert instructions == INSTRUCTIONS


@both_eras
async def test_everything_that_is_listed_is_described(era):
    async with connected(era) as client:
        tools = await client.list_tools()
        prompts = await client.list_prompts()
        resources = await client.list_resources()
    assert {tool.__name__ for tool in TOOLS} < {tool.name for tool in tools}
    assert all(thing.description for thing in (*tools, *prompts, *resources))
    assert all(resource.mime_type for resource in resources)


@both_eras
async def test_every_kind_of_content_arrives_as_it_was_sent(era):
    async with connected(era) as client:
        image = (await client.call_tool("test_image_content")).content
        audio = (await client.call_tool("test_audio_content")).content
        mixed = (await client.call_tool("test_multiple_content_types")).content
    assert [(part.type, part.data, part.mime_type) for part in image] == [
        ("image", components.PNG, "image/png")
    ]
    assert [(part.type, part.data) for part in audio] == [("audio", components.WAV)]
    assert [part.type for part in mixed] == ["text", "image", "resource"]
    assert json.loads(mixed[2].resource.text) == {"mixed": True}


@both_eras
async def test_what_a_tool_did_not_mean_to_say_is_masked(era):
    async with connected(era) as client:
        with pytest.raises(ToolError, match="failed on this call") as failed:
            await client.call_tool("test_error_handling")
    assert "on purpose" not in str(failed.value)


@both_eras
async def test_progress_arrives_before_the_answer(era):
    heard = []

    async def hear(done, total, message):
        heard.append((done, total))

    async with connected(era) as client:
        await client.call_tool("test_tool_with_progress", progress_handler=hear)
    assert heard == [(0, 100), (50, 100), (100, 100)]


@both_eras
async def test_resources_and_prompts_of_every_kind_arrive(era):
    async with connected(era) as client:
        binary = await client.read_resource("test://static-binary")
        filled = await client.read_resource("test://template/7/data")
        embedded = await client.get_prompt(
            "test_prompt_with_embedded_resource", {"resourceUri": "test://asked-for"}
        )
        with pytest.raises(MCPError):
            await client.read_resource("test://unknown")
    assert b64decode(binary[0].blob) == b64decode(components.PNG)
    assert json.loads(filled[0].text)["id"] == "7"
    assert str(embedded.messages[0].content.resource.uri) == "test://asked-for"


async def test_a_client_of_the_older_era_can_be_asked_during_a_call():
    async with connected("legacy", elicitation_handler=answer) as client:
        free = await client.call_tool("test_elicitation", {"message": "Who are you?"})
        defaults = await client.call_tool("test_elicitation_sep1034_defaults")
    assert "action=accept" in free.content[0].text
    assert '"response": "Ada"' in free.content[0].text
    assert '"age": 30' in defaults.content[0].text


@pytest.mark.parametrize("kind", ["elicitation", "multi_round", "request_state"])
async def test_a_client_of_the_newer_era_can_be_asked_between_calls(kind):
    async with connected("auto", elicitation_handler=answer) as client:
        told = await client.call_tool(f"{components.PREFIX}_{kind}")
    assert told.content[0].text.startswith("state-ok: ")


async def test_an_error_of_the_protocol_keeps_its_code():
    async with connected("auto") as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("test_missing_capability")
    assert refused.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
