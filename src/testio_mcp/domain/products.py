"""The words for products, and how to narrow a list of them."""

from dataclasses import dataclass
from enum import StrEnum


class ProductType(StrEnum):
    WEBSITE = "website"
    MOBILE_APP_IOS = "mobile_app_ios"
    MOBILE_APP_ANDROID = "mobile_app_android"
    MOBILE_APP_WINDOWS = "mobile_app_windows"
    STREAMING_APP = "streaming_app"
    GAMING = "gaming"


class ProductSort(StrEnum):
    NAME = "name"
    NAME_DESC = "-name"
    TESTS = "tests"
    TESTS_DESC = "-tests"
    BUGS = "bugs"
    BUGS_DESC = "-bugs"
    LAST_TEST_END = "last_test_end"
    LAST_TEST_END_DESC = "-last_test_end"
    ID = "id"
    ID_DESC = "-id"


@dataclass(frozen=True)
class ProductFilter:
    """Empty means any; `search` stands in the name."""

    product_ids: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    search: str = ""
