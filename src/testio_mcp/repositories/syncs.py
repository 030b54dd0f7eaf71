"""Queries over runs of the sync and the state of the cache."""

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.products import ProductType
from testio_mcp.domain.tests import TestingType, TestStatus
from testio_mcp.domain.user_stories import ExecutionStatus
from testio_mcp.repositories.base import Repository
from testio_mcp.tables import (
    Bug,
    Feature,
    Problem,
    Product,
    StoryExecution,
    SyncRun,
    Test,
    TestFeature,
    User,
    UserStory,
)

COUNTED = (Product, Feature, UserStory, Test, Bug, User)
# Fields whose words TestIO may add to, with the words that are documented.
WORDS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("product type", Product.type, tuple(ProductType)),
    ("test status", Test.status, tuple(TestStatus)),
    ("testing type", Test.testing_type, tuple(TestingType)),
    ("bug status", Bug.status, tuple(BugStatus)),
    ("bug severity", Bug.severity, tuple(Severity)),
    ("feature's execution", TestFeature.execution_status, tuple(ExecutionStatus)),
    ("user story's execution", StoryExecution.execution_status, tuple(ExecutionStatus)),
)


class SyncRepository(Repository):
    async def get(self, run_id: int) -> SyncRun | None:
        return await self._session.get(SyncRun, run_id)

    async def latest(self, number: int) -> list[SyncRun]:
        query = select(SyncRun).order_by(col(SyncRun.id).desc()).limit(number)
        return [run for (run,) in await self._all(query)]

    async def rows(self) -> dict[str, int]:
        """How many rows the cache has of each kind."""
        counts = {}
        for table in COUNTED:
            key: ColumnElement[Any] = func.count(col(table.id))
            ((counts[str(table.__tablename__)],),) = await self._all(select(key))
        return counts

    async def unknown_values(self) -> list[tuple[str, str, int]]:
        """Words of TestIO that are documented nowhere: field, word, rows that have it."""
        found: list[tuple[str, str, int]] = []
        for field, column, known in WORDS:
            query = (
                select(column, func.count())
                .where(column.is_not(None), column.not_in(known))
                .group_by(column)
            )
            found += [(field, value, number) for value, number in await self._all(query)]
        return found

    async def problem_count(self) -> int:
        """How many problems are open."""
        ((number,),) = await self._all(select(func.count(col(Problem.event_id))))
        return int(number)
