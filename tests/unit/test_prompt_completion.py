"""What is suggested while the products of a prompt are typed."""

import pytest

from testio_mcp.prompts.completion import completed

NAMES = {
    1: "Nordwind Shop",
    2: "Nordwind Shop App",
    3: "Käthes Bank",
    4: "Lager, Versand und mehr",
    5: "Twin",
    6: "twin",
    7: "2048",
}


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("nord", ["Nordwind Shop", "Nordwind Shop App"]),
        ("b", ["Käthes Bank"]),
        ("KATHES", ["Käthes Bank"]),
        ("app", ["Nordwind Shop App"]),
        ("s", ["Käthes Bank", "Lager, Versand und mehr", "Nordwind Shop", "Nordwind Shop App"]),
        ("l", ["Lager, Versand und mehr"]),
        ("twin", ["Twin (5)", "twin (6)"]),
        ("1, kat", ["1, Käthes Bank"]),
        ("Nordwind Shop,nord", ["Nordwind Shop, Nordwind Shop App"]),
        ("zzz", []),
    ],
)
def test_names_are_suggested_for_the_last_part(typed, suggested):
    assert completed(typed, NAMES) == suggested


def test_names_that_begin_with_what_was_typed_come_first():
    assert completed("ba", {1: "Abaco", 2: "Bazaar"}) == ["Bazaar", "Abaco"]


def test_everything_is_suggested_before_anything_is_typed():
    assert len(completed("", NAMES)) == len(NAMES)
