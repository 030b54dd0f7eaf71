"""What a token may see at TestIO, asked before anything is kept or synced."""

from pydantic import SecretStr

from testio_mcp.api.client import TestIOClient
from testio_mcp.domain.text import one_line
from testio_mcp.settings import Settings
from testio_mcp.views.setup import VisibleProduct

LONGEST_NAME = 100


async def visible_products(
    settings: Settings, token: SecretStr, *, attempts: int = 3
) -> list[VisibleProduct]:
    """By name; raises ApiUnauthorized for a token that is refused, or another ApiError."""
    client = TestIOClient(
        str(settings.customer_api_base_url),
        token,
        timeout=settings.http_timeout,
        max_concurrent=1,
        attempts=attempts,
    )
    async with client:
        found = await client.products()
    products = [
        VisibleProduct(id=item.payload.id, name=one_line(item.payload.name, LONGEST_NAME))
        for item in found.items
    ]
    return sorted(products, key=lambda product: product.name.casefold())
