"""What a sync does: one function a kind of data, in the order they run."""

import logging

import anyio

from testio_mcp.api.payloads import ProductPayload
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.steps_bugs import sync_bugs
from testio_mcp.sync.steps_catalogue import sync_features, sync_products, sync_reject_reasons
from testio_mcp.sync.steps_tests import sync_tests

logger = logging.getLogger(__name__)


async def sync_all(sync: SyncContext) -> None:
    """Products first, then the rest of each product, many products at a time."""
    products = await sync_products(sync)
    await sync_reject_reasons(sync)
    sync.tally.products = len(products)
    async with anyio.create_task_group() as tasks:
        for product in products:
            tasks.start_soon(sync_product, sync, product)


async def sync_product(sync: SyncContext, product: ProductPayload) -> None:
    async with sync.products:
        catalogue_is_known = await sync_features(sync, product)
        await sync_tests(sync, product)
        lost = len(sync.lost_features[product.id])
        if lost and catalogue_is_known:
            # Nobody can act on it: what tests name is kept.
            logger.info(
                "Tests of product %d name %d feature%s that left its catalogue.",
                product.id,
                lost,
                "" if lost == 1 else "s",
            )
        await sync_bugs(sync, product)
    sync.tally.products_done += 1
