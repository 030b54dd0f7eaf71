from sqlmodel import Field

from testio_mcp.tables.base import Owned


class RejectReason(Owned, table=True):
    """Why a customer may reject a bug, in TestIO's words."""

    __tablename__ = "reject_reasons"

    key: str = Field(primary_key=True)
    customer_id: int = Field(index=True)
    name: str
    # The text by which a rejection is recognised in a bug's comments.
    default_comment: str | None = None
