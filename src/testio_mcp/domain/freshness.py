"""The words for how current an answer is."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What is read from TestIO in one go and stamped with the instant its request began."""

    # The list of products; its id is 0.
    PRODUCTS = "products"
    # The reject reasons; their id is 0.
    REJECT_REASONS = "reject_reasons"
    # By product: its feature catalogue, its list of tests.
    FEATURES = "features"
    TESTS = "tests"
    # By product: its list of tests when it was last read from end to end.
    ALL_TESTS = "all_tests"
    # By test: the test itself, all its bugs, how its features and user stories fared.
    TEST = "test"
    BUGS = "bugs"
    EXECUTION = "execution"


OF_A_PRODUCT = (Unit.TESTS, Unit.ALL_TESTS, Unit.FEATURES)
OF_A_TEST = (Unit.TEST, Unit.BUGS, Unit.EXECUTION)


class State(StrEnum):
    OFFLINE = "offline"
    NEVER_SYNCED = "never_synced"
    STALE = "stale"
    FRESH = "fresh"


@dataclass(frozen=True)
class Basis:
    """What an answer rests on. No product ids means all products; no test ids, all their tests."""

    product_ids: tuple[int, ...] = ()
    test_ids: tuple[int, ...] | None = None
    # The lists of tests of these products: true for every answer that could miss a test.
    lists: bool = True
    # The tests themselves; false where only their bugs are told.
    tests: bool = True
    bugs: bool = False
    features: bool = False
    # How features and user stories fared in the tests that are named.
    executions: bool = False

    @property
    def of_all_products(self) -> bool:
        """Whether an answer could miss a product."""
        return not self.product_ids and (self.lists or self.test_ids is None)
