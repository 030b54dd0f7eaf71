"""Tables of words that are ours; `rendering.markdown.table` is for those of strangers."""

from collections.abc import Iterable, Sequence
from typing import Any

from testio_mcp.rendering.markdown import grid


def table(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A line a row, each ended; a bar inside a cell, which would end it, is escaped."""
    return grid(head, [[str(cell).replace("|", "\\|") for cell in row] for row in rows]) + "\n"
