"""Writes synced rows: batched, unchanged ones not at all, an older answer never over a newer."""

import json
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Table, case, delete, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlmodel import SQLModel, col

from testio_mcp.database.engine import WriteSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.mapping import Row
from testio_mcp.tables import Payload, Stamp

# SQLite's limit on variables is far above; long lists only make statements slow to parse.
CHUNK = 500


@dataclass(frozen=True)
class Raw:
    """What TestIO sent for one thing, ready to be compared and stored."""

    id: int
    hash: bytes
    body: bytes

    @classmethod
    def of(cls, id: int, sent: dict[str, Any], salt: bytes = b"") -> "Raw":
        """`salt` stands for whatever else the row is made of, such as the reject reasons."""
        text = json.dumps(sent, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")
        return cls(id, blake2b(text, digest_size=16, key=salt).digest(), text)


def table_of(model: type[SQLModel]) -> Table:
    table: Table = model.metadata.tables[str(model.__tablename__)]
    return table


async def upsert(session: WriteSession, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows, or update those with the same key; all rows have the same columns.

    A row of another customer is never touched, an unchanged one never rewritten.
    """
    if rows:
        await session.exec(_upsert(model, tuple(rows[0])), params=list(rows))


@cache
def _upsert(model: type[SQLModel], columns: tuple[str, ...]) -> Insert:
    table = table_of(model)
    statement = insert(table)
    old, new = table.c, statement.excluded
    keys = [column.name for column in table.primary_key]
    kept = {*keys, "customer_id", "first_seen_at", "status_changed_at"}
    values: dict[str, Any] = {name: new[name] for name in columns if name not in kept}
    differs = _any(old[name].is_distinct_from(new[name]) for name in values)
    if "previous_status" in old:
        moved = old.status != new.status
        values["previous_status"] = case((moved, old.status), else_=old.previous_status)
        values["status_changed_at"] = case(
            (moved, new.status_changed_at), else_=old.status_changed_at
        )
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_=values,
        where=(old.customer_id == new.customer_id) & differs,
    )


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *rest = conditions
    for condition in rest:
        first = first | condition
    return first


async def replace_children(
    session: WriteSession,
    model: type[SQLModel],
    parent: str,
    parent_ids: Collection[int],
    rows: Sequence[Row],
) -> None:
    """Make `rows` all the children of these parents."""
    table = table_of(model)
    for ids in chunks(parent_ids):
        await session.exec(delete(model).where(table.c[parent].in_(ids)))
    if rows:
        await session.exec(insert(table), params=list(rows))


async def keep(
    session: WriteSession,
    sync: SyncContext,
    kind: Kind,
    model: type[SQLModel],
    found: Sequence[tuple[Raw, Row]],
) -> set[int]:
    """Store what is new or changed, count all of it, return the ids that were written."""
    raws = {raw.id: raw for raw, _ in found}
    foreign = await _foreign_ids(session, model, raws, sync.customer_id)
    for id in sorted(foreign):
        sync.failed_item(kind, id, "another customer's row has its id")
    known = await _known_hashes(session, kind, raws)
    written = {id for id, raw in raws.items() if known.get(id) != raw.hash} - foreign
    sync.tally.add(kind, Outcome.NEW, len(written - known.keys()))
    sync.tally.add(kind, Outcome.CHANGED, len(written & known.keys()))
    sync.tally.add(kind, Outcome.UNCHANGED, len(raws.keys() - written - foreign))
    owner = {"customer_id": sync.customer_id}
    await upsert(session, model, [{**row, **owner} for raw, row in found if raw.id in written])
    await _keep_payloads(session, sync.customer_id, kind, [raws[id] for id in sorted(written)])
    return written


async def _foreign_ids(
    session: WriteSession, model: type[SQLModel], ids: Collection[int], customer_id: int
) -> set[int]:
    columns = table_of(model).c
    found: set[int] = set()
    for some in chunks(ids):
        query = select(columns.id).where(columns.id.in_(some), columns.customer_id != customer_id)
        found.update(id for (id,) in await fetch(session, query))
    return found


async def _known_hashes(
    session: WriteSession, kind: Kind, ids: Collection[int]
) -> dict[int, bytes]:
    known: dict[int, bytes] = {}
    for some in chunks(ids):
        query = select(col(Payload.id), col(Payload.hash)).where(
            col(Payload.kind) == kind, col(Payload.form) == "list", col(Payload.id).in_(some)
        )
        known.update({id: hash for id, hash in await fetch(session, query)})
    return known


async def _keep_payloads(
    session: WriteSession, customer_id: int, kind: Kind, raws: Sequence[Raw]
) -> None:
    rows = [
        {
            "kind": kind,
            "id": raw.id,
            "form": "list",
            "customer_id": customer_id,
            "hash": raw.hash,
            "body": zlib.compress(raw.body, 1),
        }
        for raw in raws
    ]
    await upsert(session, Payload, rows)


async def read_later(
    session: WriteSession, unit: Unit, ids: Collection[int], began: datetime
) -> set[int]:
    """Which of these units were already read by a request that began after `began`."""
    found: set[int] = set()
    for some in chunks(ids):
        query = select(col(Stamp.id)).where(
            col(Stamp.kind) == unit, col(Stamp.id).in_(some), col(Stamp.at) > began
        )
        found.update(id for (id,) in await fetch(session, query))
    return found


async def stamp(
    session: WriteSession,
    customer_id: int,
    unit: Unit,
    ids: Collection[int],
    began: datetime,
    since: datetime | None = None,
) -> None:
    """Note that these units were read by a request that began then."""
    rows = [
        {"kind": unit, "id": id, "customer_id": customer_id, "at": began, "since": since}
        for id in ids
    ]
    await upsert(session, Stamp, rows)


async def existing_ids(
    session: WriteSession, model: type[SQLModel], ids: Collection[int], customer_id: int
) -> set[int]:
    """Which of these ids have a row of this customer, deleted upstream or not."""
    columns = table_of(model).c
    found: set[int] = set()
    for some in chunks(ids):
        query = select(columns.id).where(columns.id.in_(some), columns.customer_id == customer_id)
        found.update(id for (id,) in await fetch(session, query))
    return found


async def insert_missing(session: WriteSession, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not taken, and leave the others alone."""
    if rows:
        await session.exec(insert(table_of(model)).on_conflict_do_nothing(), params=list(rows))


def chunks(ids: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
