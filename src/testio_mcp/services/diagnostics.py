"""What the server knows of itself: the one question that is answered whatever is wrong."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio

from testio_mcp.domain.freshness import Basis, State
from testio_mcp.errors import DatabaseError, TestIOMcpError
from testio_mcp.origins import shown_values
from testio_mcp.settings import DEFAULT_HOME, PREFIX, Settings, shown
from testio_mcp.views.base import Freshness
from testio_mcp.views.syncs import (
    Api,
    CacheFile,
    Diagnostics,
    DiagnosticsAnswer,
    KindFreshness,
    ProductFreshness,
    SyncReport,
    UnknownField,
    UnknownValue,
)

if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.syncs import SyncRepository
    from testio_mcp.services.syncs import SyncService
    from testio_mcp.sync.condition import Condition
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.sync.readthrough import Refresher

API_SECONDS = 5


@dataclass(frozen=True)
class Cache:
    """What needs a cache file that can be read."""

    runs: SyncRepository
    syncs: SyncService
    freshness: FreshnessReader
    products: ProductRepository


@dataclass(frozen=True)
class Cached:
    """What is known from the cache alone."""

    rows: dict[str, int]
    stamps: list[KindFreshness]
    products: list[ProductFreshness]
    syncs: list[SyncReport]
    unknown_values: list[UnknownValue]
    problematic_count: int | None


NOTHING_CACHED = Cached({}, [], [], [], [], None)


class DiagnosticsService:
    def __init__(
        self,
        settings: Settings,
        host: str,
        condition: Condition,
        notes: tuple[list[str], list[str]],
        client: TestIOClient | None,
        refresher: Refresher | None,
        cache: Cache | None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._condition = condition
        self._problems, self._warnings = notes
        self._client = client
        self._refresher = refresher
        self._cache = cache

    async def get(self) -> DiagnosticsAnswer:
        reachable, latency, error = await self._ping()
        settings, path = self._settings, self._settings.database_path
        problems = list(self._problems)
        failure, is_offline = self._condition.failure, self._condition.is_offline
        problems += [str(failure)] if failure and not is_offline else []
        problems += [error] if error else []
        try:
            cached = await _cached(self._cache) if self._cache else NOTHING_CACHED
        except DatabaseError as unreadable:
            cached = NOTHING_CACHED
            problems.append(str(unreadable))
        size = await anyio.to_thread.run_sync(_size, path)
        diagnostics = Diagnostics(
            version=version("testio-mcp"),
            python=platform.python_version(),
            customer=settings.customer_name,
            ready=self._cache is not None and not problems,
            problems=list(dict.fromkeys(problems)),
            warnings=[*self._warnings, *([str(failure)] if failure and is_offline else [])],
            api=self._api(reachable, latency, error),
            database=CacheFile(path=shown(path), size_bytes=size, rows=cached.rows),
            stamps=cached.stamps,
            products=cached.products,
            syncs=cached.syncs,
            lock_holder=self._cache.syncs.lock_holder() if self._cache else None,
            unknown_values=cached.unknown_values,
            unknown_fields=self._unknown_fields(),
            unknown_forms=self._client.unknown_forms if self._client else [],
            problematic_count=cached.problematic_count,
            settings=_visible(settings),
        )
        return DiagnosticsAnswer(diagnostics=diagnostics, freshness=await self._freshness())

    def _unknown_fields(self) -> list[UnknownField]:
        found = self._client.unknown_fields if self._client else {}
        return [UnknownField(field=field, count=count) for field, count in found.items()]

    def _api(self, reachable: bool | None, latency: int | None, error: str | None) -> Api:
        client, refresher = self._client, self._refresher
        return Api(
            host=self._host,
            reachable=reachable,
            latency_ms=latency,
            requests_sent=client.requests_sent if client else 0,
            requests_in_flight=client.requests_in_flight if client else 0,
            requests_saved=refresher.requests_saved if refresher else 0,
            refreshes_in_flight=refresher.in_flight if refresher else 0,
            last_error=error or (client.last_error if client else None),
        )

    async def _freshness(self) -> Freshness:
        basis = Basis(bugs=True, features=True)
        try:
            if self._cache:
                return await self._cache.freshness.of(basis, datetime.now(UTC))
        except TestIOMcpError as error:
            return Freshness(as_of=None, state=State.NEVER_SYNCED, reason=str(error))
        reason = self._problems[0] if self._problems else None
        return Freshness(as_of=None, state=State.NEVER_SYNCED, reason=reason)

    async def _ping(self) -> tuple[bool | None, int | None, str | None]:
        """Whether TestIO answers, in how many milliseconds, and what it said otherwise."""
        if self._client is None or self._condition.blocked:
            return None, None, None
        began = monotonic()
        with anyio.move_on_after(API_SECONDS):
            try:
                await self._client.user_facing().products()
            except TestIOMcpError as error:
                return False, None, str(error)
            return True, round((monotonic() - began) * 1000), None
        return False, None, f"TestIO did not answer within {API_SECONDS} s."


async def _cached(cache: Cache) -> Cached:
    now = datetime.now(UTC)
    stamps = await cache.freshness.overview(now)
    names = await cache.products.names()
    return Cached(
        rows=await cache.runs.rows(),
        stamps=[KindFreshness(kind=kind, **ages) for kind, ages in _ages(stamps, "kind")],
        products=[
            ProductFreshness(
                product_id=id, product=names[id], **{k: v for k, v in ages.items() if k != "units"}
            )
            for id, ages in _ages(stamps, "product_id")
            if id in names
        ],
        syncs=await cache.syncs.history(),
        unknown_values=[
            UnknownValue(field=field, value=value, count=count)
            for field, value, count in await cache.runs.unknown_values()
        ],
        problematic_count=await cache.runs.problem_count(),
    )


def _ages(stamps: Sequence[Record], by: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """How old the units are that share a kind or a product, in the order of that."""
    keys = {getattr(row, by) for row in stamps} - {None}
    for key in sorted(keys):
        rows = [row for row in stamps if getattr(row, by) == key]
        units = sum(row.units for row in rows)
        yield (
            key,
            {
                "units": units,
                "oldest": min(row.oldest for row in rows),
                "newest": max(row.newest for row in rows),
                "stale_share": sum(row.stale for row in rows) / units,
            },
        )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _visible(settings: Settings) -> dict[str, str]:
    """Settings that differ from their defaults; secrets only as present."""
    defaults, values = Settings.model_construct(), shown_values(settings)
    changed = [
        name
        for name, value in settings
        if value not in (getattr(defaults, name), Path(DEFAULT_HOME).expanduser())
    ]
    return {f"{PREFIX}{name.upper()}": values[name] for name in sorted(changed)}
