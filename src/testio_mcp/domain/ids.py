"""Ids: how large one can be, and how several are written."""

from collections.abc import Sequence

# The largest that SQLite stores.
MAX_ID = 2**63 - 1


def listed(numbers: Sequence[int], limit: int = 20) -> str:
    """As many as the limit allows, and how many more there are."""
    shown = ", ".join(map(str, numbers[:limit]))
    return f"{shown} and {len(numbers) - limit} more" if len(numbers) > limit else shown
