"""What is refused before anything is read: ids of nothing would look like an empty answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from testio_mcp.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository


async def refuse_unknown_products(products: ProductRepository, ids: Sequence[int]) -> None:
    """Raise NotFound for a product that is not in the cache."""
    if ids:
        refuse_unknown("product", ids, await products.names())


async def refuse_unknown_tests(tests: TestRepository, ids: Sequence[int]) -> None:
    if ids:
        refuse_unknown("test", ids, await tests.known(ids))


async def refuse_unknown_features(features: FeatureRepository, ids: Sequence[int]) -> None:
    if ids:
        refuse_unknown("feature", ids, await features.known(ids))


def refuse_unknown(kind: str, ids: Sequence[int], known: Iterable[int]) -> None:
    """Raise NotFound for ids that are not among the known ones."""
    unknown = sorted(set(ids) - set(known))
    if unknown:
        raise NotFound(kind, *unknown)


async def refuse_tests_of_others(
    tests: TestRepository, ids: Sequence[int], product_ids: Sequence[int]
) -> None:
    """Raise InvalidRequest for tests of none of these products: nothing can match."""
    strangers = await tests.outside(ids, product_ids) if ids and product_ids else []
    if strangers:
        named = ", ".join(map(str, strangers))
        raise InvalidRequest(
            f"Of these products test {named} is none.", hint="Leave product_ids out, or the test."
        )
