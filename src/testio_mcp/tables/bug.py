from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlmodel import Field

from testio_mcp.tables.base import HAS_MOVED, IS_GONE, Deletable, OfProduct, Owned

# What figures count bugs by.
COUNTED = (
    "status",
    "severity",
    "deleted_at",
    "known",
    "feature_id",
    "reported_at",
    "rejection_reason",
)


class Bug(Owned, OfProduct, Deletable, table=True):
    """What a tester found wrong in a test. Narrow, because every figure reads it."""

    __tablename__ = "bugs"
    __table_args__ = (
        # What figures of tests and of testers count, without reading rows.
        Index("ix_bugs_of_tests", "customer_id", "test_id", *COUNTED, "reporter_id"),
        Index("ix_bugs_of_testers", "customer_id", "reporter_id", *COUNTED, "test_id"),
        Index(None, "customer_id", "product_id", "reported_at"),
        Index(None, "customer_id", "reported_at"),
        Index(None, "customer_id", "status", "reported_at"),
        Index(None, "customer_id", "feature_id"),
        Index(None, "customer_id", "rejection_reason"),
        Index(None, "customer_id", "status_changed_at", sqlite_where=HAS_MOVED),
        Index(None, "customer_id", "deleted_at", sqlite_where=IS_GONE),
    )

    id: int = Field(primary_key=True)
    customer_id: int
    product_id: int = Field(foreign_key="products.id")
    test_id: int = Field(foreign_key="tests.id")
    test_feature_id: int | None = Field(
        default=None,
        sa_column_args=(ForeignKey("test_features.id", ondelete="SET NULL"),),
        index=True,
    )
    # Kept beside the test feature, which may leave its test while the bug stays.
    feature_id: int | None = Field(default=None, foreign_key="features.id")
    title: str
    # Plain text, not enums: TestIO may add values at any time.
    severity: str
    status: str
    previous_status: str | None = None
    status_changed_at: datetime | None = None
    known: bool = False
    # The key of a rejection reason; null where the bug is not rejected or the reason unknown.
    rejection_reason: str | None = None
    reporter_id: int | None = Field(default=None, foreign_key="users.id")
    language: str | None = None
    reported_at: datetime | None = None
    exported_at: datetime | None = None


class BugDetails(Owned, table=True):
    """The long texts of a bug, read only when one bug is asked for."""

    __tablename__ = "bug_details"

    bug_id: int = Field(primary_key=True, foreign_key="bugs.id")
    customer_id: int = Field(index=True)
    location: str | None = None
    # One step a line.
    steps: str | None = None
    expected_result: str | None = None
    actual_result: str | None = None
    # Objects with id, author and body.
    comments: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # Objects with id and url.
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    # Objects with question and answer.
    report_answers: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)


class BugDevice(Owned, table=True):
    """A device on which a bug was seen, once for each of its browsers."""

    __tablename__ = "bug_devices"
    __table_args__ = (Index(None, "customer_id", "operating_system", "bug_id"),)

    bug_id: int = Field(primary_key=True, foreign_key="bugs.id")
    # Counts the rows of a bug; rows of one device share `device`.
    position: int = Field(primary_key=True)
    device: int
    customer_id: int
    category: str | None = None
    vendor: str | None = None
    model: str | None = None
    operating_system: str | None = None
    operating_system_version: str | None = None
    browser: str | None = None
