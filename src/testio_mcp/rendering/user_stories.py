"""User stories as text."""

from zoneinfo import ZoneInfo

from testio_mcp.domain.ids import listed
from testio_mcp.rendering.answers import footer, heading, paragraphs
from testio_mcp.rendering.figures import known
from testio_mcp.rendering.markdown import Cell, table
from testio_mcp.views.base import Page
from testio_mcp.views.user_stories import ExecutedStory, UserStorySummary

# Ids of bugs to name in a row.
MOST_BUGS = 10


def user_story_page(page: Page[UserStorySummary], zone: ZoneInfo) -> str:
    headers = ["id", "title", "path", "feature", "status", "testers", "bugs", "bug ids"]
    rows = [_row(story) for story in page.items]
    return paragraphs(heading(page, "user story"), table(headers, rows), footer(page, zone))


def _row(story: UserStorySummary) -> list[Cell]:
    feature = f"{story.feature} ({story.feature_id})" if story.feature else None
    row: list[Cell] = [story.id and str(story.id), story.title, story.path, feature]
    if not isinstance(story, ExecutedStory):
        return [*row, None, None, None, None]
    return [
        *row,
        story.execution_status or "unknown",
        known(story.testers),
        known(story.bugs),
        listed(story.bug_ids or (), MOST_BUGS) or None,
    ]
