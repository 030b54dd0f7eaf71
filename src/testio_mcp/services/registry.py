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
from testio_mcp.domain.syncs import OnProgress
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
from testio_mcp.services.syncs import SyncService
from testio_mcp.services.tests import TestService
from testio_mcp.services.user_stories import UserStoryService
from testio_mcp.services.users import UserService
from testio_mcp.settings import Settings
from testio_mcp.sync.background import Spawn
from testio_mcp.sync.condition import Condition
from testio_mcp.sync.freshness import FreshnessReader, unseen
from testio_mcp.sync.readthrough import Refresher
from testio_mcp.sync.retry import Repairs
from testio_mcp.sync.rules import Rules
from testio_mcp.sync.run import Syncer

# Not every command asks TestIO, and httpx takes a while to import.
if TYPE_CHECKING:
    from testio_mcp.api.client import TestIOClient


@dataclass(frozen=True)
class Means:
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


def _product_service(means: Means) -> ProductService:
    return ProductService(
        ProductRepository(means.session),
        FigureRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _test_service(means: Means) -> TestService:
    return TestService(
        TestRepository(means.session),
        BugRepository(means.session),
        ProductRepository(means.session),
        FeatureRepository(means.session),
        FigureRepository(means.session),
        ChangeRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _feature_service(means: Means) -> FeatureService:
    return FeatureService(
        FeatureRepository(means.session),
        UserStoryRepository(means.session),
        ProductRepository(means.session),
        TestRepository(means.session),
        FigureRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _user_story_service(means: Means) -> UserStoryService:
    return UserStoryService(
        UserStoryRepository(means.session),
        TestRepository(means.session),
        ProductRepository(means.session),
        FeatureRepository(means.session),
        means.freshness,
    )


def _user_service(means: Means) -> UserService:
    return UserService(
        UserRepository(means.session),
        ProductRepository(means.session),
        FigureRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _bug_service(means: Means) -> BugService:
    return BugService(
        BugRepository(means.session),
        TestRepository(means.session),
        ProductRepository(means.session),
        FeatureRepository(means.session),
        ChangeRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _search_service(means: Means) -> SearchService:
    return SearchService(
        SearchRepository(means.session),
        ProductRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _metrics_service(means: Means) -> MetricsService:
    return MetricsService(
        FigureRepository(means.session),
        ProductRepository(means.session),
        TestRepository(means.session),
        FeatureRepository(means.session),
        means.freshness,
        means.settings.zone,
    )


def _report_service(means: Means) -> ReportService:
    settings = means.settings
    return ReportService(
        FigureRepository(means.session),
        ProductRepository(means.session),
        TestRepository(means.session),
        BugRepository(means.session),
        FeatureRepository(means.session),
        means.freshness,
        ReportSettings(
            customer=settings.customer_name,
            folder=settings.home / "reports",
            thresholds=Thresholds(settings.limits),
            zone=settings.zone,
        ),
    )


def _sync_service(means: Means) -> SyncService:
    return SyncService(means.syncer, SyncRepository(means.session), means.freshness, means.spawn)


def _problem_service(means: Means) -> ProblemService:
    return ProblemService(
        ProblemRepository(means.session),
        ProductRepository(means.session),
        Repairs(means.syncer),
        means.freshness,
    )


def _diagnostics_service(means: Means) -> DiagnosticsService:
    cache = None
    if means.fault is None:
        cache = Cache(
            SyncRepository(means.session),
            _sync_service(means),
            means.freshness,
            ProductRepository(means.session),
        )
    return DiagnosticsService(
        means.settings,
        means.host,
        means.condition,
        means.notes,
        means.client,
        means.refresher,
        cache,
    )


FACTORIES: Mapping[type, Callable[[Means], Any]] = {
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

    def __init__(self, means: Means, database: Database | None) -> None:
        self._means = means
        self._database = database

    def check(self, services: Iterable[type]) -> None:
        """Raise LookupError for a service that is not registered or lacks what it is built from.

        Each is built once on a session that never connects.
        """
        unbound = replace(self._means, optional_session=ReadSession(AsyncSession()))
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
            yield FACTORIES[service](self._means)
            return
        async with self._database.read() as session:
            means = replace(self._means, optional_session=session, on_progress=on_progress)
            yield FACTORIES[service](means)
