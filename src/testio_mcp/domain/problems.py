"""The words for what could not be read."""

from enum import StrEnum


class Subject(StrEnum):
    """What a problem is about: one thing, or everything that one request brings."""

    PRODUCT = "product"
    FEATURE = "feature"
    USER_STORY = "user_story"
    # By id where TestIO gave one, otherwise by its position in the list of its product.
    TEST = "test"
    BUG = "bug"
    REJECT_REASONS = "reject_reasons"
    # The catalogue of a product, and a part of its list of tests.
    FEATURES = "features"
    TESTS = "tests"
    # All bugs of one test.
    BUGS = "bugs"


def missing(subject: str, number: int, product: str | None) -> str:
    """A sentence that says how many of a product's things could not be read."""
    of = f" of product {product}" if product else ""
    many = "" if number == 1 else "s"
    sentences = {
        Subject.PRODUCT: f"{number} product{many}",
        Subject.FEATURE: f"{number} feature{many}{of}",
        Subject.USER_STORY: f"{number} user stor{'y' if number == 1 else 'ies'}{of}",
        Subject.TEST: f"{number} test{many}{of}",
        Subject.BUG: f"{number} bug{many}{of}",
        Subject.REJECT_REASONS: "The list of rejection reasons",
        Subject.FEATURES: f"The features{of}",
        Subject.TESTS: f"A part of the list of tests{of}",
        Subject.BUGS: f"The bugs of {number} test{many}{of}",
    }
    return f"{sentences[Subject(subject)]} could not be read."
