"""What a caller sees of what was found."""

from datetime import datetime
from typing import Any

from pydantic import SerializerFunctionWrapHandler, field_serializer, model_serializer

from testio_mcp.domain.search import FOUND, FOUND_END, SearchKind
from testio_mcp.views.base import View


class Hit(View):
    """A thing that was found; what its kind does not have is left out."""

    kind: SearchKind
    id: int
    title: str
    # Where the words stand; none for what was found by its id alone.
    snippet: str | None
    product_id: int
    product: str
    test_id: int | None
    test: str | None
    severity: str | None
    status: str | None
    known: bool | None
    # When a bug was reported, when a test ends.
    date: datetime | None

    @field_serializer("snippet")
    def _as_markdown(self, snippet: str | None) -> str | None:
        # To callers it is Markdown's bold.
        return snippet and snippet.replace(FOUND, "**").replace(FOUND_END, "**")

    @model_serializer(mode="wrap")
    def _leave_out_what_is_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}
