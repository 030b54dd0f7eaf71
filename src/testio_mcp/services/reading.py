"""How a question is answered: from the cache, and once more if that had to be read again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, Protocol

from testio_mcp.domain.freshness import Basis, State
from testio_mcp.errors import NotFound
from testio_mcp.views.base import Freshness

if TYPE_CHECKING:
    from testio_mcp.sync.freshness import FreshnessReader

# What TestIO can be asked for by its id alone.
FINDABLE = frozenset({"product", "test", "bug"})
# What is read again may name things that were never read; they are read in a second round.
ROUNDS = 2


class Answer(Protocol):
    @property
    def freshness(self) -> Freshness: ...


class Reads(Protocol):
    _freshness: FreshnessReader


type Question[S, **P, A] = Callable[Concatenate[S, P], Coroutine[Any, Any, A]]


def read_through[S: Reads, **P, A: Answer](question: Question[S, P, A]) -> Question[S, P, A]:
    """Have what is stale or unknown asked of TestIO, and answer again from what came of it."""

    @functools.wraps(question)
    async def answered(self: S, /, *args: P.args, **kwargs: P.kwargs) -> A:
        ask = functools.partial(question, self, *args, **kwargs)
        freshness = self._freshness
        answer = await _answer(ask, freshness)
        if _is_current(answer):
            freshness.served()
        for _ in range(ROUNDS):
            if _is_current(answer) or not await freshness.renew():
                break
            answer = await _answer(ask, freshness)
        # What is made of the answer, such as a picture, keeps no connection from others.
        await freshness.let_go()
        return answer

    return answered


def _is_current(answer: Answer) -> bool:
    return answer.freshness.state in (State.FRESH, State.OFFLINE)


async def _answer[A: Answer](
    ask: Callable[[], Coroutine[Any, Any, A]], freshness: FreshnessReader
) -> A:
    """The answer, once all that it is about has been looked up; each kind of thing once."""
    looked_up: set[str] = set()
    while True:
        try:
            return await ask()
        except NotFound as error:
            if error.kind in looked_up:
                raise
            await _look_up(freshness, error)
            looked_up.add(error.kind)


async def _look_up(freshness: FreshnessReader, error: NotFound) -> None:
    if error.kind not in FINDABLE or not freshness.may_look_up:
        caveat = await _caveat(freshness)
        raise NotFound(error.kind, *error.ids, caveat=caveat) from error
    obstacle = await freshness.look_up(error.kind, error.ids)
    if obstacle:
        raise NotFound(error.kind, *error.ids, obstacle=obstacle) from error


async def _caveat(freshness: FreshnessReader) -> str | None:
    """What may be the reason that something is not known; raises what keeps the cache empty."""
    found = await freshness.of(Basis(bugs=True), datetime.now(UTC))
    if found.as_of is None:
        return found.reason
    lacks = " ".join(["Not everything has been read:", *found.incomplete])
    return lacks if found.incomplete else None
