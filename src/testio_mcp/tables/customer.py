from sqlmodel import Field, SQLModel


class Customer(SQLModel, table=True):
    """Whose data this file holds; one row, written by the first sync."""

    __tablename__ = "customers"

    id: int = Field(primary_key=True)
    # The API's host name, or `sandbox:<scale>:<seed>`: data of two hosts must never mix.
    host: str
