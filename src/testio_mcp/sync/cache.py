"""Opens the cache file: made or upgraded, built anew where it is damaged, refused if another's."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from testio_mcp.database.engine import Database, fetch
from testio_mcp.database.migrations import DatabaseDamaged, migrate, move_aside
from testio_mcp.domain.turns import Turns
from testio_mcp.errors import ConfigurationError, SyncInProgress, TestIOMcpError
from testio_mcp.search import index
from testio_mcp.settings import Settings, shown
from testio_mcp.sync.lock import SyncLock
from testio_mcp.tables import Customer, fence


def prepare(settings: Settings) -> list[str]:
    """Create or upgrade the cache file; a damaged one is moved aside and said so."""
    try:
        upgrade(settings)
    except DatabaseDamaged as damaged:
        try:
            moved = build_anew(settings)
        except SyncInProgress as error:
            raise DatabaseDamaged(
                f"{damaged.message} It is left, because another process still uses it.",
                hint="Close that process, then restart this one: the cache is then built anew.",
            ) from error
        return [f"The cache file was damaged; it was moved to {shown(moved)} and is built anew."]
    return []


def upgrade(settings: Settings) -> None:
    """Bring the cache file to the current schema and index of words, from nothing if need be."""
    migrate(settings.database_path, lock_timeout=settings.lock_timeout, derived=index)


def build_anew(settings: Settings) -> Path:
    """Make an empty cache file and return where the damaged one was moved.

    Raises SyncInProgress while another process syncs into it.
    """
    path = settings.database_path
    with SyncLock(path).held():
        moved = move_aside(path, now=datetime.now(UTC))
    upgrade(settings)
    return moved


async def open_cache(settings: Settings, host: str, turns: Turns | None = None) -> Database:
    """The cache, if it is this customer's and its data came from this host."""
    limits = fence(settings.customer_id, settings.product_ids)
    database = Database(settings.database_path, limits, turns)
    try:
        async with database.read() as session:
            rows = await fetch(session, select(col(Customer.id), col(Customer.host)))
        for owner in rows:
            refuse_another(settings, host, *owner)
    except TestIOMcpError:
        await database.close()
        raise
    return database


def refuse_another(settings: Settings, host: str, owner: int, owner_host: str) -> None:
    """Raise ConfigurationError for the cache of another customer, or with data of another host."""
    path = shown(settings.database_path)
    if owner != settings.customer_id:
        raise ConfigurationError(
            f"The cache {path} belongs to customer {owner}, not {settings.customer_id}.",
            hint=f"Set TESTIO_CUSTOMER_ID={owner}, or TESTIO_DB_PATH to another file.",
        )
    if owner_host != host:
        raise ConfigurationError(
            f"The cache {path} holds data of {owner_host}, not of {host}.",
            hint="Set TESTIO_CUSTOMER_API_BASE_URL back, or TESTIO_DB_PATH to another file.",
        )
