"""Keeps answers short enough for a model: rows are left out and long texts cut, and it says so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from testio_mcp.views.base import Page, View

# Tokens of a text and of its data, each: by default, and where more was asked for.
USUAL_TOKENS, MOST_TOKENS = 6_000, 20_000
BYTES_PER_TOKEN = 4
# Characters of a text and rows of a table inside an answer, shorter each time.
SHORTER = ((4_000, 100), (2_000, 50), (1_000, 25), (500, 10), (250, 5), (100, 3))
# Of rows: pages of these sizes mostly begin where larger ones do.
SIZES = (75, 50, 40, 25, 20, 15, 10, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Told:
    """An answer as it goes out."""

    text: str
    data: dict[str, Any]

    def fits(self, tokens: int) -> bool:
        longest = max(len(self.text.encode()), len(to_json(self.data)))
        return longest <= tokens * BYTES_PER_TOKEN


def told[V: View](
    view: V, render: Callable[[V], str], tokens: int, size: str = "page_size"
) -> Told:
    """The answer within so many tokens; `size` is the parameter that says how many rows."""
    whole = _tell(view, render)
    if whole.fits(tokens):
        return whole
    if isinstance(view, Page):
        return _fewer_rows(view, render, tokens, size)
    return _shorter(view, render, tokens)


def _tell[V: View](view: V, render: Callable[[V], str]) -> Told:
    return Told(render(view), view.model_dump(mode="json"))


def _fewer_rows(page: Page[Any], render: Callable[[Any], str], tokens: int, size: str) -> Told:
    """As many rows as fit, as if only those had been asked for."""
    share = tokens * BYTES_PER_TOKEN / len(to_json(page.model_dump(mode="json")))
    likely = min(int(len(page.items) * share) + 1, len(page.items) - 1)
    for rows in (rows for rows in SIZES if rows <= likely):
        cut = _with_rows(page, rows, size)
        if (found := _tell(cut, render)).fits(tokens):
            return found
    return _shorter(_with_rows(page, 1, size), render, tokens)


def _with_rows(page: Page[Any], rows: int, size: str) -> Page[Any]:
    """The page of so many rows that begins at the same row, where there is one."""
    offset = (page.page - 1) * page.page_size
    note = f"{page.page_size} rows are too much for one answer: {size} {rows} fits."
    cut: dict[str, Any] = {"items": page.items[:rows], "returned": rows, "has_more": True}
    if offset % rows:
        note += f" Of this page the first {rows} are told."
    else:
        cut |= {"page": offset // rows + 1, "page_size": rows}
    return page.model_copy(update={**cut, "notes": [*page.notes, note]})


def _shorter[V: View](view: V, render: Callable[[V], str], tokens: int) -> Told:
    """With long texts cut and long tables left at their first rows."""
    for characters, rows in SHORTER:
        cut = _Cut(characters, rows)
        shorter = cut.view(view)
        notes = [*getattr(shorter, "notes", ()), cut.note]
        shorter = shorter.model_copy(update={"notes": notes})
        found = _tell(shorter, render)
        if found.fits(tokens):
            return found
    return found


@dataclass
class _Cut:
    """Cuts a view, and counts what it leaves out."""

    characters: int
    rows: int
    left_out_characters: int = 0
    left_out_rows: int = 0

    @property
    def note(self) -> str:
        left_out = [
            f"{number:,} {noun}"
            for number, noun in (
                (self.left_out_characters, "characters of long texts"),
                (self.left_out_rows, "rows"),
            )
            if number
        ]
        return f"To keep the answer short, {' and '.join(left_out)} are left out."

    def view[V: View](self, view: V) -> V:
        fields = {name: self._value(getattr(view, name)) for name in type(view).model_fields}
        return view.model_copy(update=fields)

    def _value(self, value: Any) -> Any:
        if isinstance(value, View):
            return self.view(value)
        if isinstance(value, str) and len(value) > self.characters:
            self.left_out_characters += len(value) - self.characters
            return f"{value[: self.characters]}\u2026"
        if isinstance(value, list):
            self.left_out_rows += max(len(value) - self.rows, 0)
            return [self._value(item) for item in value[: self.rows]]
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in value.items()}
        return value
