"""Tools about products."""

from typing import Annotated

from testio_mcp.domain.products import ProductFilter, ProductSort
from testio_mcp.domain.slice import Paging
from testio_mcp.rendering.products import product_answer, product_page
from testio_mcp.services.products import ProductService
from testio_mcp.tools.define import read_tool, service
from testio_mcp.tools.parameters import (
    PageNumber,
    PageSize,
    ProductId,
    ProductOrder,
    ProductTypes,
    Search,
)
from testio_mcp.views.base import Page
from testio_mcp.views.products import ProductAnswer, ProductSummary

Products = Annotated[ProductService, service(ProductService)]


@read_tool(product_page)
async def list_products(
    products: Products,
    search: Search = "",
    types: ProductTypes = (),
    sort: ProductOrder = ProductSort.NAME,
    page: PageNumber = 1,
    page_size: PageSize = 20,
) -> Page[ProductSummary]:
    """List products with their ids, tests, bugs and features. Start here to find a product's id."""
    return await products.list(
        ProductFilter(types=types, search=search), Paging(page, page_size, sort)
    )


@read_tool(product_answer)
async def get_product_summary(products: Products, product_id: ProductId) -> ProductAnswer:
    """Sum up one product: tests by status, bugs by status and severity, rates, environments."""
    return await products.get(product_id)
