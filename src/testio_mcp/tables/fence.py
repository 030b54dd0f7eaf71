"""The fence around what a session may read: one customer's rows that TestIO still has."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Executable
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlmodel import col, column

from testio_mcp.tables.base import Deletable, OfProduct, Owned
from testio_mcp.tables.product import Product


def fence(customer_id: int, product_ids: tuple[int, ...] = ()) -> Callable[[ORMExecuteState], None]:
    """Limit every ORM read of a session to one customer's rows that TestIO still has.

    With `product_ids` only to those products. Statements with the execution option
    `with_deleted` also see the deleted rows.
    """
    owned = with_loader_criteria(
        Owned, lambda table: _column(table, "customer_id") == customer_id, include_aliases=True
    )
    present = with_loader_criteria(
        Deletable, lambda table: _column(table, "deleted_at").is_(None), include_aliases=True
    )

    in_products = with_loader_criteria(
        OfProduct, lambda table: _column(table, "product_id").in_(product_ids), include_aliases=True
    )
    named = with_loader_criteria(
        Product, lambda table: col(table.id).in_(product_ids), include_aliases=True
    )
    always = (owned, in_products, named) if product_ids else (owned,)
    of_all, of_present = _Limited(always), _Limited((*always, present))

    def limit(state: ORMExecuteState) -> None:
        if state.is_select:
            with_deleted = state.execution_options.get("with_deleted", False)
            state.statement = (of_all if with_deleted else of_present)(state.statement)

    return limit


class _Limited:
    """Statements with these options.

    To recognize a statement takes SQLAlchemy longer than to run it, but each object only once.
    """

    def __init__(self, options: tuple[Any, ...]) -> None:
        self._options = options
        self._known: WeakKeyDictionary[Executable, Executable] = WeakKeyDictionary()

    def __call__(self, statement: Executable) -> Executable:
        found = self._known.get(statement)
        if found is None:
            found = self._known[statement] = statement.options(*self._options)
        return found


def _column(table: Any, name: str) -> ColumnElement[Any]:
    # SQLAlchemy tries the criteria on the base class first, which has no columns.
    return getattr(table, name, column(name))
