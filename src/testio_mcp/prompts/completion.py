"""Product names, offered while a person types the argument of a prompt."""

import logging
from collections import Counter
from collections.abc import Mapping

from fastmcp.server.completions import CompletionHandler
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from testio_mcp.domain.names import holds, plain
from testio_mcp.domain.text import clean
from testio_mcp.errors import TestIOMcpError
from testio_mcp.prompts.filling import GetApp, product_names
from testio_mcp.prompts.products import split_names

logger = logging.getLogger(__name__)

# The protocol allows no more.
MOST_VALUES = 100
COMPLETED = "products"


def product_completion(get_app: GetApp) -> CompletionHandler:
    """What answers a client while an argument called `products` is typed."""

    async def complete(
        reference: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion | None:
        if not isinstance(reference, PromptReference) or argument.name != COMPLETED:
            return None
        try:
            names = await product_names(await get_app())
        except TestIOMcpError as error:
            # A list of suggestions has no room for words; the prompt itself says what is wrong.
            logger.info("No product can be suggested: %s", error)
            return None
        found = completed(argument.value, names)
        return Completion(
            values=found[:MOST_VALUES], total=len(found), has_more=len(found) > MOST_VALUES
        )

    return complete


def completed(typed: str, names: Mapping[int, str]) -> list[str]:
    """What was typed, with its last part made a name: those that begin with it, then others."""
    before, comma, part = typed.rpartition(",")
    labels = {label: names[id] for id, label in _labels(names).items()}
    taken = {plain(name) for name in split_names(before)}
    fitting = [
        label for label, name in labels.items() if holds(name, part) and plain(label) not in taken
    ]
    wanted = plain(part)
    fitting.sort(key=lambda label: (not plain(label).startswith(wanted), plain(label)))
    return [f"{before}{comma} {label}" if comma else label for label in fitting]


def _labels(names: Mapping[int, str]) -> dict[int, str]:
    """Names, with the id behind those that several products have."""
    shown = {id: " ".join(clean(name).split()) for id, name in names.items()}
    times = Counter(map(plain, shown.values()))
    return {id: f"{name} ({id})" if times[plain(name)] > 1 else name for id, name in shown.items()}
