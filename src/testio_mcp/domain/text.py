"""Makes text that strangers wrote safe to show, and finds the words people meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

ELLIPSIS = "\u2026"

# Written out, because asking unicodedata about every code point would cost 0.1 s at start-up.
_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters, but no tab and no line break
    # Unicode's default-ignorable code points: joiners, fillers, bidirectional controls, selectors
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ufff9-\ufffb\U00013430-\U0001345f"  # annotation marks, hieroglyph joiners
    "\u2800\ufdd0-\ufdef\ufffe\uffff"  # a blank that is no space, noncharacters
    "\ud800-\udfff"
    "]"
)
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text without what cannot be seen; tabs stay, and every kind of line break is a newline.

    Joiners and variation selectors go too, so a joined emoji falls apart into its members.
    """
    # Most texts are plain, and a sync cleans hundreds of thousands of them.
    if text.isascii() and text.isprintable():
        return text
    return _LINE_BREAK.sub("\n", _INVISIBLE.sub("", text))


def one_line(text: str, limit: int) -> str:
    """The clean text on one line of at most `limit` (≥ 1) characters, an ellipsis for the rest."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + ELLIPSIS


def closest(word: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """At most `n` candidates that look like the word in any case, the best first."""
    by_fold = {candidate.casefold(): candidate for candidate in candidates}
    return [by_fold[fold] for fold in get_close_matches(word.casefold(), by_fold, n)]
