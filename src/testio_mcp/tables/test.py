from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from testio_mcp.tables.base import HAS_MOVED, IS_GONE, Deletable, OfProduct, Owned


class Test(Owned, OfProduct, Deletable, table=True):
    """A test of a product, run by the crowd."""

    __tablename__ = "tests"
    __table_args__ = (
        # What figures of products count, and how current they are, without reading rows.
        Index(
            "ix_tests_of_products",
            "customer_id",
            "product_id",
            "end_at",
            "status",
            "deleted_at",
            "testing_type",
            "start_at",
            "created_by_id",
            "submitted_by_id",
            "environment_title",
            "first_seen_at",
            "status_changed_at",
        ),
        Index(None, "customer_id", "status", "end_at"),
        Index(None, "customer_id", "end_at"),
        Index(None, "customer_id", "testing_type"),
        Index(None, "customer_id", "first_seen_at"),
        Index(None, "customer_id", "status_changed_at", sqlite_where=HAS_MOVED),
        Index(None, "customer_id", "deleted_at", sqlite_where=IS_GONE),
        Index(None, "customer_id", "created_by_id"),
        Index(None, "customer_id", "submitted_by_id"),
    )

    id: int = Field(primary_key=True)
    customer_id: int
    product_id: int = Field(foreign_key="products.id")
    section_id: int | None = None
    title: str
    # Plain text, not enums: TestIO may add values at any time.
    status: str
    previous_status: str | None = None
    status_changed_at: datetime | None = None
    review_status: str | None = None
    testing_type: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    created_by_id: int | None = Field(default=None, foreign_key="users.id")
    submitted_by_id: int | None = Field(default=None, foreign_key="users.id")
    environment_title: str | None = None
    demo: bool = False
    first_seen_at: datetime


class TestDetails(Owned, table=True):
    """The long texts of a test, read only when one test is asked for."""

    __tablename__ = "test_details"

    test_id: int = Field(primary_key=True, foreign_key="tests.id")
    customer_id: int = Field(index=True)
    goal: str | None = None
    instructions: str | None = None
    out_of_scope: str | None = None
    environment_url: str | None = None
    # Lists of the severities and of the types that testers may report.
    allowed_bugs: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    # Objects with category, operating_system, browsers and the like.
    requirements: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # Objects with id and url.
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # TestIO's counts of testers, devices, features and stories; null until the test was read alone.
    analytics: dict[str, int | None] | None = Field(default=None, sa_type=JSON)
