"""Text in pictures: which letters the fonts of this machine have."""

from functools import lru_cache

MISSING = "\u25a1"
# Ships with matplotlib; the others have what it lacks, where a system has them.
FONT = "DejaVu Sans"
OTHERS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Microsoft YaHei"),
    *("Yu Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("WenQuanYi Zen Hei", "Arial Unicode MS", "Segoe UI", "Segoe UI Symbol", "Noto Emoji"),
)


class Lettering:
    """Makes text drawable, and remembers what it replaced."""

    def __init__(self) -> None:
        self.families = list(families())
        # By what is drawn, what was meant; what two texts became is left as it is drawn.
        self.replaced: dict[str, str] = {}
        self._ambiguous: set[str] = set()

    def drawable(self, text: str) -> str:
        """The text, with a box for each letter that no font has."""
        shown = "".join(letter if is_known(letter) else MISSING for letter in text)
        if shown == text or shown in self._ambiguous:
            return shown
        if self.replaced.setdefault(shown, text) != text:
            del self.replaced[shown]
            self._ambiguous.add(shown)
        return shown


@lru_cache(maxsize=1)
def families() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager  # noqa: PLC0415  takes long to import

    installed = set(fontManager.get_font_names())
    return (FONT, *(name for name in OTHERS if name in installed))


@lru_cache(maxsize=4096)
def is_known(letter: str) -> bool:
    return any(ord(letter) in letters for letters in _letters())


@lru_cache(maxsize=1)
def _letters() -> list[frozenset[int]]:
    """The code points of each font."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415  takes long to import

    return [frozenset(get_font(findfont(name)).get_charmap()) for name in families()]
