"""Answers that would be too long: as many rows as fit, shorter texts, and a word about it."""

from datetime import UTC, datetime

import pytest
from pydantic_core import to_json

from testio_mcp.domain.freshness import State
from testio_mcp.rendering.limits import BYTES_PER_TOKEN, told
from testio_mcp.views.base import Answer, Freshness, Page, View

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FRESH = Freshness(as_of=NOW, state=State.FRESH)
TOKENS = 1_000
BYTES = TOKENS * BYTES_PER_TOKEN


class Row(View):
    id: int
    text: str


class Thing(View):
    text: str
    rows: list[Row]
    counts: dict[str, str]


class ThingAnswer(Answer):
    thing: Thing


def page(rows, *, number=1, size=100, text="x" * 50):
    return Page(
        items=[Row(id=id, text=text) for id in range(rows)],
        total=1_000,
        returned=rows,
        page=number,
        page_size=size,
        has_more=True,
        freshness=FRESH,
    )


def shown(view):
    lines = [f"{row.id} {row.text}" for row in getattr(view, "items", [])]
    return "\n".join([*lines, *view.notes])


def sizes(found):
    return len(found.text.encode()), len(to_json(found.data))


def test_what_fits_is_told_as_it_is():
    whole = page(3)
    found = told(whole, shown, TOKENS)
    assert found.data == whole.model_dump(mode="json")
    assert "notes" not in found.data


def test_rows_that_do_not_fit_are_left_to_the_next_page():
    found = told(page(100), shown, TOKENS)
    size = found.data["page_size"]
    assert 10 < size == found.data["returned"] == len(found.data["items"]) < 100
    assert max(sizes(found)) <= BYTES
    assert found.data["has_more"] is True
    assert f"page_size {size} fits" in found.text


def test_a_later_page_still_begins_at_its_first_row():
    found = told(page(100, number=3), shown, TOKENS)
    data = found.data
    assert (data["page"] - 1) * data["page_size"] == 200
    assert data["items"][0]["id"] == 0
    assert max(sizes(found)) <= BYTES


def test_where_no_page_begins_at_that_row_the_rest_of_it_is_named():
    data = told(page(97, number=2, size=97), shown, TOKENS).data
    assert (data["page"], data["page_size"]) == (2, 97)
    assert data["returned"] == len(data["items"]) > 30
    assert f"Of this page the first {data['returned']} are told." in data["notes"][0]


@pytest.mark.parametrize("text", ["x" * 50_000, "\u00fc" * 50_000])
def test_a_row_that_is_too_long_by_itself_is_cut(text):
    found = told(page(2, text=text), shown, TOKENS)
    assert max(sizes(found)) <= BYTES
    assert len(found.data["items"]) == 1
    assert "characters of long texts" in found.text


def test_one_thing_keeps_the_beginning_of_everything():
    rows = [Row(id=id, text="y" * 300) for id in range(80)]
    thing = Thing(text="z" * 9_000, rows=rows, counts={"a": "b" * 9_000})
    found = told(ThingAnswer(thing=thing, freshness=FRESH), shown, TOKENS)
    kept = found.data["thing"]
    assert max(sizes(found)) <= BYTES
    assert kept["text"].startswith("zzz")
    assert kept["rows"][0]["id"] == 0
    [note] = found.data["notes"]
    left_out = 80 - len(kept["rows"])
    assert f"{left_out:,} rows are left out" in note
    assert note in found.text
