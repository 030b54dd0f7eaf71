import html
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from testio_mcp.domain.text import clean
from testio_mcp.rendering.markdown import (
    CELL_LIMIT,
    QUOTE_OVER,
    ago,
    bullets,
    count,
    date,
    days,
    inline,
    moment,
    number,
    quoted,
    rate,
    table,
)

utc, berlin, sao_paulo = map(ZoneInfo, ("UTC", "Europe/Berlin", "America/Sao_Paulo"))
NOVEMBER = datetime(2026, 11, 21, 9, 12, 59, tzinfo=UTC)

unhurried = settings(deadline=None, max_examples=50)
hostile = st.text(
    st.sampled_from("|`*_[]()<>!#-+=~.1a \\\n\r\t&\u200b\u202e") | st.characters(), max_size=60
)
paragraphs = {"p", "em", "strong", "hr"}


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


def elements(text: str) -> set[str]:
    return set(re.findall(r"<([a-z0-9]+)", rendered(text)))


def test_a_table_is_compact():
    rows = [[109363, "Checkout", 3.5, True], [109364, None, 0, False]]
    assert table(["id", "title", "bugs per test", "known"], rows) == (
        "| id | title | bugs per test | known |\n"
        "| --- | --- | --- | --- |\n"
        "| 109363 | Checkout | 3.5 | yes |\n"
        "| 109364 |  | 0 | no |"
    )


def test_a_column_without_any_value_is_left_out():
    assert table(["id", "end", "bugs"], [[1, None, 0], [2, None, None]]) == (
        "| id | bugs |\n| --- | --- |\n| 1 | 0 |\n| 2 |  |"
    )


def test_a_table_without_rows_is_nothing():
    assert table(["id", "title"], []) == ""


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        table(["id", "title"], [[1]])


def test_a_long_cell_is_cut():
    (line,) = table(["title"], [["x" * 500]]).splitlines()[2:]
    assert line == f"| {'x' * (CELL_LIMIT - 1)}\u2026 |"


@unhurried
@example("a | b", "[a](b)")
@example("id", "<img src=a>")
@example("id", "a\n| b |")
@given(hostile, hostile)
def test_a_cell_stays_within_its_cell(first, second):
    text = rendered(table([first, "title"], [[second, first], [1, "end"]]))
    assert (text.count("<tr>"), text.count("<th>"), text.count("<td>")) == (3, 2, 4)
    assert not re.search("<(a|img|code|script)", text)


def test_bullets_leave_nulls_out():
    values = [("tests", 0), ("rate", None), ("title", "Crash | pay"), ("known", False)]
    assert bullets(values) == "- tests: 0\n- title: Crash \\| pay\n- known: no"


def test_a_text_of_many_lines_is_quoted_below_its_label():
    values = [("steps", "1. open\n2. pay"), ("severity", "high")]
    assert bullets(values) == (
        "- steps:\n  ```quoted\n  1. open\n  2. pay\n  ```\n- severity: high"
    )


@unhurried
@given(hostile)
def test_a_bullet_stays_one_bullet(text):
    assert rendered(bullets([("label", text), ("next", 1)])).count("<li>") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Crash on pay", "Crash on pay"),
        ("  Cra\u200bsh on pay\n", "Crash on pay"),
        ("![x](http://evil.example/?q)", r"!\[x\](http://evil.example/?q)"),
        ("<script>alert(1)</script>", r"\<script>alert(1)\</script>"),
        ("`rm` **now** a|b \\", r"\`rm\` \*\*now\*\* a\|b \\"),
        ("# Heading", r"\# Heading"),
        ("1. first", r"1\. first"),
        ("- item", r"\- item"),
        ("~~~", r"\~~~"),
        ("21.4 % of snake_case", "21.4 % of snake_case"),
        ("2026-11-21 09:12", "2026-11-21 09:12"),
        ("", ""),
    ],
)
def test_a_short_text_is_quoted_inline(text, shown):
    assert quoted(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\r\ntwo", "```quoted\none\ntwo\n```"),
        ("one\n```\ntwo", "````quoted\none\n```\ntwo\n````"),
        ("a\n`````b", "``````quoted\na\n`````b\n``````"),
        ("x" * (QUOTE_OVER + 1), f"```quoted\n{'x' * 601}\n```"),
    ],
)
def test_a_long_text_is_fenced_as_it_is(text, shown):
    assert quoted(text) == shown


def test_the_limit_of_an_inline_text_can_be_set():
    assert quoted("x" * QUOTE_OVER) == "x" * QUOTE_OVER
    assert quoted("Crash on pay", limit=5) == "```quoted\nCrash on pay\n```"


@unhurried
@given(hostile, st.sampled_from([0, QUOTE_OVER]))
def test_a_quote_has_no_effect_outside_itself(text, limit):
    whole = f"{quoted(text, limit)}\n\nThe end."
    assert elements(whole) <= paragraphs | {"pre", "code"}
    assert rendered(whole).endswith("<p>The end.</p>\n")
    assert rendered(whole).count("<pre>") <= 1


@unhurried
@given(hostile.map(lambda text: f"a\n{text}\nb"))
def test_a_fence_shows_the_clean_text_unchanged(text):
    code = re.fullmatch(r"<pre><code[^>]*>(.*)</code></pre>\n", rendered(quoted(text)), re.DOTALL)
    assert html.unescape(code[1]) == clean(text) + "\n"


def test_inline_leaves_plain_words_alone():
    assert inline("snake_case & R&D: 3 > 2, 100 %!") == "snake_case & R&D: 3 > 2, 100 %!"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (count(1234), "1,234"),
        (count(0), "0"),
        (count(None), "n/a"),
        (rate(0.2143), "21.4 %"),
        (rate(0), "0.0 %"),
        (rate(1), "100.0 %"),
        (rate(None), "n/a"),
        (number(3.14159), "3.14"),
        (number(12.0), "12"),
        (number(100), "100"),
        (number(1234.5), "1,234.5"),
        (number(-0.001), "0"),
        (number(None), "n/a"),
        (days(0), "0 days"),
        (days(1), "1 day"),
        (days(1200), "1,200 days"),
        (days(2.5), "2.5 days"),
        (days(None), "n/a"),
        (date(NOVEMBER, utc), "2026-11-21"),
        (date(datetime(2026, 12, 31, 23, tzinfo=UTC), berlin), "2027-01-01"),
        (date(None, utc), None),
        (moment(NOVEMBER, utc), "2026-11-21 09:12 UTC"),
        (moment(NOVEMBER, berlin), "2026-11-21 10:12 CET"),
        (moment(datetime(2026, 7, 1, tzinfo=UTC), berlin), "2026-07-01 02:00 CEST"),
        (moment(NOVEMBER, sao_paulo), "2026-11-21 06:12 America/Sao_Paulo"),
        (moment(None, utc), None),
        (ago(timedelta(seconds=-5)), "just now"),
        (ago(timedelta(seconds=59)), "just now"),
        (ago(timedelta(minutes=1)), "1 min ago"),
        (ago(timedelta(minutes=4, seconds=59)), "4 min ago"),
        (ago(timedelta(minutes=60)), "1 h ago"),
        (ago(timedelta(hours=23, minutes=59)), "23 h ago"),
        (ago(timedelta(hours=24)), "1 day ago"),
        (ago(timedelta(days=9)), "9 days ago"),
    ],
)
def test_figures_and_times(shown, text):
    assert shown == text
