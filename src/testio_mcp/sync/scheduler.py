"""Keeps the cache fresh in the background, whatever happens to a single sync."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio

from testio_mcp.domain.syncs import SyncOptions, Trigger
from testio_mcp.errors import SyncInProgress, TestIOMcpError
from testio_mcp.sync.run import Syncer

logger = logging.getLogger(__name__)

# A failed sync is tried again sooner than the next regular one, then ever later.
FIRST_RETRY = timedelta(minutes=1)


async def cycle(syncer: Syncer, options: SyncOptions, interval: timedelta) -> timedelta:
    """Sync once and return how long to wait for the next time.

    Does nothing while another process syncs, or when one did as much within the interval.
    """
    begun = await syncer.last_begun(options)
    now = datetime.now(UTC)
    # A run of the future is one from before the clock was set right.
    if begun and begun <= now < begun + interval:
        return begun + interval - now
    try:
        await syncer.run(options, Trigger.BACKGROUND)
    except SyncInProgress as error:
        logger.info("Background sync left to another process: %s", error)
    return interval


async def keep_fresh(sync_once: Callable[[], Awaitable[timedelta]], interval: timedelta) -> None:
    """Call `sync_once` again and again, sooner after a failure, until cancelled."""
    retry = FIRST_RETRY
    while True:
        pause = min(retry, interval)
        retry = pause * 2
        try:
            pause = await sync_once()
            retry = FIRST_RETRY
        except TestIOMcpError as error:
            logger.warning("Background sync failed: %s", error)
        except Exception:
            logger.exception("Background sync failed unexpectedly")
        await anyio.sleep(pause.total_seconds())
