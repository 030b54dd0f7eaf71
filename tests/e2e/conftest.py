"""Servers that have synced, asked at a fixed instant, and commands run in this process."""

import gc
import json
import logging
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
import time_machine
from anyio.from_thread import start_blocking_portal
from fastmcp import Client
from pydantic import SecretStr
from tests.conftest import ANCHOR
from tests.e2e.commands import Done
from tests.e2e.reference import read_world
from tests.e2e.upstream import SECRET, change, complicate

from testio_mcp.app import Source, open_app
from testio_mcp.cli import main
from testio_mcp.sandbox import Sandbox, Scale, serving
from testio_mcp.server import Opening, create_server
from testio_mcp.settings import Loaded, Settings

# Seed, time zone, and whether the world has changed since the first of two syncs.
CASES = {
    "first sync": (1, "UTC", False),
    # The clocks there changed on 1 November.
    "after changes": (20, "America/New_York", True),
}


@dataclass
class Server:
    """`worlds` is what TestIO said before each of the `syncs`, `now` the instant it is asked at."""

    client: Client
    sandbox: Sandbox
    url: str
    zone: ZoneInfo
    home: Path
    now: datetime = ANCHOR + timedelta(hours=4)
    worlds: list[dict[str, Any]] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def world(self) -> dict[str, Any]:
        return self.worlds[-1]

    def status_before(self, kind: str, row: dict[str, Any]) -> str | None:
        """The status at the first sync, where that was another one."""
        then = {old["id"]: old["status"] for old in self.worlds[0][kind]}.get(row["id"])
        return None if then == row["status"] else then

    async def sync(self) -> None:
        self.worlds.append(await read_world(self.url, self.sandbox.token))
        self.syncs.append((await self.answer("sync_data", wait_seconds=15))["sync"])
        # What is read from now on was asked for later than what the sync has read.
        self.now += timedelta(minutes=1)

    async def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return (await self.said(tool, **arguments))[0]

    async def said(self, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
        """Data and text, neither of which may hold a credential."""
        # Only the wall clock moves: time-outs of asyncio go by the monotonic one.
        with time_machine.travel(self.now, tick=True):
            result = await self.client.call_tool(tool, arguments)
        (content,) = result.content
        assert SECRET not in content.text
        assert SECRET not in json.dumps(result.structured_content)
        return result.structured_content, content.text

    async def rows(self, tool: str, page_size: int = 100, **arguments: Any) -> list[dict[str, Any]]:
        """Of all pages, whose frames agree with each other."""
        pages = await self.pages(tool, page_size, **arguments)
        return [row for page in pages for row in page["items"]]

    async def pages(
        self, tool: str, page_size: int = 100, **arguments: Any
    ) -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = []
        while not pages or pages[-1]["has_more"]:
            number = len(pages) + 1
            page = await self.answer(tool, page=number, page_size=page_size, **arguments)
            pages.append(page)
            assert page["returned"] == len(page["items"]) <= page_size
            assert (page["page"], page["page_size"]) == (number, page_size)
            assert page["total"] == pages[0]["total"]
            assert page["has_more"] == (number * page_size < page["total"])
            assert page["freshness"]["state"] == "fresh"
        assert sum(page["returned"] for page in pages) == pages[0]["total"]
        return pages


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=CASES.values(), ids=CASES)
async def server(request, template, tmp_path_factory):
    seed, zone, has_changed = request.param
    sandbox = Sandbox(Scale.SMALL, seed=seed, anchor=ANCHOR, token=f"{SECRET}-token")
    complicate(sandbox.world, ZoneInfo(zone))
    home = tmp_path_factory.mktemp("home")
    shutil.copy(template, home / "cache.db")
    settings = Settings(
        _env_file=None,
        home=home,
        timezone=zone,
        refresh_interval_seconds=0,
        customer_api_token=sandbox.token,
    )
    async with serving(sandbox) as url:
        source = Source(url, SecretStr(sandbox.token), sandbox.host_name)
        opening = Opening(lambda: open_app(Loaded(settings, [], []), source, serving=True))
        async with Client(create_server(opening)) as client:
            server = Server(client, sandbox, url, ZoneInfo(zone), home)
            await server.sync()
            if has_changed:
                change(sandbox.world)
                server.now += timedelta(hours=1)
                await server.sync()
            yield server


@pytest.fixture
def url(sandbox, monkeypatch):
    """The sandbox, served by a thread: commands have event loops of their own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving(sandbox)) as url,
    ):
        monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", url)
        monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", sandbox.token)
        yield url


@pytest.fixture
def run(capfd):
    """Run a command in this process; logging and the garbage collector are as before after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments):
        try:
            code = main([*arguments])
        except SystemExit as exit:
            code = exit.code
        return Done(code, *capfd.readouterr())

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    gc.unfreeze()
    gc.enable()
