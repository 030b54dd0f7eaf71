from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from testio_mcp.tables.base import Deletable, Owned


class Product(Owned, Deletable, table=True):
    """What a customer has tested: a website, an app, a game."""

    __tablename__ = "products"

    id: int = Field(primary_key=True)
    customer_id: int = Field(index=True)
    name: str
    # Plain text, not an enum: TestIO may add values at any time.
    type: str | None = None
    description: str | None = None
    # Objects with id and name; empty for a product without sections.
    sections: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
