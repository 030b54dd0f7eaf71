import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testio_mcp.domain.text import clean, closest, one_line

# Arabic, Syriac and Kaithi signs that are drawn, although Unicode calls them format characters.
DRAWN = {0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD, *range(0x0600, 0x0606)}

unhurried = settings(deadline=None, max_examples=50)
anything = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Cr\u200bash on\u2060 pay", "Crash on pay"),
        ("\ufeffuser\u202egnp.exe\u202c", "usergnp.exe"),
        ("\u2066a\u2069 \u061cb\u200f", "a b"),
        ("so\u00adft\u180e hy\u034fphen", "soft hyphen"),
        ("\u3164\u115f\uffa0\u2800", ""),
        ("hidden\U000e0041\U000e0042\U000e007f\U000e0100", "hidden"),
        ("nul\x00 bell\x07 escape\x1b[31m", "nul bell escape[31m"),
        ("lone \ud83d surrogates \udc00", "lone  surrogates "),
        ("one\r\ntwo\rthree\u2028four\u2029five\x85six\vseven\feight\nnine\tten",
         "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\tten"),
        ("Gr\u00fc\u00dfe \u4f60\u597d \u05e9\u05dc", "Gr\u00fc\u00dfe \u4f60\u597d \u05e9\u05dc"),
        ("\N{FIRE} \N{THUMBS UP SIGN}\U0001f3fd", "\N{FIRE} \N{THUMBS UP SIGN}\U0001f3fd"),
        ("\U0001f1e9\U0001f1ea", "\U0001f1e9\U0001f1ea"),
    ],
)  # fmt: skip
def test_clean_removes_what_cannot_be_seen(text, cleaned):
    assert clean(text) == cleaned


def test_a_joined_emoji_falls_apart_into_its_members():
    assert clean("\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}") == "\N{MAN}\N{WOMAN}\N{GIRL}"
    assert clean("\N{HEAVY BLACK HEART}\ufe0f") == "\N{HEAVY BLACK HEART}"


def test_clean_knows_every_format_and_control_character():
    kept = {
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cf", "Cc", "Cs", "Zl", "Zp"}
        and clean(chr(code)) not in {"", "\n"}
    }
    assert kept == {ord("\t"), *DRAWN}


@unhurried
@given(anything)
def test_clean_text_stays_as_it_is_and_can_be_encoded(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert "\x00" not in cleaned


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("  Crash \n\t on\u00a0pay ", 20, "Crash on pay"),
        ("Crash on pay", 12, "Crash on pay"),
        ("Crash on pay", 11, "Crash on p\u2026"),
        ("Crash on pay", 7, "Crash\u2026"),
        ("Crash", 1, "\u2026"),
        ("", 1, ""),
    ],
)
def test_one_line_cuts_at_the_limit(text, limit, line):
    assert one_line(text, limit) == line


@unhurried
@given(anything, st.integers(1, 80))
def test_one_line_is_one_line_within_the_limit(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert one_line(line, limit) == line


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("CRITICL", ["critical"]),
        ("rejectd", ["rejected"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_closest_ignores_case(word, expected):
    assert closest(word, ["critical", "rejected", "accepted", "open"]) == expected


def test_closest_returns_the_candidates_as_they_are_written_and_not_too_many():
    names = ["Checkout", "CHECKOUTS", "check-out", "Checkouts page"]
    assert closest("checkout", names, n=2) == ["Checkout", "CHECKOUTS"]
