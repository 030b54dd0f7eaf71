"""How large a world is, and how ids of tests and bugs encode their place in it."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

# Things of another customer: they exist, and asking for one is answered with 403.
FOREIGN_PRODUCT_IDS = range(901, 906)
FOREIGN_TEST_IDS = range(90_001, 90_051)
FOREIGN_BUG_IDS = range(900_001, 900_051)

FIRST_PRODUCT_ID = 1_001
FIRST_TEST_ID = 100_000
FIRST_BUG_ID = 1_000_000
# No test has more bugs than this, so that a bug's id tells its test.
BUG_IDS_PER_TEST = 100


class Scale(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True)
class Size:
    """`decay` is how much smaller each product is than the one before."""

    products: int
    tests: int
    bugs: int
    decay: float


SIZES = {
    Scale.SMALL: Size(products=4, tests=60, bugs=900, decay=0.35),
    Scale.MEDIUM: Size(products=20, tests=2_000, bugs=20_000, decay=0.06),
    Scale.LARGE: Size(products=100, tests=50_000, bugs=1_000_000, decay=0.05),
}


@dataclass(frozen=True)
class Layout:
    """Ids for positions: product 0 is the first one, test 0 of a product its newest."""

    scale: Scale
    tests: tuple[int, ...]

    @property
    def products(self) -> int:
        return len(self.tests)

    @property
    def deepest(self) -> int:
        return max(self.tests)

    @property
    def first_free_test_id(self) -> int:
        return FIRST_TEST_ID + self.products * self.deepest

    @property
    def first_free_bug_id(self) -> int:
        return FIRST_BUG_ID + self.products * self.deepest * BUG_IDS_PER_TEST

    def test_ids(self, product: int) -> range:
        """Newest first; the newest tests of all products have the highest ids."""
        newest = FIRST_TEST_ID + self.products * (self.deepest - 1) + product
        return range(newest, newest - self.products * self.tests[product], -self.products)

    def place_of_test(self, test_id: int) -> tuple[int, int] | None:
        """The product's and the test's position; None when no such test was generated."""
        row, product = divmod(test_id - FIRST_TEST_ID, self.products)
        position = self.deepest - 1 - row
        return (product, position) if 0 <= position < self.tests[product] else None

    @staticmethod
    def bug_id(test_id: int, position: int) -> int:
        return FIRST_BUG_ID + (test_id - FIRST_TEST_ID) * BUG_IDS_PER_TEST + position

    @staticmethod
    def test_of_bug(bug_id: int) -> int:
        return FIRST_TEST_ID + (bug_id - FIRST_BUG_ID) // BUG_IDS_PER_TEST


@cache
def layout_of(scale: Scale) -> Layout:
    size = SIZES[scale]
    weights = [1 / (1 + size.decay * product) for product in range(size.products)]
    tests = [int(size.tests * weight / sum(weights)) for weight in weights]
    # What rounding down left over goes to the first product.
    tests[0] += size.tests - sum(tests)
    return Layout(scale, tuple(tests))
