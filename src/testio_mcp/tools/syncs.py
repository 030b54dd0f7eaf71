"""The tool that brings the cache up to date."""

from typing import Annotated

from testio_mcp.rendering.syncs import sync_answer
from testio_mcp.services.syncs import SyncService
from testio_mcp.tools.define import current_app, progress_report, service, sync_tool
from testio_mcp.tools.parameters import ProductIds, Since, WaitSeconds
from testio_mcp.views.syncs import SyncAnswer

Syncs = Annotated[SyncService, service(SyncService)]


@sync_tool(sync_answer)
async def sync_data(
    syncs: Syncs,
    product_ids: ProductIds = (),
    since: Since = "",
    wait_seconds: WaitSeconds = 10,
) -> SyncAnswer:
    """Start or join a sync with TestIO; it goes on in the background after the wait."""
    options = (await current_app()).options(product_ids, since or None)
    return await syncs.start(options, wait_seconds, progress_report())
