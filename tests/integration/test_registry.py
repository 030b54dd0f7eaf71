"""Services are built from what is registered, each on a session of its own."""

import anyio
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from tests.caches import rows
from tests.factories import SyncRunFactory

from testio_mcp.app import open_app
from testio_mcp.server import Opening, create_server
from testio_mcp.services import registry
from testio_mcp.services.registry import FACTORIES
from testio_mcp.services.syncs import SyncService
from testio_mcp.settings import Loaded
from testio_mcp.tools.define import SERVICES


class Unregistered:
    """A service that somebody forgot to register."""


class Broken:
    """A service whose factory takes what no scope has."""


def is_free(path):
    """Whether no session holds a transaction, which would pin the log."""
    [(busy, _, _)] = rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return not busy


def test_every_service_that_tools_use_is_registered_and_every_registered_one_is_used():
    assert set(FACTORIES) == SERVICES


async def test_everything_that_is_registered_can_be_built(app):
    app.services.check(FACTORIES)


async def test_a_service_that_is_not_registered_is_named(app):
    with pytest.raises(LookupError, match="Unregistered is not registered"):
        app.services.check([SyncService, Unregistered])


async def test_a_factory_that_cannot_build_its_service_is_named(app, monkeypatch):
    monkeypatch.setitem(registry.FACTORIES, Broken, lambda scope: scope.nothing)
    with pytest.raises(LookupError, match=r"Broken cannot be built: .*nothing"):
        app.services.check([Broken])


@pytest.mark.parametrize("token", ["sandbox", None], ids=["usual", "without a token"])
async def test_without_a_usable_cache_nothing_is_wrong_with_the_registry(settings, token, path):
    path.write_bytes(b"garbage" * 1000)
    broken = settings.model_copy(update={"customer_api_token": token, "home": path})
    async with open_app(Loaded(broken, [], [])) as app:
        app.services.check(FACTORIES)


async def test_a_server_with_a_forgotten_service_fails_at_its_start(settings, monkeypatch):
    monkeypatch.setattr("testio_mcp.server.SERVICES", {Unregistered})
    opening = Opening(lambda: open_app(Loaded(settings, [], [])))
    async with Client(create_server(opening)) as client:
        with pytest.raises(ToolError, match="The server failed"):
            await client.call_tool("get_server_diagnostics")
        with pytest.raises(LookupError, match="Unregistered is not registered"):
            await opening.get()


async def test_a_service_reads_nothing_that_was_written_after_its_first_question(
    synced, save, path
):
    async with synced.services.open(SyncService) as first:
        before = await first.history()
        await save(SyncRunFactory(id=1000))
        assert await first.history() == before
        async with synced.services.open(SyncService) as second:
            assert len(await second.history()) == len(before) + 1
    assert is_free(path)


async def test_a_service_whose_caller_fails_or_is_cancelled_is_closed(synced, path):
    async def ask(then):
        async with synced.services.open(SyncService) as service:
            await service.history()
            await then()

    async def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(fail)
    assert is_free(path)
    with anyio.move_on_after(0.1):
        await ask(anyio.sleep_forever)
    assert is_free(path)


async def test_many_services_at_once_answer_alike(synced, path):
    answers = []

    async def ask():
        async with synced.services.open(SyncService) as service:
            answers.append(await service.history())

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert answers == [answers[0]] * 20
    assert is_free(path)
