"""What can be asked of TestIO, and the items of its answers, each read on its own."""

import asyncio
import copy
import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr, ValidationError

from testio_mcp.api.answers import Fetched, Item, Listing, Unreadable
from testio_mcp.api.connection import Connection, Params, Question
from testio_mcp.api.forms import Payload, problem_of
from testio_mcp.api.payloads import (
    BugPayload,
    FeaturePayload,
    ProductPayload,
    RejectReasonPayload,
    TestPayload,
    UserStoryExecutionPayload,
    UserStoryPayload,
)
from testio_mcp.domain.ids import MAX_ID
from testio_mcp.domain.turns import Turns
from testio_mcp.errors import ApiProtocolError

WITH_STORIES: Params = {"includes[]": "user_stories"}
# Items read before other tasks get a turn: some 2 ms of work.
CHUNK = 50

logger = logging.getLogger(__name__)


class TestIOClient:
    """Reads the TestIO Customer API; every method raises ApiError.

    `timeout` and `backoff` are seconds, `backoff` the first pause between `attempts`. Of
    `max_concurrent` requests in flight, `reserved` are kept for `user_facing()`.
    """

    __test__ = False

    def __init__(
        self,
        base_url: str,
        token: SecretStr,
        *,
        timeout: float = 30,
        max_concurrent: int = 10,
        reserved: int = 0,
        attempts: int = 3,
        backoff: float = 0.5,
        turns: Turns | None = None,
    ) -> None:
        self._connection = Connection(
            base_url,
            token,
            timeout=timeout,
            max_concurrent=max_concurrent,
            reserved=reserved,
            attempts=attempts,
            backoff=backoff,
        )
        self._is_user_facing = False
        self._turns = turns or Turns()
        self._reading = asyncio.Lock()
        self._unknown_forms: set[str] = set()
        self._unknown_fields: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.aclose()

    def user_facing(self) -> Self:
        """The same connections, counters and limits, but ahead of background requests.

        Closing is up to the client it came from.
        """
        view = copy.copy(self)
        view._is_user_facing = True
        return view

    @property
    def requests_sent(self) -> int:
        """Every attempt counts."""
        return self._connection.requests_sent

    @property
    def requests_in_flight(self) -> int:
        return self._connection.requests_in_flight

    @property
    def last_error(self) -> str | None:
        """The message of the latest attempt that failed; a 404 is an answer, not a failure."""
        return self._connection.last_error

    @property
    def unknown_forms(self) -> list[str]:
        """Optional fields met in a form that cannot be read, and left out: `bugs.language`."""
        return sorted(self._unknown_forms)

    @property
    def unknown_fields(self) -> dict[str, int]:
        """Fields that are documented nowhere, `bugs.mood`, and how often each was sent."""
        return dict(sorted(self._unknown_fields.items()))

    async def products(self) -> Listing[ProductPayload]:
        question = Question("products", "products", "the products")
        return await self._list(ProductPayload, question)

    async def product(self, product_id: int) -> Fetched[ProductPayload]:
        question = _one(f"products/{product_id}", "product", f"product {product_id}")
        return await self._fetch(ProductPayload, question)

    async def tests(
        self, product_id: int, *, page: int, per_page: int = 25, attempts: int | None = None
    ) -> Listing[TestPayload]:
        """One page (from 1), newest first. TestIO may send fewer or more rows than asked for."""
        question = Question(
            f"products/{product_id}/exploratory_tests",
            "exploratory_tests",
            f"the tests of product {product_id}",
            {"page": page, "per_page": per_page, **WITH_STORIES},
        )
        return await self._list(TestPayload, question, attempts)

    async def test(self, test_id: int) -> Fetched[TestPayload]:
        path = f"exploratory_tests/{test_id}"
        question = _one(path, "exploratory_test", f"test {test_id}", WITH_STORIES)
        return await self._fetch(TestPayload, question)

    async def bugs(
        self, test_ids: Sequence[int], *, attempts: int | None = None
    ) -> Listing[BugPayload]:
        """All bugs of the tests; raises ApiTimeout at once when fewer tests may be answered."""
        if not test_ids:
            # Without ids TestIO would send every bug of the customer.
            return Listing([], [], datetime.now(UTC))
        of = f"test {test_ids[0]}" if len(test_ids) == 1 else f"{len(test_ids)} tests"
        params = {"filter_test_cycle_ids": ",".join(map(str, test_ids))}
        question = Question(
            "bugs", "bugs", f"the bugs of {of}", params, is_divisible=len(test_ids) > 1
        )
        return await self._list(BugPayload, question, attempts)

    async def bugs_of_product(
        self, product_id: int, *, attempts: int | None = None
    ) -> Listing[BugPayload]:
        params = {"filter_product_ids": str(product_id)}
        question = Question("bugs", "bugs", f"the bugs of product {product_id}", params)
        return await self._list(BugPayload, question, attempts)

    async def bug(self, bug_id: int) -> Fetched[BugPayload]:
        return await self._fetch(BugPayload, _one(f"bugs/{bug_id}", "bug", f"bug {bug_id}"))

    async def reject_reasons(self) -> Listing[RejectReasonPayload]:
        question = Question("bugs/reject_reasons", "reject_reasons", "the rejection reasons")
        return await self._list(RejectReasonPayload, question)

    async def features(
        self, product_id: int, section_id: int | None = None, *, attempts: int | None = None
    ) -> Listing[FeaturePayload]:
        """Of a product with sections some deployments answer only section by section."""
        section = "" if section_id is None else f"/sections/{section_id}"
        question = Question(
            f"products/{product_id}{section}/features",
            "features",
            f"the features of product {product_id}",
            WITH_STORIES,
        )
        return await self._list(FeaturePayload, question, attempts)

    async def user_stories(
        self, product_id: int, section_id: int | None = None, *, attempts: int | None = None
    ) -> Listing[UserStoryPayload]:
        question = Question(
            f"products/{product_id}/user_stories",
            "user_stories",
            f"the user stories of product {product_id}",
            {} if section_id is None else {"section_id": section_id},
        )
        return await self._list(UserStoryPayload, question, attempts)

    async def user_story_executions(
        self, user_story_ids: Sequence[int], *, page: int, per_page: int = 25
    ) -> Listing[UserStoryExecutionPayload]:
        """One page (from 1) of the runs of these stories; of all stories if none is given."""
        root = "user_story_version_executions"
        params: Params = {
            "page": page,
            "per_page": per_page,
            "user_story_ids[]": user_story_ids,
        }
        question = Question(root, root, "the runs of user stories", params)
        return await self._list(UserStoryExecutionPayload, question)

    async def _list[P: Payload](
        self, model: type[P], question: Question, attempts: int | None = None
    ) -> Listing[P]:
        answer = await self._connection.ask(
            question, user_facing=self._is_user_facing, attempts=attempts
        )
        listing: Listing[P] = Listing([], [], answer.began)
        # Of several answers read in turns, all would have theirs before somebody else has one.
        async with self._reading:
            with _uncollected():
                for start in range(0, len(answer.value), CHUNK):
                    self._read(model, answer.value[start : start + CHUNK], question.root, listing)
                    await self._turns.give_way()
        return listing

    def _read[P: Payload](
        self, model: type[P], rows: list[Any], root: str, into: Listing[P]
    ) -> None:
        for raw in rows:
            id = _id_of(raw)
            into.ids.append(id)
            try:
                payload, left_out = model.read(raw)
            except ValidationError as error:
                test = raw.get("test") if isinstance(raw, dict) else None
                into.unreadable.append(Unreadable(id, problem_of(error), _id_of(test)))
                continue
            self._note(root, left_out)
            self._unknown_fields.update(f"{root}.{name}" for name in model.undocumented(raw))
            into.items.append(Item(payload, raw))

    async def _fetch[P: Payload](self, model: type[P], question: Question) -> Fetched[P]:
        answer = await self._connection.ask(question, user_facing=self._is_user_facing)
        listing: Listing[P] = Listing([], [], answer.began)
        self._read(model, [answer.value], question.root, listing)
        if listing.unreadable:
            problem = listing.unreadable[0].error
            raise ApiProtocolError(
                f"TestIO's answer about {question.what} cannot be read: {problem}."
            )
        [item] = listing.items
        return Fetched(item.payload, item.raw, answer.began)

    def _note(self, root: str, left_out: tuple[str, ...]) -> None:
        for name in left_out:
            form = f"{root}.{name}"
            if form not in self._unknown_forms:
                self._unknown_forms.add(form)
                logger.warning("TestIO sends %s in an unknown form; it is left out.", form)


def _one(path: str, root: str, what: str, params: Params | None = None) -> Question:
    return Question(path, root, what, params or {}, is_list=False)


def _id_of(raw: Any) -> int | None:
    value = raw.get("id") if isinstance(raw, dict) else None
    return value if type(value) is int and 0 <= value <= MAX_ID else None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spares a large answer the garbage collector, which doubles the time and finds nothing.

    Whoever turned it off turns it on again; others inside meanwhile change nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
