"""Counts and rates, by name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from testio_mcp.analytics.dimensions import Named
from testio_mcp.analytics.query import measure
from testio_mcp.database.engine import Record, fetch
from testio_mcp.domain.figures import Scope
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.tables import Feature, Product, RejectReason, Test, User

# Where the names of keys are.
_NAMES: dict[Named, tuple[Any, Any]] = {
    Named.PRODUCT: (Product.id, Product.name),
    Named.TEST: (Test.id, Test.title),
    Named.FEATURE: (Feature.id, Feature.title),
    Named.USER: (User.id, User.name),
    Named.REASON: (RejectReason.key, RejectReason.name),
}
# Of more than these all are read: SQLite takes only so many parameters.
MOST_NAMED = 1_000


class FigureRepository(Repository):
    @remembered
    async def measure(
        self, names: Sequence[str], scope: Scope, *, by: Sequence[str] = ()
    ) -> list[Record]:
        """One row for each combination of the dimensions; one in all where there are none."""
        statement, values = measure(names, by, scope)
        return await fetch(self._session, statement, **values)

    @remembered
    async def names(self, of: Named, keys: Collection[Any]) -> dict[Any, str]:
        """What people call these; also what has left its list since."""
        key, name = _NAMES[of]
        query = select(col(key), col(name))
        if len(keys) <= MOST_NAMED:
            query = query.where(col(key).in_(keys))
        rows = await self._all(query.execution_options(with_deleted=True))
        return {key: name for key, name in rows}
