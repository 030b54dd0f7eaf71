"""The app opens whatever is wrong, says what, and closes everything it opened."""

import asyncio
from contextlib import asynccontextmanager

import anyio
import pytest
from pydantic import SecretStr
from tests.caches import BANK, GAME, change, ids, latest_run, rows, sync
from tests.factories import CustomerFactory, ProductFactory
from tests.watching import until

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import State
from testio_mcp.domain.products import ProductFilter, ProductSort
from testio_mcp.domain.slice import Paging
from testio_mcp.errors import (
    ConfigurationError,
    DatabaseError,
    DatabaseNewer,
    InvalidRequest,
    TestIOMcpError,
)
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.services.diagnostics import DiagnosticsService
from testio_mcp.services.products import ProductService
from testio_mcp.services.registry import FACTORIES
from testio_mcp.settings import Loaded
from testio_mcp.sync.background import Background
from testio_mcp.sync.lock import SyncLock

GARBAGE = b"no database at all " * 1000


@pytest.fixture
def opened(settings, sandbox, api_url):
    """Open an app with some settings changed; without `token` there is none."""

    @asynccontextmanager
    async def opened(token=sandbox.token, problems=(), host=sandbox.host_name, **changes):
        changed = settings.model_copy(update=changes)
        source = Source(api_url, SecretStr(token) if token else None, host)
        async with open_app(Loaded(changed, [*problems], []), source) as app:
            yield app

    return opened


async def products(app):
    paging = Paging(1, 20, ProductSort.ID)
    async with app.services.open(ProductService) as service:
        return await service.list(ProductFilter(), paging)


async def diagnosed(app):
    async with app.services.open(DiagnosticsService) as service:
        return await service.get()


async def test_with_nothing_wrong_it_is_ready(opened):
    async with opened() as app:
        answer = await diagnosed(app)
    assert (answer.diagnostics.ready, answer.diagnostics.problems) == (True, [])
    assert answer.diagnostics.api.reachable is True


async def test_without_a_token_and_a_cache_every_question_is_answered_with_what_to_set(opened):
    async with opened(token=None) as app:
        with pytest.raises(ConfigurationError, match="TESTIO_CUSTOMER_API_TOKEN"):
            await products(app)
        answer = await diagnosed(app)
        assert app.syncer.current is None
    assert answer.diagnostics.ready is False
    assert "TESTIO_CUSTOMER_API_TOKEN" in answer.diagnostics.problems[0]
    assert answer.freshness.state == State.NEVER_SYNCED
    assert "TESTIO_CUSTOMER_API_TOKEN" in answer.freshness.reason


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"token": None}, "TESTIO_CUSTOMER_API_TOKEN"),
        ({"problems": ["TESTIO_TIMEZONE is wrong."]}, "TESTIO_TIMEZONE is wrong."),
        ({"sync_since": "some day"}, "TESTIO_SYNC_SINCE is not valid"),
    ],
    ids=["no token", "bad setting", "bad period"],
)
async def test_what_is_cached_is_served_as_stale_with_what_is_wrong(
    synced_path, sandbox, opened, wrong, said
):
    async with opened(**wrong) as app:
        page = await products(app)
        with pytest.raises(ConfigurationError, match=said):
            await sync(app)
    assert page.total == len(sandbox.world.product_ids())
    assert page.freshness.state == State.STALE
    assert said in page.freshness.reason
    assert sandbox.request_count == 0


async def test_a_refused_token_leaves_the_cache_to_be_served_as_stale(synced_path, opened, sandbox):
    async with opened(token="wrong") as app:
        with pytest.raises(TestIOMcpError):
            await sync(app)
        page = await products(app)
    assert page.freshness.state == State.STALE
    assert "refused the API token" in page.freshness.reason


async def test_a_damaged_cache_is_moved_aside_with_its_logs_and_built_anew(
    save, database, path, opened
):
    await save(ProductFactory(id=7))
    await database.close()
    log = path.with_name("cache.db-wal").read_bytes()
    with path.open("r+b") as file:
        file.write(GARBAGE)
    damaged = path.read_bytes()
    async with opened() as app:
        answer = await diagnosed(app)
        await sync(app, product_ids=(GAME,))
    moved = {file.name: file for file in path.parent.glob("*damaged*")}
    name = min(moved)
    assert moved.keys() == {name, f"{name}-wal", f"{name}-shm"}
    assert moved[name].read_bytes() == damaged
    assert moved[f"{name}-wal"].read_bytes() == log
    assert name in answer.diagnostics.warnings[0]
    assert ids(path, "products") == [GAME]


