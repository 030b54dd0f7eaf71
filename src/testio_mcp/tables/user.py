from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from testio_mcp.tables.base import Owned


class User(Owned, table=True):
    """A tester or a customer's user. TestIO gives names only, so namesakes are one row."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("customer_id", "type", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int
    type: str
    name: str
