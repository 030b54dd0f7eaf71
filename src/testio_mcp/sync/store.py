"""Writes synced rows: batched, unchanged ones not at all, an older answer never over a newer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json
from sqlalchemy import delete, select
from sqlmodel import SQLModel, col

from testio_mcp.database.engine import WriteSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.mapping import Row
from testio_mcp.sync.statements import among, insert_missing, table_of, upsert
from testio_mcp.tables import Payload, Stamp


@dataclass(frozen=True)
class Raw:
    """What TestIO sent for one thing, ready to be compared and stored."""

    id: int
    hash: bytes
    body: bytes

    @classmethod
    def of(cls, id: int, sent: dict[str, Any], salt: bytes = b"") -> "Raw":
        """`salt` stands for whatever else the row is made of, such as the reject reasons."""
        body = to_json(sent)
        return cls(id, blake2b(body, digest_size=16, key=salt).digest(), body)


async def replace_children(
    session: WriteSession,
    model: type[SQLModel],
    parent: str,
    parent_ids: Collection[int],
    rows: Sequence[Row],
) -> None:
    """Make `rows` all the children of these parents."""
    await session.exec(delete(model).where(among(table_of(model).c[parent], parent_ids)))
    await insert_missing(session, model, rows)


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
    known = await _known_hashes(session, sync.customer_id, kind, model, raws)
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
    query = select(columns.id).where(among(columns.id, ids), columns.customer_id != customer_id)
    return {id for (id,) in await fetch(session, query)}


async def _known_hashes(
    session: WriteSession,
    customer_id: int,
    kind: Kind,
    model: type[SQLModel],
    ids: Collection[int],
) -> dict[int, bytes]:
    """Of rows that are not marked as deleted: one that comes back is written again."""
    table = table_of(model)
    query = (
        select(col(Payload.id), col(Payload.hash))
        .join(table, table.c.id == col(Payload.id))
        .where(
            col(Payload.customer_id) == customer_id,
            col(Payload.kind) == kind,
            col(Payload.form) == "list",
            among(col(Payload.id), ids),
            table.c.deleted_at.is_(None),
        )
    )
    return {id: hash for id, hash in await fetch(session, query)}


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
            "body": raw.body,
        }
        for raw in raws
    ]
    await upsert(session, Payload, rows)


async def read_later(
    session: WriteSession,
    customer_id: int,
    unit: Unit,
    ids: Collection[int],
    began: datetime,
) -> set[int]:
    """Which of these units were already read by a request that began after `began`."""
    query = select(col(Stamp.id)).where(
        col(Stamp.customer_id) == customer_id,
        col(Stamp.kind) == unit,
        among(col(Stamp.id), ids),
        col(Stamp.at) > began,
    )
    return {id for (id,) in await fetch(session, query)}


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
    query = select(columns.id).where(among(columns.id, ids), columns.customer_id == customer_id)
    return {id for (id,) in await fetch(session, query)}
