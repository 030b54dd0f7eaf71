"""What people type, as a question of the index: any text is safe, and every word is quoted."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

from testio_mcp.domain.search import SearchKind
from testio_mcp.domain.text import clean
from testio_mcp.errors import InvalidRequest

MAX_TERMS = 32
MAX_CHARACTERS = 1_000

# What keyboards and word processors write for a quotation mark.
_MARKS = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'))
_TERM = re.compile(r'"(?P<phrase>[^"]+)"(?P<begins>\*?)|(?P<word>[^\s"]+)')
_NOUNS = {
    "product": SearchKind.PRODUCT,
    "feature": SearchKind.FEATURE,
    "test": SearchKind.TEST,
    "exploratory_test": SearchKind.TEST,
    "test_cycle": SearchKind.TEST,
    "bug": SearchKind.BUG,
}
_NOUN = f"(?P<noun>{'|'.join(_NOUNS)})s?"
# SQLite has no larger ids.
_ID = "(?P<id>[0-9]{1,18})"
_LINK = re.compile(rf"https?://(?:[\w-]+\.)*test\.io/(?:\S*/)?{_NOUN}/{_ID}\b", re.IGNORECASE)
_NOTHING_ELSE = re.compile(rf"\s*(?:{_NOUN}\s*)?#?{_ID}\s*", re.IGNORECASE)
_AMONG_WORDS = re.compile(rf"(?:^|.*\s)#{_ID}(?:$|\s.*)", re.DOTALL)


@dataclass(frozen=True)
class Term:
    """Words that stand beside each other; of the last one only its beginning, if asked for."""

    text: str
    is_beginning: bool = False

    def __str__(self) -> str:
        words = f'"{self.text}"' if re.search(r"\s", self.text) else self.text
        return f"{words}*" if self.is_beginning else words

    @property
    def match(self) -> str:
        return f'"{self.text}"{" *" if self.is_beginning else ""}'

    @property
    def word(self) -> str | None:
        """As the index has it, letters without their accents; None unless it is one whole word."""
        letters = unicodedata.normalize("NFD", self.text.lower())
        word = "".join(letter for letter in letters if not unicodedata.combining(letter))
        is_whole = word.isalnum() and not word.isdigit() and not self.is_beginning
        return word if is_whole else None


@dataclass(frozen=True)
class Reference:
    """The id of a thing, of whatever kind where nobody said."""

    id: int
    kind: SearchKind | None = None

    def __str__(self) -> str:
        return f"{self.kind or 'thing'} {self.id}"

    @property
    def kinds(self) -> tuple[SearchKind, ...]:
        return (self.kind,) if self.kind else tuple(SearchKind)


@dataclass(frozen=True)
class Question:
    terms: tuple[Term, ...]
    reference: Reference | None = None
    is_cut: bool = False

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    @property
    def all(self) -> str:
        return " AND ".join(term.match for term in self.terms)

    @property
    def any(self) -> str:
        return " OR ".join(term.match for term in self.terms)

    @property
    def title(self) -> str:
        """What a title says that is these words and no others."""
        return " ".join(term.text for term in self.terms)

    def with_words(self, words: Mapping[Term, Term]) -> "Question":
        """The same in other words."""
        return replace(self, terms=tuple(words.get(term, term) for term in self.terms))


def parse(text: str) -> Question:
    """Read words, `"quoted phrases"`, `begin*` and ids; raises InvalidRequest without any."""
    text = clean(text).translate(_MARKS)
    # Whatever holds a letter or a digit is a word to the index; the rest is not in it.
    found = [
        term
        for term in map(_term, _TERM.finditer(text[:MAX_CHARACTERS]))
        if any(map(str.isalnum, term.text))
    ]
    terms = tuple(dict.fromkeys(found))
    if not terms:
        raise InvalidRequest(
            "There is no word to search for.",
            hint='Type words, a "quoted phrase", a beginning such as check*, an id such as 4711, '
            "or a link to TestIO.",
        )
    is_cut = len(text) > MAX_CHARACTERS or len(terms) > MAX_TERMS
    return _referring(Question(terms[:MAX_TERMS], is_cut=is_cut), text[:MAX_CHARACTERS])


def _term(match: re.Match[str]) -> Term:
    if match["phrase"]:
        return Term(" ".join(match["phrase"].split()), bool(match["begins"]))
    return Term(match["word"].rstrip("*"), match["word"].endswith("*"))


def _referring(question: Question, text: str) -> Question:
    """With the id that the text names; `bug 4711` asks for no word but the number."""
    whole = _NOTHING_ELSE.fullmatch(text)
    match = whole or _LINK.search(text) or _AMONG_WORDS.fullmatch(text)
    if match is None:
        return question
    noun = match.groupdict().get("noun")
    reference = Reference(int(match["id"]), _NOUNS[noun.lower()] if noun else None)
    terms = (Term(match["id"]),) if whole else question.terms
    return replace(question, terms=terms, reference=reference)
