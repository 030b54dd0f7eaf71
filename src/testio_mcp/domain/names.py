"""How people type names and titles: in any case, with accents or without."""

import unicodedata
from functools import lru_cache


# The same few names are compared again and again.
@lru_cache(maxsize=4_096)
def plain(text: str) -> str:
    """The text as it is compared, without case and accents."""
    split = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in split if not unicodedata.combining(character))
    return " ".join(bare.casefold().split())


def holds(text: str, wanted: str) -> bool:
    """Whether what is wanted stands in the text; nothing stands in every text."""
    return plain(wanted) in plain(text)
