"""Bring the local copy up to date with TestIO.

What was read before an interruption is kept.
"""

import argparse
import asyncio
import sys

from testio_mcp.app import open_app
from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.options import add_json, add_product_ids, usable_settings
from testio_mcp.cli.output import show
from testio_mcp.cli.progress import sync_with_progress
from testio_mcp.rendering.syncs import sync_report, sync_status
from testio_mcp.services.syncs import SyncService
from testio_mcp.settings import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_product_ids(parser)
    parser.add_argument(
        "--since",
        metavar="PERIOD",
        help='only tests that ended in or since it, such as "last 3 months" or 2026-Q3',
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="read everything again, finished tests too, and see what TestIO has deleted",
    )
    parser.add_argument(
        "--status",
        action="store_true",
        help="show the last syncs and stop; works with --json",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    loaded = usable_settings(options)
    if options.status:
        return asyncio.run(_status(loaded, options))
    try:
        return asyncio.run(_sync(loaded, options))
    except KeyboardInterrupt:
        print("testio-mcp: Interrupted. What was read until now is kept.", file=sys.stderr)
        return ExitCode.INTERRUPTED


async def _sync(loaded: Loaded, options: argparse.Namespace) -> int:
    async with open_app(loaded) as app:
        wanted = app.options(options.product_ids, options.since, options.force)
        report = await sync_with_progress(app, wanted, quiet=options.quiet or options.json)
    text = sync_report(report, loaded.settings.zone)
    show(text, {"sync": report.model_dump(mode="json")}, as_json=options.json)
    return ExitCode.INCOMPLETE if report.incomplete else ExitCode.OK


async def _status(loaded: Loaded, options: argparse.Namespace) -> int:
    async with open_app(loaded, online=False) as app, app.services.open(SyncService) as syncs:
        runs, holder = await syncs.history(), syncs.lock_holder()
    data = {
        "syncs": [run.model_dump(mode="json") for run in runs],
        "lock_holder": holder.model_dump(mode="json") if holder else None,
    }
    show(sync_status(runs, holder, loaded.settings.zone), data, as_json=options.json)
    return ExitCode.OK
