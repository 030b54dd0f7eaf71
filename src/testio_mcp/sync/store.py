"""Writes synced rows: batched, unchanged ones not at all, an older answer never over a newer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json
from sqlalchemy import and_, bindparam, delete, select, update
from sqlmodel import SQLModel

from testio_mcp.database.engine import WriteSession
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.sync.context import SUBJECTS, SyncContext
from testio_mcp.sync.mapping import Row
from testio_mcp.sync.problems import Failure
from testio_mcp.sync.statements import Prepared, insert_missing, table_of, upsert, within
from testio_mcp.tables import Payload

# The calls that bring a thing: the single one gives fields that a list lacks.
LIST, SINGLE = "list", "single"


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


@dataclass(frozen=True)
class Kept:
    """The ids that were written, and what could not be stored."""

    written: set[int]
    failures: list[Failure]


async def replace_children(
    session: WriteSession,
    model: type[SQLModel],
    parent: str,
    parent_ids: Collection[int],
    rows: Sequence[Row],
) -> None:
    """Make `rows` all the children of these parents."""
    await _delete_children(model, parent)(session, ids=parent_ids)
    await insert_missing(session, model, rows)


@cache
def _delete_children(model: type[SQLModel], parent: str) -> Prepared:
    table = table_of(model)
    return Prepared(delete(table).where(within(table.c[parent], "ids")))


async def keep(
    session: WriteSession,
    sync: SyncContext,
    kind: Kind,
    model: type[SQLModel],
    found: Sequence[tuple[Raw, Row]],
    form: str = LIST,
) -> Kept:
    """Store what is new or changed, and count all of it.

    `form` is the call that brought it, LIST or SINGLE.
    """
    raws = {raw.id: raw for raw, _ in found}
    ours = {"customer_id": sync.customer_id, "ids": raws.keys()}
    foreign = {id for (id,) in await _foreign_ids(model)(session, **ours)}
    known = dict(await _known_hashes(model)(session, kind=kind, form=form, **ours))
    written = {id for id, raw in raws.items() if known.get(id) != raw.hash} - foreign
    sync.tally.add(kind, Outcome.NEW, len(written - known.keys()))
    sync.tally.add(kind, Outcome.CHANGED, len(written & known.keys()))
    sync.tally.add(kind, Outcome.UNCHANGED, len(raws.keys() - written - foreign))
    owner = {"customer_id": sync.customer_id}
    await upsert(session, model, [{**row, **owner} for raw, row in found if raw.id in written])
    news = [raws[id] for id in sorted(written)]
    await _keep_payloads(session, sync.customer_id, kind, news, form)
    return Kept(written, [_clash(kind, row) for _, row in found if row["id"] in foreign])


def _clash(kind: Kind, row: Row) -> Failure:
    return Failure(
        SUBJECTS[kind],
        f"{kind.singular} {row['id']}",
        "another customer's row has its id.",
        row.get("product_id"),
        row["id"],
        (row["test_id"],) if "test_id" in row else (),
        verb="stored",
    )


@cache
def _foreign_ids(model: type[SQLModel]) -> Prepared:
    columns = table_of(model).c
    foreign = columns.customer_id != bindparam("customer_id")
    return Prepared(select(columns.id).where(within(columns.id, "ids"), foreign))


@cache
def _known_hashes(model: type[SQLModel]) -> Prepared:
    """Of rows that are not marked as deleted: one that comes back is written again.

    None where only the other call has brought it so far.
    """
    columns, payload = table_of(model).c, table_of(Payload)
    of_row = and_(
        payload.c.kind == bindparam("kind"),
        payload.c.id == columns.id,
        payload.c.form == bindparam("form"),
    )
    return Prepared(
        select(columns.id, payload.c.hash)
        .select_from(table_of(model).outerjoin(payload, of_row))
        .where(
            within(columns.id, "ids"),
            columns.customer_id == bindparam("customer_id"),
            columns.deleted_at.is_(None),
        )
    )


async def _keep_payloads(
    session: WriteSession, customer_id: int, kind: Kind, raws: Sequence[Raw], form: str
) -> None:
    rows = [
        {
            "kind": kind,
            "id": raw.id,
            "form": form,
            "customer_id": customer_id,
            "hash": raw.hash,
            "body": raw.body,
        }
        for raw in raws
    ]
    await upsert(session, Payload, rows)
    # What the other call said of them is not what is stored any more.
    await _outdate()(session, kind=kind, form=form, ids=[raw.id for raw in raws])


@cache
def _outdate() -> Prepared:
    columns = table_of(Payload).c
    return Prepared(
        update(table_of(Payload))
        .where(
            columns.kind == bindparam("kind"),
            within(columns.id, "ids"),
            columns.form != bindparam("form"),
            columns.hash != b"",
        )
        .values(hash=b"")
    )


async def existing_ids(
    session: WriteSession, model: type[SQLModel], ids: Collection[int], customer_id: int
) -> set[int]:
    """Which of these ids have a row of this customer, deleted upstream or not."""
    rows = await _existing_ids(model)(session, customer_id=customer_id, ids=ids)
    return {id for (id,) in rows}


@cache
def _existing_ids(model: type[SQLModel]) -> Prepared:
    columns = table_of(model).c
    ours = columns.customer_id == bindparam("customer_id")
    return Prepared(select(columns.id).where(within(columns.id, "ids"), ours))
