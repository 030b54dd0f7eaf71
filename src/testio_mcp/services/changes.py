"""What has moved since an instant, as far as it was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import BugFilter
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.tests import TestFilter
from testio_mcp.views.base import Deleted

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.changes import ChangeRepository


async def moved_since(
    changes: ChangeRepository,
    wanted: BugFilter | TestFilter,
    paging: Paging,
    zone: ZoneInfo,
    gone: Callable[[datetime], Awaitable[list[Record]]],
) -> tuple[list[str], list[Deleted] | None]:
    """Notes, and on the first page what is gone; nothing where changes were not asked for."""
    since = wanted.changed_since
    if since is None:
        return [], None
    notes = await _caveats(changes, wanted.product_ids, since, zone)
    if paging.page > 1:
        return notes, None
    rows = await gone(since)
    return notes + _told_of(rows), _deleted(rows)


async def _caveats(
    changes: ChangeRepository, product_ids: Sequence[int], since: datetime, zone: ZoneInfo
) -> list[str]:
    """What of the changes nobody can know, because the copy did not exist then."""
    known_since = await changes.known_since(product_ids)
    begun = [at for at in known_since if at is not None]
    if len(begun) < len(known_since):
        return ["What changed is not known before the first sync is complete."]
    latest = max(begun, default=since)
    if latest <= since:
        return []
    moment = f"{latest.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
    return [f"Changes before {moment}, when the first sync ended, are not known."]


def _told_of(rows: Sequence[Record]) -> list[str]:
    """That not all of what is gone is told."""
    if not rows or rows[0].total == len(rows):
        return []
    return [f"Of {rows[0].total:,} that were deleted, the latest {len(rows)} are told."]


def _deleted(rows: Sequence[Record]) -> list[Deleted]:
    return [
        Deleted(id=row.id, title=row.title, product_id=row.product_id, deleted_at=row.deleted_at)
        for row in rows
    ]
