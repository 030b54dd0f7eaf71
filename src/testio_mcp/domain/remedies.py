"""What a problem hides, and what a person can do about it, in words."""

from collections.abc import Iterable, Mapping, Sequence

from testio_mcp.domain.ids import listed
from testio_mcp.domain.problems import Subject
from testio_mcp.errors import InvalidRequest

# Only these are about tests that a person can name.
OF_TESTS = (Subject.TEST, Subject.TESTS)
NAMED = 10
BY_ITSELF = "Nothing: the next sync tries again by itself."


def what(subject: str, item_id: int | None, positions: str | None, test_ids: Sequence[int]) -> str:
    """The beginning of a sentence that says what could not be read."""
    if positions:
        first, _, last = positions.partition("-")
        if first == last:
            return f"The test at position {first} of the list"
        return f"The tests at positions {first} to {last} of the list"
    one = "{} without an id" if item_id is None else f"{{}} {item_id}"
    of_tests = f" of test{'' if len(test_ids) == 1 else 's'} {listed(test_ids)}" if test_ids else ""
    names = {
        Subject.PRODUCT: one.format("Product"),
        Subject.FEATURE: one.format("Feature"),
        Subject.USER_STORY: one.format("User story"),
        Subject.TEST: one.format("Test"),
        Subject.BUG: one.format("Bug") + of_tests,
        Subject.REJECT_REASONS: "The list of rejection reasons",
        Subject.FEATURES: "The list of features",
        Subject.TESTS: "The list of tests",
        Subject.BUGS: f"The list of bugs{of_tests}",
    }
    return names[Subject(subject)]


def to_do(
    subject: str,
    event_id: str,
    product_id: int | None,
    positions: str | None,
    *,
    has_mapped: bool,
    has_candidates: bool,
) -> str:
    """A sentence with the exact commands."""
    retry = f"testio-mcp problematic retry {product_id}"
    if has_mapped:
        return f"Run {retry}: it asks TestIO for the mapped tests one by one."
    if positions is None or subject not in OF_TESTS:
        return BY_ITSELF
    then = f"run testio-mcp problematic map-tests {event_id} ID, then {retry}."
    if subject == Subject.TESTS:
        return f"{BY_ITSELF} If that does not help, find the missing ids in TestIO and {then}"
    if has_candidates:
        return f"Look at the candidates in TestIO. If one of them is the missing test, {then}"
    return f"Find the id of the missing test in TestIO, then {then}"


def refuse_unknown_products(product_ids: Iterable[int], names: Mapping[int, str]) -> None:
    """Raise InvalidRequest for products that are not among these, which are named by their ids."""
    unknown = [str(id) for id in product_ids if id not in names]
    if unknown:
        known = ", ".join(f"{name} ({id})" for id, name in sorted(names.items())[:NAMED])
        more = ", …" if len(names) > NAMED else ""
        raise InvalidRequest(
            f"Product {', '.join(unknown)} is not known.",
            hint=f"There are {known}{more}." if names else "None is known yet: sync first.",
        )
