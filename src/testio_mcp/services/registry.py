"""Builds services. Each one lives as long as the session it was built on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel.ext.asyncio.session import AsyncSession

from testio_mcp.database.engine import Database, ReadSession
from testio_mcp.domain.health import Thresholds
from testio_mcp.errors import TestIOMcpError
from testio_mcp.repositories.bugs import BugRepository
from testio_mcp.repositories.changes import ChangeRepository
from testio_mcp.repositories.features import FeatureRepository
from testio_mcp.repositories.figures import FigureRepository
from testio_mcp.repositories.problems import ProblemRepository
from testio_mcp.repositories.products import ProductRepository
from testio_mcp.repositories.search import SearchRepository
from testio_mcp.repositories.syncs import SyncRepository
from testio_mcp.repositories.tests import TestRepository
from testio_mcp.repositories.user_stories import UserStoryRepository
from testio_mcp.repositories.users import UserRepository
from testio_mcp.services.bugs import BugService
from testio_mcp.services.diagnostics import Cache, DiagnosticsService
from testio_mcp.services.features import FeatureService
from testio_mcp.services.metrics import MetricsService
from testio_mcp.services.problems import ProblemService
from testio_mcp.services.products import ProductService
from testio_mcp.services.reports import ReportService, ReportSettings
from testio_mcp.services.search import SearchService
from testio_mcp.services.syncs import Spawn, SyncService
from testio_mcp.services.tests import TestService
from testio_mcp.services.user_stories import UserStoryService
from testio_mcp.services.users import UserService
from testio_mcp.settings import Settings
from testio_mcp.sync.freshness import Condition, FreshnessReader, OnProgress, unseen
from testio_mcp.sync.readthrough import Refresher
from testio_mcp.sync.retry import Repairs
from testio_mcp.sync.rules import Rules
from testio_mcp.sync.run import Syncer

# Not every command asks TestIO, and httpx takes a while to import.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient


@dataclass(frozen=True)
class Scope:
    """What a service may be built from. Without a cache there is no session and no syncer."""

    settings: Settings
    # What the cache remembers of where its data comes from.
    host: str
    condition: Condition
    spawn: Spawn
    # Problems and warnings found at start, in sentences.
    notes: tuple[list[str], list[str]]
    client: TestIOClient | None
    optional_syncer: Syncer | None = None
    optional_session: ReadSession | None = None
    # None where nothing is asked of TestIO.
    refresher: Refresher | None = None
    # Why there is no cache.
    fault: TestIOMcpError | None = None
    on_progress: OnProgress = unseen

    @property
    def session(self) -> ReadSession:
        if self.optional_session is None:
            raise self.fault or LookupError("a service was built without a session")
        return self.optional_session

    @property
    def syncer(self) -> Syncer:
        if self.optional_syncer is None:
            raise self.fault or LookupError("a service was built without a syncer")
        return self.optional_syncer

    @property
    def freshness(self) -> FreshnessReader:
        rules = Rules(
            ttl=timedelta(seconds=self.settings.cache_ttl_seconds),
            review=timedelta(days=self.settings.review_days),
            budget=self.settings.read_budget_seconds,
        )
        return FreshnessReader(
            self.session, self.condition, rules, self.refresher, self.on_progress
        )


def _product_service(scope: Scope) -> ProductService:
    return ProductService(
        ProductRepository(scope.session),
        FigureRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _test_service(scope: Scope) -> TestService:
    return TestService(
        TestRepository(scope.session),
        BugRepository(scope.session),
        ProductRepository(scope.session),
        FigureRepository(scope.session),
        ChangeRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _feature_service(scope: Scope) -> FeatureService:
    return FeatureService(
        FeatureRepository(scope.session),
        UserStoryRepository(scope.session),
        ProductRepository(scope.session),
        TestRepository(scope.session),
        FigureRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _user_story_service(scope: Scope) -> UserStoryService:
    return UserStoryService(
        UserStoryRepository(scope.session),
        TestRepository(scope.session),
        BugRepository(scope.session),
        ProductRepository(scope.session),
        scope.freshness,
    )


def _user_service(scope: Scope) -> UserService:
    return UserService(
        UserRepository(scope.session),
        ProductRepository(scope.session),
        FigureRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _bug_service(scope: Scope) -> BugService:
    return BugService(
        BugRepository(scope.session),
        TestRepository(scope.session),
        ProductRepository(scope.session),
        ChangeRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _search_service(scope: Scope) -> SearchService:
    return SearchService(
        SearchRepository(scope.session),
        ProductRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _metrics_service(scope: Scope) -> MetricsService:
    return MetricsService(
        FigureRepository(scope.session),
        ProductRepository(scope.session),
        TestRepository(scope.session),
        BugRepository(scope.session),
        scope.freshness,
        scope.settings.zone,
    )


def _report_service(scope: Scope) -> ReportService:
    settings = scope.settings
    return ReportService(
        FigureRepository(scope.session),
        ProductRepository(scope.session),
        TestRepository(scope.session),
        BugRepository(scope.session),
        scope.freshness,
        ReportSettings(
            customer=settings.customer_name,
            folder=settings.home / "reports",
            thresholds=Thresholds(settings.limits),
            zone=settings.zone,
        ),
    )


def _sync_service(scope: Scope) -> SyncService:
    return SyncService(scope.syncer, SyncRepository(scope.session), scope.freshness, scope.spawn)


def _problem_service(scope: Scope) -> ProblemService:
    return ProblemService(
        ProblemRepository(scope.session),
        ProductRepository(scope.session),
        Repairs(scope.syncer),
        scope.freshness,
    )


def _diagnostics_service(scope: Scope) -> DiagnosticsService:
    cache = None
    if scope.fault is None:
        cache = Cache(
            SyncRepository(scope.session),
            _sync_service(scope),
            scope.freshness,
            ProductRepository(scope.session),
        )
    return DiagnosticsService(
        scope.settings,
        scope.host,
        scope.condition,
        scope.notes,
        scope.client,
        scope.refresher,
        cache,
    )


FACTORIES: Mapping[type, Callable[[Scope], Any]] = {
    ProductService: _product_service,
    TestService: _test_service,
    FeatureService: _feature_service,
    UserStoryService: _user_story_service,
    BugService: _bug_service,
    UserService: _user_service,
    SearchService: _search_service,
    SyncService: _sync_service,
    DiagnosticsService: _diagnostics_service,
    ProblemService: _problem_service,
    MetricsService: _metrics_service,
    ReportService: _report_service,
}


class ServiceRegistry:
    """Opens services, each on a session of its own."""

    def __init__(self, scope: Scope, database: Database | None) -> None:
        self._scope = scope
        self._database = database

    def check(self, services: Iterable[type]) -> None:
        """Raise LookupError for a service that is not registered or lacks what it is built from.

        Each is built once on a session that never connects.
        """
        unbound = replace(self._scope, optional_session=ReadSession(AsyncSession()))
        for service in services:
            if service not in FACTORIES:
                raise LookupError(f"{service.__name__} is not registered in FACTORIES")
            try:
                FACTORIES[service](unbound)
            except TestIOMcpError:
                continue
            except (TypeError, AttributeError) as error:
                raise LookupError(f"{service.__name__} cannot be built: {error}") from error

    @asynccontextmanager
    async def open[S](self, service: type[S], on_progress: OnProgress = unseen) -> AsyncIterator[S]:
        """A service whose session is closed afterwards, also when the caller is cancelled.

        Raises what keeps the cache closed, except for diagnostics.
        """
        if self._database is None:
            yield FACTORIES[service](self._scope)
            return
        async with self._database.read() as session:
            scope = replace(self._scope, optional_session=session, on_progress=on_progress)
            yield FACTORIES[service](scope)
