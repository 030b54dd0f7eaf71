"""What a caller sees of a user story."""

from testio_mcp.views.base import View


class UserStorySummary(View):
    # Null for a story that TestIO names without an id.
    id: int | None
    title: str
    path: str | None
    feature_id: int | None
    feature: str | None


class ExecutedStory(UserStorySummary):
    """How a story fared in a test, as TestIO counts; null where that was never read."""

    execution_status: str | None
    testers: int | None
    bugs: int | None
    bug_ids: list[int] | None
