"""Queries over people. Whoever did nothing that TestIO still has is not among them."""

from datetime import datetime

from sqlalchemy import case, func, or_, select, union_all
from sqlmodel import col

from testio_mcp.analytics.scope import conditions
from testio_mcp.database.engine import Query, Record
from testio_mcp.domain.calendar import minute
from testio_mcp.domain.figures import Scope
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.tables import Bug, Test, User


class UserRepository(Repository):
    @remembered
    async def known(self) -> list[User]:
        """Everybody who reported a bug, or created or submitted a test."""
        reported = (
            select(col(Bug.id))
            .join(Test, col(Test.id) == col(Bug.test_id))
            .where(col(Bug.reporter_id) == col(User.id))
        )
        created = select(col(Test.id)).where(col(Test.created_by_id) == col(User.id))
        submitted = select(col(Test.id)).where(col(Test.submitted_by_id) == col(User.id))
        query = select(User).where(
            or_(*(acts.correlate(User).exists() for acts in (reported, created, submitted)))
        )
        return [user for (user,) in await self._all(query.order_by(col(User.id)))]

    @remembered
    async def testers(self, scope: Scope, user_id: int | None = None) -> list[Record]:
        """Id, name, first and last activity of those who reported bugs in these tests."""
        query: Query = (
            select(
                col(Bug.reporter_id).label("id"),
                func.min(col(Bug.reported_at)).label("first_activity"),
                func.max(col(Bug.reported_at)).label("last_activity"),
            )
            .join(Test, col(Test.id) == col(Bug.test_id))
            .where(*conditions(scope), col(Bug.reporter_id).is_not(None))
            .group_by(col(Bug.reporter_id))
        )
        if user_id is not None:
            query = query.where(col(Bug.reporter_id) == user_id)
        return await self._named(query)

    async def customers(
        self, scope: Scope, now: datetime, user_id: int | None = None
    ) -> list[Record]:
        """The same of those who created or submitted these tests.

        TestIO does not say when they did: known are the starts and ends of the tests until now.
        """
        return await self._customers(scope, minute(now), user_id)

    @remembered
    async def _customers(self, scope: Scope, until: datetime, user_id: int | None) -> list[Record]:
        dates = [
            select(role.label("id"), case((date <= until, date)).label("at")).where(
                *conditions(scope)
            )
            for role in (col(Test.created_by_id), col(Test.submitted_by_id))
            for date in (col(Test.start_at), col(Test.end_at))
        ]
        acts = union_all(*dates).subquery()
        query: Query = (
            select(
                acts.c.id,
                func.min(acts.c.at).label("first_activity"),
                func.max(acts.c.at).label("last_activity"),
            )
            .where(acts.c.id.is_not(None))
            .group_by(acts.c.id)
        )
        if user_id is not None:
            query = query.where(acts.c.id == user_id)
        return await self._named(query)

    async def _named(self, query: Query) -> list[Record]:
        found = query.subquery()
        named: Query = select(
            col(User.id), col(User.name), found.c.first_activity, found.c.last_activity
        ).join(found, found.c.id == col(User.id))
        return await self._all(named.order_by(col(User.id)))
