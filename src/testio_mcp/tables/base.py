"""What all tables share: names of constraints, and whom a row belongs to."""

import zlib
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Dialect, LargeBinary, TypeDecorator, func, text
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# Few rows have changed, and fewer are gone: an index of those alone costs nothing.
HAS_MOVED = text("previous_status IS NOT NULL")
IS_GONE = text("deleted_at IS NOT NULL")


class Deflated(TypeDecorator[bytes]):
    """Bytes that are compressed in the file, by a function of the writer's connection."""

    impl = LargeBinary
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[bytes]) -> ColumnElement[bytes]:
        return func.deflate(bindparam)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.decompress(value)


class Owned(SQLModel):
    """A row that belongs to one customer."""

    customer_id: int


class Deletable(SQLModel):
    """A row that leaves every answer and figure once TestIO has deleted it."""

    deleted_at: datetime | None = None


class OfProduct(SQLModel):
    """A row that belongs to a product."""

    product_id: int | None = None
