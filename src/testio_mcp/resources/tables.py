"""Tables in Markdown of words that are ours; `rendering.markdown` is for those of strangers."""

from collections.abc import Iterable, Iterator
from typing import Any


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A line a row, each ended; a bar inside a cell is escaped."""

    def lines() -> Iterator[str]:
        columns = list(head)
        yield f"| {' | '.join(columns)} |"
        yield f"| {' | '.join('---' for _ in columns)} |"
        for row in rows:
            # A bar inside a cell would end it.
            yield f"| {' | '.join(str(cell).replace('|', '\\|') for cell in row)} |"

    return "".join(f"{line}\n" for line in lines())
