"""What people type becomes a question that SQLite always understands."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_mcp.domain.search import SearchKind
from testio_mcp.errors import InvalidRequest
from testio_mcp.search.query import MAX_TERMS, Reference, Term, parse

TYPED = {
    "checkout": '"checkout"',
    "  checkout \n crash ": '"checkout" AND "crash"',
    "sign-in": '"sign-in"',
    "POL-358": '"POL-358"',
    '"gift card" balance': '"gift card" AND "balance"',
    "\u201cgift card\u201d": '"gift card"',
    "check*": '"check" *',
    '"gift ca"*': '"gift ca" *',
    "check** * ": '"check" *',
    'lonely " mark': '"lonely" AND "mark"',
    "a AND b OR NOT c": '"a" AND "AND" AND "b" AND "OR" AND "NOT" AND "c"',
    "title:crash ^start NEAR(a b)": '"title:crash" AND "^start" AND "NEAR(a" AND "b)"',
    "'; drop table bugs; --": '"drop" AND "table" AND "bugs;"',
    "\U0001f41b crash \U0001f4a9": '"crash"',
    "nul\0byte zero\u200bwidth": '"nulbyte" AND "zerowidth"',
    "crash crash Crash": '"crash" AND "Crash"',
}


@pytest.mark.parametrize("text", TYPED)
def test_what_is_typed_becomes_quoted_words(text):
    assert parse(text).all == TYPED[text]


@pytest.mark.parametrize("text", ["", " ", "*", '"', '""', "'; --", "\U0001f41b", "\0", "\ud800"])
def test_without_a_word_it_is_said_what_to_type(text):
    with pytest.raises(InvalidRequest, match=r"no word to search for\..*phrase"):
        parse(text)


ANY, BUG, TEST = None, SearchKind.BUG, SearchKind.TEST
REFERENCES = {
    "4711": Reference(4711),
    "#4711": Reference(4711),
    "bug 4711": Reference(4711, BUG),
    "Bugs #4711": Reference(4711, BUG),
    " test 12 ": Reference(12, TEST),
    "feature 3": Reference(3, SearchKind.FEATURE),
    "is #4711 the same?": Reference(4711),
    "https://app.test.io/bugs/4711": Reference(4711, BUG),
    "see https://app.test.io/customer/test_cycles/12?tab=bugs please": Reference(12, TEST),
    "https://api.test.io/customer/v2/exploratory_tests/12": Reference(12, TEST),
    "https://test.io/products/5/": Reference(5, SearchKind.PRODUCT),
    "4711 crashes": None,
    "bug 4711 crashes": None,
    "iOS 17": None,
    "https://test.io.evil.example/bugs/4711": None,
    "https://example.com/bugs/4711": None,
    "9" * 19: None,
    "\u0664\u0667": None,
}


@pytest.mark.parametrize("text", REFERENCES)
def test_an_id_is_seen(text):
    assert parse(text).reference == REFERENCES[text]


def test_of_an_id_alone_only_the_number_is_searched_for():
    assert parse("bug #4711").terms == (Term("4711"),)
    assert len(parse("is #4711 the same?").terms) == 4


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (" ".join(f"w{n}" for n in range(100)), MAX_TERMS),
        ("a" * 10_000, 1),
        ("a-" * 5_000, 1),
        ('"' + "a " * 5_000 + '"', MAX_TERMS),
    ],
)
def test_what_is_too_long_is_cut_and_said_so(text, terms):
    question = parse(text)
    assert question.is_cut
    assert len(question.terms) <= terms
    assert not parse(" ".join(f"w{n}" for n in range(MAX_TERMS))).is_cut


def test_other_words_can_be_put_in_their_place():
    question = parse('chekout "gift card" che*')
    better = question.with_words({Term("chekout"): Term("checkout")})
    assert str(better) == 'checkout "gift card" che*'
    assert parse(str(better)) == better


def test_only_whole_words_can_be_misspelled():
    words = [term.word for term in parse('\u00dcBERBLICK check* sign-in 4711 "gift card"').terms]
    assert words == ["uberblick", None, None, None, None]


@pytest.fixture(scope="module")
def index():
    with closing(sqlite3.connect(":memory:")) as connection:
        options = "tokenize = \"unicode61 remove_diacritics 2\", prefix = '2 3'"
        connection.execute(f"CREATE VIRTUAL TABLE words USING fts5(title, body, {options})")
        yield connection


def matches(connection, match):
    return connection.execute("SELECT rowid FROM words WHERE words MATCH ?", [match]).fetchall()


@given(st.text() | st.text("ab\"*-'^:(){}+~ \n\0\u00df\u0301\U0001f41b"))
def test_whatever_is_typed_sqlite_understands(index, text):
    try:
        question = parse(text)
    except InvalidRequest:
        return
    for match in (question.all, question.any, f"title : ({question.all})"):
        matches(index, match)
    matches(index, f'title : ^ "{question.title}"')


@given(st.lists(st.text("abc\u00e4\u00c4\u00e9-./_ '", min_size=1), min_size=1))
def test_a_text_is_found_by_all_of_its_own_words(index, words):
    text = " ".join(words)
    index.execute("DELETE FROM words")
    index.execute("INSERT INTO words VALUES (?, '')", [text])
    try:
        question = parse(text)
    except InvalidRequest:
        return
    assert matches(index, question.all) == matches(index, question.any) != []
