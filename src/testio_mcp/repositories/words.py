"""Finding things by words, beside other conditions."""

from typing import Any

from sqlalchemy import ColumnElement, column, select, table
from sqlmodel import col

from testio_mcp.domain.search import SearchKind
from testio_mcp.search.index import SEARCHABLE
from testio_mcp.search.query import parse


def has_words(kind: SearchKind, model: Any, text: str) -> ColumnElement[bool]:
    """That a thing has all of these words somewhere; raises InvalidRequest without any."""
    name = SEARCHABLE[kind].index
    # Its hidden column, which has its own name, stands for all the others.
    index = table(name, column("rowid"), column(name))
    match = index.c[name].op("MATCH", is_comparison=True)(parse(text).all)
    return col(model.id).in_(select(index.c.rowid).where(match).correlate(None))
