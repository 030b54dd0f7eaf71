from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from testio_mcp.tables.base import OfProduct, Owned


class Problem(Owned, OfProduct, table=True):
    """Something that could not be read or stored, kept until it can be."""

    __tablename__ = "problems"
    __table_args__ = (Index(None, "customer_id", "kind", "product_id"),)

    # A UUID, which people type to map tests to it.
    event_id: str = Field(primary_key=True)
    customer_id: int
    # What it is about: "tests" (a stretch of a product's list), "test", "bug", "feature" …
    kind: str
    product_id: int | None = None
    # The id of the thing itself, where TestIO gave one.
    item_id: int | None = None
    # "59-59": positions in the list when it was read; for display only.
    positions: str | None = None
    # The readable neighbours: before and after, each with id and end_at.
    boundaries: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    attempts: int = 1
    first_seen_at: datetime
    last_seen_at: datetime
    error: str


class ProblemTest(Owned, table=True):
    """A test that may be, or was said to be, what a problem is about."""

    __tablename__ = "problem_tests"

    event_id: str = Field(primary_key=True, foreign_key="problems.event_id", ondelete="CASCADE")
    test_id: int = Field(primary_key=True)
    customer_id: int = Field(index=True)
    # A candidate was found by us; a mapped one was named by a person.
    mapped: bool = False
    error: str | None = None
