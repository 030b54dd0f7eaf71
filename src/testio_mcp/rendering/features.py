"""Features as text."""

from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import closing, footer, heading, paragraphs
from testio_mcp.rendering.figures import NOT_READ, figures, known
from testio_mcp.rendering.markdown import bullets, count, counted, date, inline, number, table
from testio_mcp.views.base import Page
from testio_mcp.views.features import FeatureAnswer, FeatureDetail, FeatureSummary

LEGEND = (
    "Tests that contain the feature, executed ones only, and its bugs in them. "
    "Fragility is the severity score per test, from two tests on."
)
# Rows of a table inside of an answer.
MOST_STORIES = 20


def feature_page(page: Page[FeatureSummary], zone: ZoneInfo) -> str:
    headers = ["id", "title", "user stories", "tests", "bugs", "bugs per test", "fragility"]
    rows = [
        [
            str(feature.id),
            feature.title,
            count(feature.user_stories),
            known(feature.tests),
            known(feature.bugs),
            number(feature.bugs_per_test),
            number(feature.fragility),
        ]
        for feature in page.items
    ]
    legend = LEGEND if rows else None
    return paragraphs(heading(page, "feature"), table(headers, rows), legend, footer(page, zone))


def feature_answer(answer: FeatureAnswer, zone: ZoneInfo) -> str:
    feature = answer.feature
    facts = [
        ("product", f"{feature.product} ({feature.product_id})"),
        ("in the catalogue", None if feature.in_catalogue else "no longer"),
        ("sections", ", ".join(feature.sections) or None),
        ("description", feature.description),
        ("how to find", feature.how_to_find),
    ]
    rates = [
        ("bugs per test", number(feature.bugs_per_test)),
        ("fragility (severity score per test)", number(feature.fragility)),
    ]
    return paragraphs(
        f"**Feature {feature.id}: {inline(feature.title)}**",
        bullets(facts),
        f"**{known(feature.tests)} executed tests** contain it",
        figures(feature.bugs, "of this feature in executed tests"),
        bullets(rates if feature.bugs.total is not None else []),
        _trend(feature),
        _latest_tests(feature, zone),
        _stories(feature),
        closing(answer, zone),
    )


def _trend(feature: FeatureDetail) -> str | None:
    if feature.tests is None:
        return f"By month: {NOT_READ}."
    rows = [
        (f"{row.month} so far" if row.partial else row.month, known(row.tests), known(row.bugs))
        for row in feature.trend
    ]
    return f"By month of the test's end\n\n{table(('month', 'tests', 'bugs'), rows)}"


def _latest_tests(feature: FeatureDetail, zone: ZoneInfo) -> str | None:
    headers = ("id", "test", "status", f"end ({zone.key})", "bugs of the feature")
    rows = [
        (str(test.id), test.title, test.status, date(test.end_at, zone), known(test.bugs))
        for test in feature.latest_tests
    ]
    return f"Latest tests, of all statuses\n\n{table(headers, rows)}" if rows else None


def _stories(feature: FeatureDetail) -> str | None:
    stories = feature.user_stories
    if not stories:
        return None
    rows = [(str(story.id), story.title, story.path) for story in stories[:MOST_STORIES]]
    left = len(stories) - len(rows)
    more = f"{count(left)} more: ask list_user_stories." if left else None
    title = counted(len(stories), "user story")
    return paragraphs(f"{title}\n\n{table(('id', 'title', 'path'), rows)}", more)
