from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlmodel import Field

from testio_mcp.tables.base import Deletable, OfProduct, Owned


class Feature(Owned, OfProduct, Deletable, table=True):
    """A feature in a product's catalogue."""

    __tablename__ = "features"
    __table_args__ = (Index(None, "customer_id", "product_id"),)

    id: int = Field(primary_key=True)
    customer_id: int
    product_id: int = Field(foreign_key="products.id")
    title: str
    description: str | None = None
    howtofind: str | None = None
    section_ids: list[int] = Field(default_factory=list, sa_type=JSON)


class TestFeature(Owned, table=True):
    """A feature as it stood in one test."""

    __tablename__ = "test_features"
    __table_args__ = (
        Index(None, "customer_id", "test_id", "feature_id"),
        Index(None, "customer_id", "feature_id", "test_id"),
    )

    id: int = Field(primary_key=True)
    customer_id: int
    test_id: int = Field(foreign_key="tests.id")
    feature_id: int = Field(foreign_key="features.id")
    title: str
    description: str | None = None
    howtofind: str | None = None
    # Objects with id and title; stories that TestIO sent as plain strings have no id.
    user_stories: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    enable_default: bool | None = None
    enable_content: bool | None = None
    enable_visual: bool | None = None
    # Plain text, not an enum: TestIO may add values. Null until the test was read alone.
    execution_status: str | None = None
    tester_count: int | None = None


class StoryExecution(Owned, table=True):
    """How a user story fared in a test, as TestIO counts it; there is a row once that was read."""

    __tablename__ = "story_executions"

    test_feature_id: int = Field(
        primary_key=True,
        sa_column_args=(ForeignKey("test_features.id", ondelete="CASCADE"),),
    )
    position: int = Field(primary_key=True)
    customer_id: int
    # No reference: the story may have left the catalogue. Null where TestIO gives a title only.
    user_story_id: int | None = None
    title: str
    execution_status: str | None = None
    tested_by_count: int | None = None
    bugs_found: int | None = None
    bug_ids: list[int] = Field(default_factory=list, sa_type=JSON)


class UserStory(Owned, OfProduct, Deletable, table=True):
    """A user story in a product's catalogue."""

    __tablename__ = "user_stories"
    __table_args__ = (Index(None, "customer_id", "product_id"),)

    id: int = Field(primary_key=True)
    customer_id: int
    product_id: int = Field(foreign_key="products.id")
    feature_id: int | None = Field(default=None, foreign_key="features.id")
    section_id: int | None = None
    path: str | None = None
    title: str
