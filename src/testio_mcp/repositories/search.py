"""Queries over the words of things."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    bindparam,
    case,
    column,
    func,
    literal,
    literal_column,
    null,
    select,
    table,
    type_coerce,
    union_all,
)
from sqlmodel import col

from testio_mcp.analytics.scope import END, START, filters_of, of_tests, parameter, values_of
from testio_mcp.database.engine import Query, Record, fetch
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.search import FOUND, FOUND_END, SearchFilter, SearchKind
from testio_mcp.domain.text import ELLIPSIS
from testio_mcp.repositories.base import Repository, remembered
from testio_mcp.repositories.words import TABLES, has, index_of, matching
from testio_mcp.search.index import SEARCHABLE
from testio_mcp.search.query import Question, Reference
from testio_mcp.tables import Bug, Product, Test

# How much more a word weighs in the title than elsewhere.
TITLE_WEIGHT = 8.0

SNIPPET_WORDS = 16

TITLES = {searchable.title for searchable in SEARCHABLE.values()}
# What helps to choose between things, by name; bugs have all there is.
FACTS: Mapping[SearchKind, Mapping[str, Any]] = {
    SearchKind.PRODUCT: {},
    SearchKind.FEATURE: {},
    SearchKind.TEST: {"status": Test.status, "date": Test.end_at},
    SearchKind.BUG: {
        "title": Bug.title,
        "test_id": Bug.test_id,
        "test": Test.title,
        "severity": Bug.severity,
        "status": Bug.status,
        "known": Bug.known,
        "date": Bug.reported_at,
    },
}


@dataclass(frozen=True)
class Matches:
    """The best of each kind, and how many there are in all."""

    items: Sequence[Record]
    total: int


class SearchRepository(Repository):
    @remembered
    async def find(
        self,
        question: Question,
        wanted: SearchFilter,
        limit: int,
        *,
        any_word: bool = False,
        but: Reference | None = None,
    ) -> Matches:
        """At most `limit` rows a kind that have all of the words, or any of them.

        Of their `tier` 0 is the best, then 1 …; within a tier of a kind the least `score` is.
        """
        scope = Scope(product_ids=wanted.product_ids, statuses=(), period=wanted.period)
        excepted = but.kinds if but else ()
        query = _search(
            wanted.kinds, filters_of(scope), len(question.terms) if any_word else 0, excepted
        )
        rows = await fetch(
            self._session,
            query,
            **values_of(scope),
            **_words(question, any_word=any_word),
            limit=limit,
            excepted=but.id if but else None,
        )
        return Matches(rows, sum({row.kind: row.total for row in rows}.values()))

    @remembered
    async def named(self, reference: Reference, wanted: SearchFilter) -> list[Record]:
        """The same rows for what has this id."""
        scope = Scope(product_ids=wanted.product_ids, statuses=(), period=wanted.period)
        arms = [
            _told(kind).where(col(TABLES[kind].id) == reference.id, *_fits(kind, filters_of(scope)))
            for kind in wanted.kinds
            if kind in reference.kinds
        ]
        return await self._union(arms, **values_of(scope)) if arms else []

    @remembered
    async def snippets(
        self, match: str, ids: Mapping[SearchKind, Collection[int]]
    ) -> dict[tuple[SearchKind, int], str]:
        """Where the words stand, marked, in those of these things that have them."""
        arms: list[Select[Any]] = []
        for kind, wanted in ids.items():
            index = index_of(kind)
            snippet = func.snippet(
                index.c[index.name], -1, FOUND, FOUND_END, ELLIPSIS, SNIPPET_WORDS
            )
            arms.append(
                select(literal(kind.value), index.c.rowid, snippet).where(
                    has(index, bindparam("match")), index.c.rowid.in_(wanted)
                )
            )
        rows = await self._union(arms, match=match) if arms else []
        return {(SearchKind(kind), id): snippet for kind, id, snippet in rows}

    @remembered
    async def words_from(self, beginnings: Collection[str], lengths: range) -> list[str]:
        """Words in the index, of whosever texts, with such beginnings and of such a length."""
        arms: list[Select[Any]] = []
        for searchable in SEARCHABLE.values():
            term = table(searchable.words, column("term")).c.term
            arms += [
                select(term).where(
                    term.between(beginning, f"{beginning}\U0010ffff"),
                    func.length(term).between(lengths.start, lengths.stop - 1),
                )
                for beginning in beginnings
            ]
        return sorted({word for (word,) in await self._union(arms)})

    async def _union(self, arms: Sequence[Select[Any]], **values: Any) -> list[Record]:
        return await fetch(self._session, cast(Query, union_all(*arms)), **values)


# To write it anew for each answer takes longer than SQLite takes to answer it.
@lru_cache(maxsize=64)
def _search(
    kinds: tuple[SearchKind, ...],
    filters: frozenset[str],
    any_of: int,
    excepted: tuple[SearchKind, ...],
) -> Query:
    """With parameters for all that is typed; `any_of` so many words, or all of them where 0."""
    arms = []
    for kind in kinds:
        fits = [has(index_of(kind), bindparam("match")), *_fits(kind, filters)]
        if kind in excepted:
            fits.append(col(TABLES[kind].id) != bindparam("excepted"))
        best = _best(kind, _by_number(kind, any_of) if any_of else _by_title(kind), fits)
        arms.append(_told(kind, best).join(best, best.c.rowid == TABLES[kind].id))
    return cast(Query, union_all(*arms))


def _words(question: Question, *, any_word: bool) -> dict[str, str | int]:
    """What the parameters stand for that are about words."""
    if any_word:
        words = {f"word_{turn}": term.match for turn, term in enumerate(question.terms)}
        return {"match": question.any, **words}
    return {
        "match": question.all,
        "length": len(question.title),
        **{f"is_{name}": f'{name} : ^ "{question.title}"' for name in TITLES},
        **{f"in_{name}": f"{name} : ({question.all})" for name in TITLES},
    }


def _best(
    kind: SearchKind, tier: ColumnElement[Any], fits: Sequence[ColumnElement[bool]]
) -> Subquery:
    """Rows of the best matches, each with how many there are."""
    index, id = index_of(kind), col(TABLES[kind].id)
    score = func.bm25(index.c[index.name], TITLE_WEIGHT)
    matches = (
        select(index.c.rowid, tier.label("tier"), score.label("score"))
        # A look-up for each match; unadorned, SQLite may search the index for each row.
        .join(TABLES[kind], id == literal_column(f"+{index.name}.rowid"))
        .where(*fits)
        .subquery()
    )
    # A score can be told only where the index is searched, so that all are counted around it.
    return (
        select(matches, func.count().over().label("total"))
        .order_by(matches.c.tier, matches.c.score, matches.c.rowid)
        .limit(bindparam("limit"))
        .subquery()
    )


def _by_title(kind: SearchKind) -> ColumnElement[Any]:
    """First who is called that, then who has all of the words in the title."""
    name = SEARCHABLE[kind].title
    has_length = func.length(getattr(TABLES[kind], name)) == bindparam("length")
    is_called = has_length & matching(kind, bindparam(f"is_{name}"))
    return case((is_called, 0), (matching(kind, bindparam(f"in_{name}")), 1), else_=2)


def _by_number(kind: SearchKind, words: int) -> ColumnElement[Any]:
    """First who has most of the words."""
    matches = (matching(kind, bindparam(f"word_{turn}")) for turn in range(words))
    return reduce(add, [case((match, 0), else_=1) for match in matches])


def _fits(kind: SearchKind, filters: Collection[str]) -> list[ColumnElement[bool]]:
    if kind is SearchKind.TEST:
        return of_tests(filters)
    found: list[ColumnElement[bool]] = []
    if "product_ids" in filters:
        of = Product.id if kind is SearchKind.PRODUCT else TABLES[kind].product_id
        found.append(col(of).in_(parameter("product_ids")))
    if START in filters:
        found.append(col(Bug.reported_at) >= parameter(START))
    if END in filters:
        found.append(col(Bug.reported_at) < parameter(END))
    return found


def _told(kind: SearchKind, matches: Subquery | None = None) -> Select[Any]:
    """Rows of a thing, with the same columns for every kind."""
    thing = TABLES[kind]
    own = {**FACTS[kind], "title": getattr(thing, SEARCHABLE[kind].title)}
    # In a union the types of the first one hold for all.
    facts = [
        type_coerce(own.get(name, null()), like.type).label(name)
        for name, like in FACTS[SearchKind.BUG].items()
    ]
    query: Select[Any] = select(
        literal(kind.value).label("kind"),
        col(thing.id).label("id"),
        col(Product.id).label("product_id"),
        col(Product.name).label("product"),
        *facts,
        *((matches.c.tier, matches.c.score, matches.c.total) if matches is not None else ()),
    )
    if kind is not SearchKind.PRODUCT:
        query = query.select_from(thing).join(Product, col(Product.id) == thing.product_id)
    if kind is SearchKind.BUG:
        query = query.join(Test, col(Test.id) == col(Bug.test_id))
    return query
