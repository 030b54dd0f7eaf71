"""Starting, joining and looking back at syncs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio

from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.syncs import OnProgress, SyncOptions, Tally, Trigger
from testio_mcp.errors import TestIOMcpError
from testio_mcp.views.base import Freshness
from testio_mcp.views.syncs import LockHolder, SyncAnswer, SyncReport

if TYPE_CHECKING:
    from testio_mcp.repositories.syncs import SyncRepository
    from testio_mcp.sync.background import Spawn
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.sync.run import Running, Syncer
    from testio_mcp.tables import SyncRun

PROGRESS_SECONDS = 0.5


class SyncService:
    def __init__(
        self, syncer: Syncer, runs: SyncRepository, freshness: FreshnessReader, spawn: Spawn
    ) -> None:
        self._syncer = syncer
        self._runs = runs
        self._freshness = freshness
        self._spawn = spawn

    async def run(self, options: SyncOptions) -> SyncReport:
        """Sync to the end; raises SyncInProgress while another run is at it."""
        run_id = await self._syncer.run(options, Trigger.COMMAND)
        return _report(await self._runs.get(run_id))

    def progress(self) -> Tally | None:
        """What this process's own sync has done so far."""
        return self._syncer.current.tally if self._syncer.current else None

    async def start(
        self, options: SyncOptions, wait_seconds: float, on_progress: OnProgress
    ) -> SyncAnswer:
        """Start a sync, or join the one that runs here, and wait for its end for a while."""
        running, state = self._syncer.current, "joined"
        if running is None:
            holder = self._syncer.lock.holder()
            if holder:
                return await self._answer(await self._latest("running_elsewhere"))
            running, state = await self._started(options), "started"
        if running is None:
            return await self._answer(await self._latest())
        with anyio.move_on_after(wait_seconds):
            while not running.done.is_set():
                await on_progress(*running.tally.progress)
                with anyio.move_on_after(PROGRESS_SECONDS):
                    await running.done.wait()
        if running.done.is_set():
            return await self._answer(_report(await self._runs.get(running.run_id)))
        report = _report(await self._runs.get(running.run_id))
        so_far = {"state": state, "counts": _counts(running.tally.counts)}
        return await self._answer(report.model_copy(update=so_far))

    async def history(self, number: int = 5) -> list[SyncReport]:
        """The latest runs, newest first."""
        return [_report(run) for run in await self._runs.latest(number)]

    def lock_holder(self) -> LockHolder | None:
        holder = self._syncer.lock.holder()
        if holder is None:
            return None
        return LockHolder(pid=holder.pid, command=holder.command, since=holder.since_time)

    async def _started(self, options: SyncOptions) -> Running | None:
        """The run just begun; None when it ended before it could be seen."""
        begun, errors = anyio.Event(), list[TestIOMcpError]()

        async def sync() -> None:
            try:
                await self._syncer.run(options, Trigger.TOOL, on_begun=begun.set)
            except TestIOMcpError as error:
                errors.append(error)
            finally:
                begun.set()

        self._spawn(sync)
        await begun.wait()
        if errors:
            raise errors[0]
        return self._syncer.current

    async def _latest(self, state: str | None = None) -> SyncReport:
        runs = await self._runs.latest(1)
        report = _report(runs[0] if runs else None)
        return report.model_copy(update={"state": state}) if state else report

    async def _answer(self, report: SyncReport) -> SyncAnswer:
        return SyncAnswer(sync=report, freshness=await self._overall())

    async def _overall(self) -> Freshness:
        return await self._freshness.of(Basis(bugs=True, features=True), datetime.now(UTC))


def _report(run: SyncRun | None) -> SyncReport:
    if run is None:
        return SyncReport(
            run_id=None,
            state="never",
            trigger=None,
            started_at=None,
            finished_at=None,
            counts={},
            incomplete=[],
            error=None,
        )
    return SyncReport(
        run_id=run.id,
        state=run.status,
        trigger=run.trigger,
        started_at=run.started_at,
        finished_at=run.finished_at,
        counts=_counts(run.counts),
        incomplete=run.incomplete,
        error=run.error,
    )


def _counts(counts: Any) -> dict[str, dict[str, int]]:
    """Without kinds and outcomes that did not occur."""
    return {
        str(kind): {str(outcome): n for outcome, n in outcomes.items() if n}
        for kind, outcomes in counts.items()
        if any(outcomes.values())
    }
