"""The words for features, and how to narrow a list of them."""

from dataclasses import dataclass
from enum import StrEnum


class HasUserStories(StrEnum):
    ANY = "any"
    YES = "yes"
    NO = "no"


class FeatureSort(StrEnum):
    TITLE = "title"
    TITLE_DESC = "-title"
    TESTS = "tests"
    TESTS_DESC = "-tests"
    BUGS = "bugs"
    BUGS_DESC = "-bugs"
    BUGS_PER_TEST = "bugs_per_test"
    BUGS_PER_TEST_DESC = "-bugs_per_test"
    FRAGILITY = "fragility"
    FRAGILITY_DESC = "-fragility"
    USER_STORIES = "user_stories"
    USER_STORIES_DESC = "-user_stories"


@dataclass(frozen=True)
class FeatureFilter:
    """`search` is looked for in titles; empty means any."""

    product_id: int
    search: str = ""
    has_user_stories: HasUserStories = HasUserStories.ANY
