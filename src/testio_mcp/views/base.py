"""The shape of every answer: how current it is, and how a list is cut."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from testio_mcp.domain.freshness import State


class View(BaseModel):
    """Ids are integers, times aware UTC, rates 0 to 1, unknown figures null and never 0."""

    # Test classes are not what a collector thinks they are.
    __test__ = False
    model_config = ConfigDict(frozen=True)


class Freshness(View):
    """`as_of` is the oldest stamp among what an answer rests on and that may still change."""

    as_of: datetime | None
    state: State
    reason: str | None = None
    incomplete: list[str] = []

    @model_serializer
    def _leave_out_what_is_empty(self) -> dict[str, Any]:
        def present() -> Iterator[tuple[str, Any]]:
            yield "as_of", self.as_of
            yield "state", self.state
            if self.reason:
                yield "reason", self.reason
            if self.incomplete:
                yield "incomplete", self.incomplete

        return dict(present())


class ResolvedPeriod(View):
    """The bounds that a period came to: from inclusive, to exclusive; null is unbounded."""

    start: datetime | None
    end: datetime | None
    by: str
    timezone: str

    @model_serializer
    def _as_documented(self) -> dict[str, Any]:
        return {"from": self.start, "to": self.end, "by": self.by, "timezone": self.timezone}


class Deleted(View):
    """Something that TestIO no longer has; `deleted_at` is when we saw that."""

    id: int
    title: str
    product_id: int
    deleted_at: datetime


class Answer(View):
    """About one thing, how current that is, and what else there is to say of the answer."""

    freshness: Freshness
    notes: list[str] = []

    @model_serializer(mode="wrap")
    def _leave_out_no_notes(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key != "notes" or value}


class Page[T: View](View):
    """Some of a list, and how much there is."""

    items: list[T]
    total: int
    returned: int
    page: int
    page_size: int
    has_more: bool
    # Of what `changed_since` is asked for.
    deleted: list[Deleted] | None = None
    period: ResolvedPeriod | None = None
    notes: list[str] = []
    freshness: Freshness

    @model_serializer(mode="wrap")
    def _leave_out_what_was_not_asked(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        optional = {"deleted": self.deleted is None, "period": not self.period}
        optional["notes"] = not self.notes
        return {key: value for key, value in dump(self).items() if not optional.get(key)}
