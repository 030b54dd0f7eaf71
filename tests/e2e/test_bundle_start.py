"""The bundle as Claude Desktop unpacks and starts it, with the Python of the tests for uv's."""

import asyncio
import sys
import zipfile

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from scripts.bundle import build, manifest
from tests.caches import GAME

from testio_mcp.prompts import PROMPTS
from testio_mcp.tools import TOOLS


@pytest.fixture
def unpacked(tmp_path):
    folder = tmp_path / "Claude Extensions" / "testio"
    with zipfile.ZipFile(build(tmp_path / "dist")) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def environment(unpacked, home, sandbox, api_url):
    """What the host makes of the answers of a person who gives the token and nothing else."""
    environment = manifest()["server"]["mcp_config"]["env"]
    answers = {name: option.get("default") for name, option in manifest()["user_config"].items()}
    answers["customer_api_token"] = sandbox.token
    for name, answer in answers.items():
        placeholder = f"${{user_config.{name}}}"
        environment = {
            key: value.replace(placeholder, answer) for key, value in environment.items()
        }
    return {
        **environment,
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": str(unpacked / "src"),
        "TESTIO_CUSTOMER_API_BASE_URL": api_url,
    }


async def test_what_is_unpacked_is_what_runs(unpacked, environment):
    asked = "import testio_mcp.database.migrations as found; print(found.__file__, found.SCRIPTS)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", asked),
        env=environment,
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert printed.decode().count(str(unpacked)) == 2


async def test_it_syncs_and_answers_with_what_it_brings_along(unpacked, environment):
    entry_point = str(unpacked / manifest()["server"]["entry_point"])
    transport = StdioTransport(
        sys.executable, [entry_point], env=environment, cwd="/", keep_alive=False
    )
    async with Client(transport) as client:
        tools = await client.list_tools()
        synced = await client.call_tool("sync_data", {"product_ids": [GAME], "wait_seconds": 15})
        products = await client.call_tool("list_products")
        report = await client.call_tool(
            "generate_quality_report", {"product_ids": [GAME], "format": "html"}
        )
        prompt = await client.get_prompt(PROMPTS[0].name)
        playbook = await client.read_resource("testio://playbook")
    assert [tool.name for tool in tools] == [tool.__name__ for tool in TOOLS]
    assert synced.structured_content["sync"]["state"] == "ok"
    assert products.structured_content["total"] > 0
    assert report.structured_content
    assert prompt.messages[0].content.text
    assert playbook[0].text
