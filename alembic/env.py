"""Alembic's entry point, for its command line and for `testio_mcp.database.migrations`."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import create_engine, event
from sqlalchemy.types import TypeDecorator

from testio_mcp.tables import metadata


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write migrations in plain SQLAlchemy: they outlive our own column types."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{type(item.impl_instance).__name__}()"
    return False


def number(_context: object, _revision: object, directives: list[Any]) -> None:
    """Number revisions, so that the newest is known by its file's name."""
    if directives:
        head = context.script.get_current_head() or "0000"
        directives[0].rev_id = f"{int(head) + 1:04}"


def is_migrated(name: str | None, kind: str, _parents: object) -> bool:
    """The index of words follows no revision (`search/index.py`)."""
    return kind != "table" or not str(name).startswith("search_")


engine = context.config.attributes.get("engine") or create_engine(
    context.get_x_argument(as_dictionary=True).get("url", "sqlite://"),
    connect_args={"isolation_level": None},
)


# One migration is one transaction: killed half-way, it leaves the old schema.
@event.listens_for(engine, "begin")
def begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render_item,
        include_name=is_migrated,
        process_revision_directives=number,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
event.remove(engine, "begin", begin)
