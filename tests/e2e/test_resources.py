"""Resources through a client: the playbook, the metrics and the schema."""

import re

import pytest
from fastmcp import Client
from tests.e2e.test_prompts import NAMES, TOOL_NAME, served

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.domain.figures import RATES
from testio_mcp.server import INSTRUCTIONS
from testio_mcp.tables import metadata

URIS = {"testio://playbook", "testio://metrics", "testio://schema"}

in_both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])


async def read(client: Client, uri: str) -> str:
    [content] = await client.read_resource(uri)
    assert content.mime_type == "text/markdown"
    return content.text


@in_both_eras
async def test_resources_are_listed_with_what_they_hold(settings, sandbox, era):
    async with served(settings, sandbox, era) as client:
        resources = await client.list_resources()
    assert {str(resource.uri) for resource in resources} == URIS
    for resource in resources:
        assert resource.title
        assert resource.description.endswith(".")
        assert resource.mime_type == "text/markdown"


@in_both_eras
@pytest.mark.parametrize("uri", sorted(URIS))
async def test_every_resource_can_be_read(settings, sandbox, era, uri):
    async with served(settings, sandbox, era) as client:
        text = await read(client, uri)
    assert text.startswith("# ")
    assert "$" not in text


async def test_the_playbook_has_the_thresholds_of_the_settings(settings, sandbox):
    settings = settings.model_copy(update={"threshold_review_critical": 0.5})
    async with served(settings, sandbox) as client:
        text = await read(client, "testio://playbook")
    assert "| review_rate | 80 % or less | 50 % or less |" in text
    assert "| auto_acceptance_rate | 20 % or more | 40 % or more |" in text
    assert [rate for rate in RATES if f"| {rate} |" not in text] == []


async def test_the_playbook_and_the_instructions_name_only_what_there_is(settings, sandbox):
    async with served(settings, sandbox) as client:
        text = await read(client, "testio://playbook")
    named = {tool for part in (text, INSTRUCTIONS) for tool in TOOL_NAME.findall(part)}
    assert len(named) > 5
    assert named - NAMES == set()
    metrics = set(re.findall(r"\b[a-z_]+_rate\b", text))
    assert metrics == set(RATES)
    assert set(re.findall("testio://[a-z]+", INSTRUCTIONS)) <= URIS


async def test_every_metric_and_dimension_is_defined(settings, sandbox):
    async with served(settings, sandbox) as client:
        text = await read(client, "testio://metrics")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    assert rows == {name: metric.definition for name, metric in METRICS.items()} | {
        name: dimension.description for name, dimension in DIMENSIONS.items()
    }


async def test_every_table_and_column_is_in_the_schema(settings, sandbox):
    async with served(settings, sandbox) as client:
        text = await read(client, "testio://schema")
    chapters = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(chapters) != []
    assert set(chapters) == set(metadata.tables)
    for name, table in metadata.tables.items():
        rows = re.findall(r"^\| `(\w+)` \|", chapters[name], re.MULTILINE)
        assert sorted(rows) == sorted(column.name for column in table.columns), name
