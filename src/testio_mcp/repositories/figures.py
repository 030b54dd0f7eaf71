"""Counts and rates, by name."""

from collections.abc import Sequence

from testio_mcp.analytics.query import measure
from testio_mcp.database.engine import Record
from testio_mcp.domain.figures import Scope
from testio_mcp.repositories.base import Repository


class FigureRepository(Repository):
    async def measure(
        self, names: Sequence[str], scope: Scope, *, by: Sequence[str] = ()
    ) -> list[Record]:
        """One row for each combination of the dimensions; one in all where there are none."""
        return await self._all(measure(names, by, scope))
