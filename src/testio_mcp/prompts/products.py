"""Which products people mean by what they type into an argument."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testio_mcp.domain.names import plain
from testio_mcp.domain.text import one_line
from testio_mcp.errors import InvalidRequest
from testio_mcp.rendering.markdown import inline
from testio_mcp.services.products import ProductService

NAMED = 10
EVERY = {"", "all"}
# What a person types before there is an id to put into a call.
UNSETTLED = "[ids, once settled]"
NOTHING_KNOWN = (
    "No product is in the local copy yet. Call `list_products()` first, which fetches them. If it "
    "stays empty, call `sync_data(wait_seconds=15)`, then `get_server_diagnostics()`."
)


@dataclass(frozen=True)
class Asked:
    """The products an argument names, and what has to be settled before it can be answered."""

    # Of all products in the copy, by id.
    names: Mapping[int, str]
    ids: tuple[int, ...]
    doubts: tuple[str, ...]
    # Whether no product was named, so that all are meant.
    all: bool = False

    @property
    def as_text(self) -> str:
        """Names with their ids; of all products only the first."""
        if self.all and self.names:
            return f"all {len(self.names)}: {self._listed(sorted(self.names)[:NAMED])}"
        return self._listed(self.ids) if self.ids else "not settled yet"

    def _listed(self, ids: Sequence[int]) -> str:
        words = ", ".join(f"{inline(one_line(self.names[id], 80))} ({id})" for id in ids)
        return f"{words}, …" if self.all and len(ids) < len(self.names) else words

    @property
    def as_argument(self) -> str:
        """The ids for a call; an empty list means all."""
        return json.dumps(self.ids) if self.ids or self.all else UNSETTLED


async def asked_products(text: str, products: ProductService) -> Asked:
    """Read ids and names, whole or in part, separated by commas."""
    names = await products.names()
    text = text.strip("[] ")
    if text.casefold() in EVERY:
        return Asked(names, (), () if names else (NOTHING_KNOWN,), all=True)
    if not names:
        doubt = f'Asked for: "{inline(one_line(text, 80))}". {NOTHING_KNOWN}'
        return Asked(names, (), (doubt,))
    ids: list[int] = []
    doubts: list[str] = []
    for part in _parts(text, names):
        try:
            ids.append(_id(part, names) or (await products.resolve([part]))[part])
        except InvalidRequest as error:
            doubts.append(inline(str(error)))
    return Asked(names, tuple(dict.fromkeys(ids)), tuple(doubts))


def split_names(text: str) -> list[str]:
    return [part.strip(" \"'") for part in text.split(",") if part.strip(" \"'")]


def _parts(text: str, names: Mapping[int, str]) -> list[str]:
    """What stands between the commas; a name that holds commas stays whole."""
    whole = {plain(", ".join(split_names(name))): name for name in names.values()}
    pending, parts = split_names(text), []
    while pending:
        joined = [", ".join(pending[:n]) for n in range(len(pending), 0, -1)]
        part = next((words for words in joined if plain(words) in whole), pending[0])
        parts.append(whole.get(plain(part), part))
        pending = pending[len(split_names(part)) :]
    return parts


def _id(part: str, names: Mapping[int, str]) -> int | None:
    """The id that stands there, alone or as completion puts it behind a name: "Shop (1001)"."""
    found = re.fullmatch(r"#?([0-9]{1,18})|.*\(([0-9]{1,18})\)", part)
    id = int(found[1] or found[2]) if found else None
    return id if id in names else None
