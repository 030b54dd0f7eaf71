"""A question for every tool, so that what must hold for all of them is asked of all of them."""

from collections.abc import Mapping
from typing import Any

from fastmcp import Client
from tests.caches import GAME


def questions(world: Any) -> dict[str, dict[str, Any]]:
    """Arguments for each tool, about things that the sandbox has."""
    test = next(id for id in world.test_ids(GAME) if len(world.bug_ids(id)) > 2)
    bug = world.bug_ids(test)[0]
    return {
        "list_products": {},
        "get_product_summary": {"product_id": GAME},
        "list_tests": {"page_size": 100},
        "get_test_summary": {"test_id": test},
        "list_bugs": {"page_size": 100},
        "get_bug_summary": {"bug_id": bug},
        "sync_data": {"product_ids": [GAME], "wait_seconds": 15},
        "get_server_diagnostics": {},
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
