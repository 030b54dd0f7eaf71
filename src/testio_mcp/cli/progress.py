"""A sync and a retry as they are watched on a terminal."""

import sys
from time import monotonic

from rich.console import RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from testio_mcp.app import App
from testio_mcp.cli.output import NOTES
from testio_mcp.domain.syncs import Kind, SyncOptions, Tally
from testio_mcp.services.problems import ProblemService
from testio_mcp.services.syncs import SyncService
from testio_mcp.views.problems import RetryReport
from testio_mcp.views.syncs import SyncReport

REDRAWS_A_SECOND = 8


async def sync_with_progress(app: App, options: SyncOptions, *, quiet: bool) -> SyncReport:
    """Sync to the end; on a terminal with a line for each kind: counts and rate."""
    async with app.services.open(SyncService) as syncs:
        if quiet or not sys.stderr.isatty():
            return await syncs.run(options)
        began, seen = monotonic(), Tally()

        def draw() -> RenderableType:
            nonlocal seen
            # The last state stays on the screen when the sync is over.
            seen = syncs.progress() or seen
            return _drawn(seen, monotonic() - began)

        with Live(get_renderable=draw, console=NOTES, refresh_per_second=REDRAWS_A_SECOND):
            return await syncs.run(options)


async def retry_with_progress(app: App, product_id: int, *, quiet: bool) -> RetryReport:
    """Retry a product's mapped tests; on a terminal with a bar."""
    async with app.services.open(ProblemService) as problems:
        if quiet or not sys.stderr.isatty():
            return await problems.retry(product_id, lambda *_: None)
        done, total = 0, 0

        def note(number: int, of: int) -> None:
            nonlocal done, total
            done, total = number, of

        def draw() -> RenderableType:
            grid = Table.grid(padding=(0, 2))
            bar = ProgressBar(total=max(total, 1), completed=done, width=30)
            grid.add_row(bar, f"{done} of {total} tests")
            return grid

        with Live(get_renderable=draw, console=NOTES, refresh_per_second=REDRAWS_A_SECOND):
            return await problems.retry(product_id, note)


def _drawn(tally: Tally, seconds: float) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column(justify="right", style="dim")
    for kind in Kind:
        read = tally.read(kind)
        rate = f"{read / max(seconds, 0.1):,.0f}/s" if read else ""
        grid.add_row(kind.replace("_", " "), f"{read:,}", rate)
    done, total, _ = tally.progress
    bar = ProgressBar(total=total, completed=done, width=30)
    grid.add_row(bar, f"{tally.products_done} of {tally.products} products", f"{seconds:.0f} s")
    return grid
