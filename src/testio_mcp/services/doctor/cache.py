"""The cache file: whether it can be read, what is in it, and who keeps it fresh."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from testio_mcp.database.engine import Database
from testio_mcp.database.inspection import is_sound, opened, owners
from testio_mcp.database.migrations import (
    DatabaseDamaged,
    current_revision,
    head_revision,
)
from testio_mcp.domain.findings import Verdict
from testio_mcp.domain.syncs import RunStatus
from testio_mcp.errors import ConfigurationError, DatabaseError
from testio_mcp.rendering.markdown import ago, moment
from testio_mcp.repositories.syncs import SyncRepository
from testio_mcp.search import check as words
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import Settings, shown
from testio_mcp.sync import cache
from testio_mcp.sync.lock import SyncLock
from testio_mcp.tables import SyncRun, fence

FIX = "Run testio-mcp doctor --fix."
LOST = (
    "What changed when, which earlier syncs had written down, cannot be read again: "
    "it stays in the old file."
)
SYNC = "Run testio-mcp sync, or start a client that is connected."
# A server syncs each interval; after so many nobody does.
MISSED = 3
AT_LEAST = timedelta(days=1)
# No sync takes longer.
STUCK = timedelta(hours=6)
RUNS = 4


def check_file(case: Case) -> Iterator[Found]:
    path = case.path
    if not path.exists() or path.stat().st_size == 0:
        yield Found("cache", Verdict.WARNING, f"There is no local copy yet ({shown(path)}).", SYNC)
        return
    try:
        revision = current_revision(path)
    except DatabaseDamaged as error:
        yield _damaged(case, error.message)
        return
    yield from _owner(case)
    yield _schema(case, revision)
    if not is_sound(path):
        yield _damaged(case, f"SQLite finds {shown(path)} damaged.")
        return
    yield Found("integrity", Verdict.OK, "SQLite finds everything in its place")
    if revision == head_revision():
        yield _index(path)


def check_syncs(case: Case) -> Iterator[Found]:
    if not _is_readable(case.path):
        return
    settings, now = case.loaded.settings, datetime.now(UTC)
    yield _holder(case, now)
    runs, problems = asyncio.run(_history(settings))
    yield _latest(runs, settings, now)
    if len(runs) > 1:
        earlier = (f"{run.status} {moment(run.started_at, settings.zone)}" for run in runs[1:])
        yield Found("earlier syncs", Verdict.OK, ", ".join(earlier))
    if problems:
        said = f"{problems} {'thing' if problems == 1 else 'things'} could not be read."
        to_do = "testio-mcp problematic list says what, why, and what to do."
        yield Found("could not be read", Verdict.WARNING, said, to_do)
    else:
        yield Found("could not be read", Verdict.OK, "nothing")


def _is_readable(path: Path) -> bool:
    try:
        return current_revision(path) == head_revision()
    except DatabaseError:
        # The file's own check says so.
        return False


def _owner(case: Case) -> Iterator[Found]:
    settings = case.loaded.settings
    for id, host in owners(case.path):
        try:
            cache.refuse_another(settings, settings.host, id, host)
        except ConfigurationError as error:
            yield Found("customer", Verdict.PROBLEM, error.message, error.hint)


def _schema(case: Case, revision: str | None) -> Found:
    path, head = case.path, head_revision()
    size = f"{path.stat().st_size / 1e6:,.1f} MB"
    said = f"{shown(path)}, {size}, schema {revision or 'none'}"
    if revision == head:
        return Found("cache", Verdict.OK, said)
    if revision and revision > head:
        to_do = "Update testio-mcp, or set TESTIO_DB_PATH to another file."
        newer = f"{said}: written by a newer testio-mcp, which knows more than {head}"
        return Found("cache", Verdict.PROBLEM, newer, to_do)

    def upgrade() -> str:
        cache.upgrade(case.loaded.settings)
        return f"The cache was brought from schema {revision or 'none'} to {head}."

    to_do = f"The next start brings it to {head}; testio-mcp doctor --fix does it now."
    return Found("cache", Verdict.WARNING, said, to_do, upgrade)


def _damaged(case: Case, said: str) -> Found:
    def build_anew() -> str:
        moved = cache.build_anew(case.loaded.settings)
        return (
            f"The damaged cache was moved to {shown(moved)}, and an empty one made. {LOST} "
            "Run testio-mcp sync, which reads everything else again."
        )

    to_do = (
        f"{FIX[:-1]}, which moves it aside, then testio-mcp sync, which reads everything again. "
        f"{LOST}"
    )
    return Found("integrity", Verdict.PROBLEM, said, to_do, build_anew)


def _index(path: Path) -> Found:
    try:
        with opened(path) as connection:
            is_right = words.is_right(connection)
    except sqlite3.OperationalError:
        said = "The index of words was not looked at: another process writes."
        return Found("search", Verdict.WARNING, said, "Run testio-mcp doctor again in a minute.")
    if is_right:
        return Found("search", Verdict.OK, "the index of words agrees with the texts")

    def rebuild() -> str:
        with opened(path) as connection:
            words.rebuild(connection)
        return "The index of words was built anew."

    said = "The index of words does not agree with the texts, so that search misses things."
    return Found("search", Verdict.PROBLEM, said, FIX, rebuild)


def _holder(case: Case, now: datetime) -> Found:
    holder = SyncLock(case.path).holder()
    if holder is None:
        return Found("sync lock", Verdict.OK, "nobody syncs now")
    since = moment(holder.since_time, case.loaded.settings.zone)
    said = f"pid {holder.pid} ({holder.command}) syncs since {since}"
    if now - holder.since_time < STUCK:
        return Found("sync lock", Verdict.OK, said)
    return Found("sync lock", Verdict.WARNING, said, f"It is stuck: end process {holder.pid}.")


async def _history(settings: Settings) -> tuple[list[SyncRun], int]:
    """The latest runs, newest first, and how many problems are open."""
    guard = fence(settings.customer_id, settings.product_ids)
    database = Database(settings.database_path, guard)
    try:
        async with database.read() as session:
            syncs = SyncRepository(session)
            return await syncs.latest(RUNS), await syncs.problem_count()
    finally:
        await database.close()


def _latest(runs: list[SyncRun], settings: Settings, now: datetime) -> Found:
    if not runs:
        return Found("last sync", Verdict.WARNING, "No sync has run yet.", SYNC)
    run = runs[0]
    age = now - run.started_at
    said = f"{run.status} {moment(run.started_at, settings.zone)} ({ago(age)}), by {run.trigger}"
    if run.status == RunStatus.FAILED:
        to_do = "See token and host above, then run testio-mcp sync."
        return Found("last sync", Verdict.WARNING, f"{said}: {run.error or 'no reason'}", to_do)
    late = max(AT_LEAST, MISSED * timedelta(seconds=settings.refresh_interval_seconds))
    if age > late:
        return Found("last sync", Verdict.WARNING, said, SYNC)
    return Found("last sync", Verdict.OK, said)
