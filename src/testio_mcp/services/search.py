"""Questions in anybody's words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.search import (
    ANY_WORD,
    DATED,
    FOUND,
    FOUND_END,
    SearchFilter,
    SearchKind,
)
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.text import ELLIPSIS
from testio_mcp.errors import InvalidRequest
from testio_mcp.search.query import MAX_TERMS, Question, Term, parse
from testio_mcp.services.pages import page_of, resolved, running_kept
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import refuse_unknown_products
from testio_mcp.views.base import Page, ResolvedPeriod
from testio_mcp.views.search import Hit

if TYPE_CHECKING:
    from testio_mcp.database.engine import Record
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.search import SearchRepository
    from testio_mcp.sync.freshness import FreshnessReader

# A word of the longest snippets can be as long as its writer liked.
SNIPPET_LIMIT = 300
# Misspelled words to look into, spellings to try for each, and how much alike they are.
DOUBTED, SPELLINGS, LIKENESS = 5, 3, 0.75
# Letters: words that are too short to be doubted, and by how much a spelling may differ.
SHORTEST_DOUBTED, LONGER = 3, 2

CUT = f"Only the beginning of the question, at most {MAX_TERMS} words, was searched for."
UNDATED = "Products and features have no date, so that they are left out."
NOTHING = "Try fewer words, or a beginning such as check*."


@dataclass(frozen=True)
class _Found:
    items: Sequence[Record]
    total: int
    # What the snippets are about.
    match: str
    notes: list[str]


class SearchService:
    def __init__(
        self,
        search: SearchRepository,
        products: ProductRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._search = search
        self._products = products
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def find(self, text: str, wanted: SearchFilter, limit: int) -> Page[Hit]:
        now = datetime.now(UTC)
        question, narrowed = parse(text), _datable(wanted)
        await refuse_unknown_products(self._products, wanted.product_ids)
        freshness = await self._freshness.of(_basis(narrowed), now)
        found = await self._found(question, narrowed, limit)
        items = found.items[:limit]
        snippets = await self._search.snippets(found.match, _by_kind(items))
        notes = [CUT] if question.is_cut else []
        notes += [UNDATED] if set(narrowed.kinds) != set(wanted.kinds) else []
        notes += running_kept(narrowed.period) if SearchKind.TEST in narrowed.kinds else []
        return page_of(
            [_hit(row, snippets.get((SearchKind(row.kind), row.id))) for row in items],
            found.total,
            Paging(1, limit, ""),
            freshness,
            _resolved(narrowed, self._zone.key),
            notes + found.notes,
        )

    async def _found(self, question: Question, wanted: SearchFilter, limit: int) -> _Found:
        """What is named by its id, then what has all of the words; else what has any of them."""
        named: Sequence[Record] = []
        notes: list[str] = []
        if question.reference:
            named = await self._search.named(question.reference, wanted)
            notes = [] if named else [f"No {question.reference} was found among what was searched."]
        but = question.reference if named else None
        matches = await self._search.find(question, wanted, limit, but=but)
        if named or matches.total:
            items = [*named, *_in_turns(matches.items)]
            return _Found(items, len(named) + matches.total, question.all, notes)
        if len(question.terms) > 1:
            matches = await self._search.find(question, wanted, limit, any_word=True)
        notes += [ANY_WORD] if matches.total else []
        better = await self._spelled_better(question, wanted, anything=not matches.total)
        notes += [f"Did you mean: {better}?"] if better else []
        notes += [NOTHING] if not matches.total and not better else []
        return _Found(_in_turns(matches.items), matches.total, question.any, notes)

    async def _spelled_better(
        self, question: Question, wanted: SearchFilter, *, anything: bool
    ) -> str | None:
        """The question with words that are known for those that are not, if it finds something."""
        spelled = {}
        doubted = [term for term in question.terms if len(term.word or "") >= SHORTEST_DOUBTED]
        for term in doubted[:DOUBTED]:
            if not await self._finds(term, wanted):
                for near in await self._spellings(term.word or ""):
                    if await self._finds(near, wanted):
                        spelled[term] = near
                        break
        if not spelled:
            return None
        better = question.with_words(spelled)
        all_words = await self._search.find(better, wanted, 1)
        return str(better) if anything or all_words.total else None

    async def _finds(self, term: Term, wanted: SearchFilter) -> bool:
        return (await self._search.find(Question((term,)), wanted, 1)).total > 0

    async def _spellings(self, word: str) -> list[Term]:
        """Words like this one, whose beginning may have a letter too many or two swapped."""
        beginnings = {word[0], word[1:3], word[1] + word[0]}
        near = await self._search.words_from(
            beginnings, range(len(word) - LONGER, len(word) + LONGER + 1)
        )
        return [Term(known) for known in get_close_matches(word, near, SPELLINGS, LIKENESS)]


def _datable(wanted: SearchFilter) -> SearchFilter:
    """With a period only what has a date; raises InvalidRequest where that is nothing."""
    dated = DATED if wanted.period else SearchKind
    kinds = tuple(kind for kind in SearchKind if kind in wanted.kinds and kind in dated)
    if not kinds:
        raise InvalidRequest(
            "Products and features have no date, so that no period can be asked for.",
            hint="Leave out period, or search for tests and bugs.",
        )
    return replace(wanted, kinds=kinds)


def _basis(wanted: SearchFilter) -> Basis:
    kinds = set(wanted.kinds)
    return Basis(
        product_ids=wanted.product_ids,
        tests=not kinds.isdisjoint(DATED),
        bugs=SearchKind.BUG in kinds,
        features=SearchKind.FEATURE in kinds,
    )


def _resolved(wanted: SearchFilter, zone: str) -> ResolvedPeriod | None:
    times = [f"{kind} {DATED[kind]}" for kind in wanted.kinds if kind in DATED]
    return resolved(wanted.period, ", ".join(times), zone)


def _in_turns(rows: Iterable[Record]) -> list[Record]:
    """The better tier first, and within one the kinds in turn: their scores tell nothing apart."""
    order = list(SearchKind)
    turns: Counter[tuple[int, str]] = Counter()
    placed = []
    for row in sorted(rows, key=lambda row: (row.tier, row.score, row.id)):
        turn = turns[row.tier, row.kind]
        turns[row.tier, row.kind] += 1
        placed.append(((row.tier, turn, order.index(row.kind)), row))
    return [row for _, row in sorted(placed, key=lambda place: place[0])]


def _by_kind(rows: Iterable[Record]) -> dict[SearchKind, list[int]]:
    ids: defaultdict[SearchKind, list[int]] = defaultdict(list)
    for row in rows:
        ids[SearchKind(row.kind)].append(row.id)
    return ids


def _hit(row: Record, snippet: str | None) -> Hit:
    return Hit(
        kind=row.kind,
        id=row.id,
        title=row.title,
        snippet=snippet and _clipped(snippet),
        product_id=row.product_id,
        product=row.product,
        test_id=row.test_id,
        test=row.test,
        severity=row.severity,
        status=row.status,
        known=row.known,
        date=row.date,
    )


def _clipped(snippet: str) -> str:
    """Cut where it is too long, with every mark closed."""
    if len(snippet) <= SNIPPET_LIMIT:
        return snippet
    cut = snippet[:SNIPPET_LIMIT]
    return f"{cut}{FOUND_END * (cut.count(FOUND) - cut.count(FOUND_END))}{ELLIPSIS}"
