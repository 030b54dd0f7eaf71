"""Results on stdout, everything else on stderr; plain text when nobody watches."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

NOTES = Console(stderr=True, highlight=False)
FENCE = re.compile("(`{3,})(json)?")


class Block(StrEnum):
    PROSE = "prose"
    TABLE = "table"
    TO_PASTE = "to paste"


def show(text: str, data: Any, *, as_json: bool) -> None:
    """Print a result: JSON, or its Markdown, drawn when stdout is a terminal."""
    if as_json:
        # Escaped, a character survives an encoding that lacks it.
        holds_all = sys.stdout.encoding.lower().startswith("utf")
        print(json.dumps(data, ensure_ascii=not holds_all, indent=2))
    elif sys.stdout.isatty():
        console = Console(highlight=False)
        # What is to be pasted may be wider than the terminal, which then breaks its lines itself.
        console.print(drawn(text, console.width), crop=False)
    else:
        print(text)


def drawn(text: str, width: int) -> RenderableType:
    """Markdown for a terminal of this width; a table that is too wide becomes a list."""
    blocks: list[RenderableType] = []
    for block, marked in groupby(_marked(text.split("\n")), key=lambda pair: pair[0]):
        lines = [line for _, line in marked]
        if block is Block.PROSE:
            blocks.append(Markdown("\n".join(lines)))
        elif block is Block.TO_PASTE:
            said = "\n".join(["", *lines[1:-1], ""])
            blocks.append(Text(said, no_wrap=True, overflow="ignore"))
        else:
            head, _, *body = [_cells(line) for line in lines]
            widths = (max(map(len, column)) + 3 for column in zip(head, *body, strict=True))
            blocks.append(_table(head, body) if sum(widths) <= width else _records(head, body))
    return Group(*blocks)


def _marked(lines: Iterable[str]) -> Iterator[tuple[Block, str]]:
    """Each line with what it is a part of; a fence goes with what it holds."""
    fence, block = "", Block.PROSE
    for line in lines:
        if fence:
            yield block, line
            fence = "" if line == fence else fence
        elif begun := FENCE.match(line):
            fence, block = begun[1], Block.TO_PASTE if begun[2] else Block.PROSE
            yield block, line
        else:
            yield Block.TABLE if line.startswith("| ") else Block.PROSE, line


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in cells]


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> RenderableType:
    table = Table(*head, box=box.SIMPLE_HEAD)
    for row in body:
        table.add_row(*map(Text, row))
    return table


def _records(head: Sequence[str], body: Sequence[Sequence[str]]) -> RenderableType:
    def rows() -> Iterator[RenderableType]:
        for first, second, *rest in body:
            yield Text(f"{first}  {second}", style="bold")
            facts = [f"{name} {value}" for name, value in zip(head[2:], rest, strict=True) if value]
            yield Padding(Text(", ".join(facts)), (0, 0, 0, 4))

    return Padding(Group(*rows()), (1, 0))
