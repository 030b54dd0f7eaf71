"""Text in cells of spreadsheets, which would run what looks like a formula."""

# Also as full-width letters, which some spreadsheets read alike.
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(text: str) -> str:
    """The text, behind an apostrophe where it would be a formula."""
    return f"'{text}" if text.lstrip().startswith(_BEGIN_FORMULAS) else text
