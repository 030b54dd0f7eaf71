"""What the sync remembers of its own work."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, and_
from sqlmodel import Field, col

from testio_mcp.domain.freshness import Unit
from testio_mcp.tables.base import Deflated, Owned


class SyncRun(Owned, table=True):
    """One sync: who started it, what it counted, what it could not read."""

    __tablename__ = "sync_runs"
    __table_args__ = (Index(None, "customer_id", "started_at"),)

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int
    # background, tool or command.
    trigger: str
    # What was asked for: product_ids, since, force.
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    started_at: datetime
    finished_at: datetime | None = None
    # running, ok, partial, failed or cancelled.
    status: str
    # By kind: how many were new, changed, unchanged, deleted, failed.
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    # Sentences that say what could not be read.
    incomplete: list[str] = Field(default_factory=list, sa_type=JSON)
    error: str | None = None


class Stamp(Owned, table=True):
    """When a unit was last read: the instant its request began."""

    __tablename__ = "stamps"
    __table_args__ = ({"sqlite_with_rowid": False},)

    # One of `domain.freshness.Unit`.
    kind: str = Field(primary_key=True)
    id: int = Field(primary_key=True)
    customer_id: int
    at: datetime
    # For a product's test list: tests that ended before this were never asked for; null: all were.
    since: datetime | None = None


def stamp_of(thing: Any, stamp: Any, unit: Unit) -> ColumnElement[bool]:
    """Joins a test or a product with when this unit of it was read."""
    return and_(col(stamp.id) == col(thing.id), col(stamp.kind) == unit)


class Payload(Owned, table=True):
    """What TestIO sent, credentials removed: lets a migration fill new columns without asking."""

    __tablename__ = "payloads"

    kind: str = Field(primary_key=True)
    id: int = Field(primary_key=True)
    # "list" or "single": the two calls give different fields.
    form: str = Field(primary_key=True)
    customer_id: int
    # Tells an unchanged row from a changed one.
    hash: bytes
    # JSON; SQLite's thread compresses it, beside everything else that a sync does.
    body: bytes = Field(sa_type=Deflated)
