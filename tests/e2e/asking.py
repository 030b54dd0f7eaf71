"""A server to ask, and a question for every tool: what must hold for all is asked of all."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import Client
from pydantic import SecretStr
from tests.caches import GAME
from tests.conftest import ANCHOR

from testio_mcp.app import Source, open_app
from testio_mcp.sandbox import Sandbox, Scale, serving
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings


def questions(world: Any) -> dict[str, dict[str, Any]]:
    """Arguments for each tool, about things that the sandbox has."""
    test = next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)
    bug = world.bug_ids(test)[0]
    return {
        "list_products": {},
        "get_product_summary": {"product_id": GAME},
        "list_tests": {"page_size": 100},
        "get_test_summary": {"test_id": test},
        "list_features": {"product_id": GAME, "page_size": 100},
        "get_feature_summary": {"feature_id": world.test(test)["features"][0]["feature_id"]},
        "list_user_stories": {"test_id": test, "page_size": 100},
        "list_users": {"page_size": 100},
        "get_user_summary": {"user": world.test(test)["created_by"]},
        "list_bugs": {"page_size": 100},
        "get_bug_summary": {"bug_id": bug},
        "search": {"query": "login", "limit": 50},
        "query_metrics": {"metrics": ["bug_count", "test_count"], "by": ["product", "month"]},
        "generate_quality_report": {"product_ids": [GAME], "period": "all"},
        "sync_data": {"product_ids": [GAME], "wait_seconds": 15},
        "get_server_diagnostics": {},
        "get_problematic_tests": {},
    }


async def answers(
    client: Client, asked: Mapping[str, dict[str, Any]]
) -> dict[str, tuple[Any, str]]:
    """The data and the text of each answer."""
    found = {}
    for tool, arguments in asked.items():
        answer = await client.call_tool(tool, arguments)
        [content] = answer.content
        found[tool] = (answer.structured_content, content.text)
    return found


@asynccontextmanager
async def asked(synced: Path, home: Path) -> AsyncIterator[tuple[Client, Sandbox]]:
    """A client of a server whose cache was synced, and the sandbox it was synced with."""
    sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)
    settings = Settings(_env_file=None, home=home, refresh_interval_seconds=0)
    shutil.copytree(synced, home, dirs_exist_ok=True)
    async with serving(sandbox) as url:
        source = Source(url, SecretStr(sandbox.token), sandbox.host_name)
        opening = Opening(lambda: open_app(Loaded(settings, [], []), source))
        async with Client(create_server(opening)) as client:
            yield client, sandbox
