"""Stamps of units: which request read them last, so that no older answer overwrites a newer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import bindparam, delete, select

from testio_mcp.database.engine import WriteSession, fetch
from testio_mcp.domain.freshness import Unit
from testio_mcp.sync.statements import Prepared, among, table_of, upsert, within
from testio_mcp.tables import Stamp


async def read_later(
    session: WriteSession,
    customer_id: int,
    unit: Unit,
    ids: Collection[int],
    began: datetime,
) -> set[int]:
    """Which of these units were already read by a request that began after `began`."""
    rows = await _read_later()(session, customer_id=customer_id, kind=unit, ids=ids, began=began)
    return {id for (id,) in rows}


@cache
def _read_later() -> Prepared:
    columns = table_of(Stamp).c
    return Prepared(
        select(columns.id).where(
            columns.kind == bindparam("kind"),
            within(columns.id, "ids"),
            columns.customer_id == bindparam("customer_id"),
            columns.at > bindparam("began"),
        )
    )


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


async def forget_stamps(
    session: WriteSession, customer_id: int, units: Sequence[Unit], ids: Collection[int]
) -> None:
    """Let these units count as never read."""
    columns = table_of(Stamp).c
    await session.exec(
        delete(Stamp).where(
            columns.customer_id == customer_id, columns.kind.in_(units), among(columns.id, ids)
        )
    )


@dataclass(frozen=True)
class WholeList:
    """When a list of tests was last read from end to end, and from when on it was asked for."""

    at: datetime
    since: datetime | None


async def take_whole_list(
    session: WriteSession, customer_id: int, product_id: int
) -> WholeList | None:
    """Forget that a product's list was read as a whole, until whoever reads it now is through.

    Pages without news mean that the older ones are known. An interruption leaves newer pages
    stored and older ones not, and the next reading would take those for known.
    """
    columns = table_of(Stamp).c
    ours = (
        columns.customer_id == customer_id,
        columns.kind == Unit.ALL_TESTS,
        columns.id == product_id,
    )
    rows = await fetch(session, select(columns.at, columns.since).where(*ours))
    await session.exec(delete(Stamp).where(*ours))
    return WholeList(rows[0].at, rows[0].since) if rows else None