async def test_damage_that_is_met_later_is_repaired_by_the_next_start(synced_path, opened):
    """What is looked at when it is opened lies in the first third of the file."""
    size = synced_path.stat().st_size
    with synced_path.open("r+b") as file:
        file.seek(size // 3 // 8192 * 8192)
        file.write(b"x" * size)
    async with opened() as app:
        with pytest.raises(DatabaseError, match="Restart: it is then moved aside"):
            await products(app)
        answer = await diagnosed(app)
    assert answer.diagnostics.ready is False
    assert "Restart: it is then moved aside" in answer.diagnostics.problems[0]
    async with opened() as app:
        assert (await diagnosed(app)).diagnostics.ready
        assert (await sync(app, product_ids=(GAME,))).state == "ok"
    async with opened() as app:
        assert (await products(app)).total == 1
    assert len([*synced_path.parent.glob("*damaged*[0-9]")]) == 1


async def test_a_path_that_cannot_be_is_no_reason_not_to_answer(opened, tmp_path):
    async with opened(db_path=tmp_path / ("x" * 300) / "cache.db") as app:
        answer = await diagnosed(app)
    assert "TESTIO_DB_PATH" in answer.diagnostics.problems[0]


async def test_a_damaged_cache_that_another_process_syncs_is_left_and_said_so(path, opened):
    path.write_bytes(GARBAGE)
    with SyncLock(path).held():
        async with opened() as app:
            with pytest.raises(DatabaseError, match=r"cache\.db is damaged.*another process"):
                await products(app)
            answer = await diagnosed(app)
    assert path.read_bytes() == GARBAGE
    assert answer.freshness.state == State.NEVER_SYNCED
    assert "cache.db" in answer.diagnostics.problems[0]


async def test_a_newer_cache_says_to_update_and_diagnostics_works(path, opened):
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    async with opened() as app:
        with pytest.raises(DatabaseNewer, match="Update testio-mcp"):
            await products(app)
        answer = await diagnosed(app)
        app.start_keeping_fresh()
    assert answer.diagnostics.ready is False
    assert "Update testio-mcp" in answer.diagnostics.problems[0]
    assert answer.freshness.state == State.NEVER_SYNCED


async def test_a_process_whose_cache_is_upgraded_under_it_reads_on_and_says_to_restart(
    synced_path, synced
):
    change(synced_path, "UPDATE alembic_version SET version_num = '9999'")
    before = rows(synced_path, "SELECT * FROM sync_runs")
    assert (await products(synced)).freshness.state == State.FRESH
    with pytest.raises(DatabaseNewer, match="Restart"):
        await sync(synced)
    page = await products(synced)
    assert page.total == 4
    assert page.freshness.state == State.STALE
    assert "Restart" in page.freshness.reason
    assert rows(synced_path, "SELECT * FROM sync_runs") == before


@pytest.mark.parametrize("customer", [{"id": 9}, {"id": 0, "host": "api.test.io"}])
async def test_the_cache_of_another_customer_or_host_is_not_opened(save, opened, customer):
    await save(CustomerFactory(**customer))
    async with opened() as app:
        with pytest.raises(ConfigurationError, match=r"cache\.db (belongs to|holds data of)"):
            await products(app)
        assert app.syncer is None


@pytest.mark.parametrize("service", FACTORIES, ids=lambda service: service.__name__)
async def test_every_service_says_why_there_is_no_cache(path, opened, service):
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    async with opened() as app:
        if service is DiagnosticsService:
            assert not (await diagnosed(app)).diagnostics.ready
        else:
            with pytest.raises(DatabaseNewer):
                async with app.services.open(service):
                    pass


async def test_a_limit_to_products_holds_for_syncs_and_answers(synced_path, opened, sandbox):
    async with opened(product_ids=(GAME, BANK)) as app:
        page = await products(app)
        report = await sync(app)
        with pytest.raises(InvalidRequest, match="outside TESTIO_PRODUCT_IDS"):
            app.options((1001,))
        assert app.options().product_ids == (GAME, BANK)
    asked = {request.path.split("/")[1] for request in sandbox.requests if "/" in request.path}
    assert {product.id for product in page.items} == {GAME, BANK}
    assert report.counts["products"] == {"unchanged": 2}
    assert asked & {"1001", "1003"} == set()


async def test_every_sync_reaches_back_as_far_as_the_settings_say(opened):
    async with opened(sync_since="2026-10") as app:
        assert app.options().since.isoformat() == "2026-10-01T00:00:00+00:00"
        assert app.options(since="2026-09").since.isoformat() == "2026-09-01T00:00:00+00:00"


async def test_closing_ends_a_running_sync_and_leaves_the_lock_free(path, opened, sandbox):
    sandbox.faults.add(Fault("bugs", FaultKind.DELAY, seconds=30))
    async with opened(refresh_interval_seconds=3600) as app:
        app.start_keeping_fresh()
        await until(lambda: ids(path, "tests"))
    assert latest_run(path)[0] == "cancelled"
    with SyncLock(path).held():
        pass


async def test_with_an_interval_of_zero_nothing_is_synced_by_itself(path, opened, sandbox):
    async with opened(refresh_interval_seconds=0) as app:
        app.start_keeping_fresh()
        await products(app)
    assert sandbox.request_count == 0


async def test_background_work_that_is_closed_finishes_the_write_it_began():
    background, done = Background(), []
    begun = asyncio.Event()

    async def work():
        with anyio.CancelScope(shield=True):
            begun.set()
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            done.append("written")
        await anyio.sleep_forever()

    background.spawn(work)
    await begun.wait()
    await background.close()
    assert done == ["written"]
