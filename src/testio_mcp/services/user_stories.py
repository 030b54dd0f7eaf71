"""Questions about user stories: which there are, and how they fared in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.user_stories import UserStoryFilter, WantedExecution
from testio_mcp.errors import InvalidRequest, NotFound
from testio_mcp.services.pages import page_of
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import refuse_unknown_features, refuse_unknown_products
from testio_mcp.views.base import Page
from testio_mcp.views.user_stories import ExecutedStory, UserStorySummary

if TYPE_CHECKING:
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.repositories.user_stories import UserStoryRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import StoryExecution, TestFeature

# By feature: the stories of one stand together.
ORDER = "feature_id"
NOT_READ = (
    "How the user stories fared in this test was not read from TestIO yet, so that none can be "
    "told by its status. Ask again later."
)


class UserStoryService:
    def __init__(
        self,
        stories: UserStoryRepository,
        tests: TestRepository,
        products: ProductRepository,
        features: FeatureRepository,
        freshness: FreshnessReader,
    ) -> None:
        self._stories = stories
        self._tests = tests
        self._products = products
        self._features = features
        self._freshness = freshness

    @read_through
    async def list(self, wanted: UserStoryFilter, paging: Paging) -> Page[UserStorySummary]:
        _refuse_incomplete(wanted)
        if wanted.product_id:
            await refuse_unknown_products(self._products, (wanted.product_id,))
        if wanted.feature_id:
            await refuse_unknown_features(self._features, (wanted.feature_id,))
        if wanted.test_id:
            return await self._of_test(wanted, paging)
        return await self._of_product(wanted, paging)

    async def _of_product(self, wanted: UserStoryFilter, paging: Paging) -> Page[UserStorySummary]:
        basis = Basis((wanted.product_id,), test_ids=(), lists=False, tests=False, features=True)
        freshness = await self._freshness.of(basis, datetime.now(UTC))
        found = await self._stories.find(wanted, paging)
        stories = [
            UserStorySummary(
                id=row.UserStory.id,
                title=row.UserStory.title,
                path=row.UserStory.path,
                feature_id=row.UserStory.feature_id,
                feature=row.feature,
            )
            for row in found.items
        ]
        return page_of(stories, found.total, paging, freshness)

    async def _of_test(self, wanted: UserStoryFilter, paging: Paging) -> Page[UserStorySummary]:
        row = await self._tests.get(wanted.test_id)
        if row is None:
            raise NotFound("test", wanted.test_id)
        _refuse_another_product(wanted, row.Test.product_id)
        basis = Basis((row.Test.product_id,), (wanted.test_id,), lists=False, executions=True)
        freshness = await self._freshness.of(basis, datetime.now(UTC))
        features = await self._tests.features(wanted.test_id)
        executions = await self._stories.executions(wanted.test_id)
        stories = [
            story
            for story in _executed(features, executions)
            if wanted.feature_id in (0, story.feature_id)
            and wanted.execution_status in (WantedExecution.ANY, story.execution_status)
        ]
        is_narrowed = wanted.execution_status is not WantedExecution.ANY
        is_read = await self._stories.were_executions_read(wanted.test_id)
        return page_of(
            await self._completed(paging.cut(stories)),
            len(stories),
            paging,
            freshness,
            notes=[NOT_READ] if is_narrowed and not is_read else [],
        )

    async def _completed(self, stories: Sequence[ExecutedStory]) -> Sequence[ExecutedStory]:
        """With the paths that the catalogue knows, and without bugs that TestIO has deleted."""
        paths = await self._stories.paths([story.id for story in stories if story.id])
        named = {id for story in stories for id in story.bug_ids or ()}
        gone = await self._stories.deleted_bugs(named)
        completed = []
        for story in stories:
            changes: dict[str, Any] = {"path": paths.get(story.id or 0)}
            if story.bug_ids and not gone.isdisjoint(story.bug_ids):
                changes["bug_ids"] = [id for id in story.bug_ids if id not in gone]
                changes["bugs"] = len(changes["bug_ids"])
            completed.append(story.model_copy(update=changes))
        return completed


def _executed(
    features: Sequence[TestFeature], executions: Sequence[StoryExecution]
) -> Sequence[ExecutedStory]:
    """The stories of the test's features, in their order, each with how it fared if that is known.

    The list of tests may have brought other stories since: an execution is found by the story's
    id, or by the title of one that has none.
    """
    found: Mapping[tuple[int, Any], StoryExecution] = {
        (execution.test_feature_id, execution.user_story_id or execution.title): execution
        for execution in executions
    }
    stories = []
    for feature in features:
        for story in feature.user_stories:
            execution = found.get((feature.id, story["id"] or story["title"]))
            stories.append(
                ExecutedStory(
                    id=story["id"],
                    title=story["title"],
                    path=None,
                    feature_id=feature.feature_id,
                    feature=feature.title,
                    execution_status=execution.execution_status if execution else None,
                    testers=execution.tested_by_count if execution else None,
                    bugs=execution.bugs_found if execution else None,
                    bug_ids=execution.bug_ids if execution else None,
                )
            )
    return stories


def _refuse_incomplete(wanted: UserStoryFilter) -> None:
    if not wanted.product_id and not wanted.test_id:
        raise InvalidRequest(
            "Say of what the user stories are to be listed.",
            hint="Give product_id for a product's catalogue, or test_id for one test.",
        )
    if wanted.execution_status is not WantedExecution.ANY and not wanted.test_id:
        raise InvalidRequest(
            "User stories have an execution status only within a test.",
            hint="Give test_id as well; list_tests finds it.",
        )


def _refuse_another_product(wanted: UserStoryFilter, product_id: int) -> None:
    if wanted.product_id not in (0, product_id):
        raise InvalidRequest(
            f"Test {wanted.test_id} is a test of product {product_id}, not of {wanted.product_id}.",
            hint="Give only one of product_id and test_id.",
        )
