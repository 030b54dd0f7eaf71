"""Finding things by words: the full-text index of each kind, and what matches in it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, TableClause, column, select, table
from sqlmodel import col

from testio_mcp.domain.search import SearchKind
from testio_mcp.search.index import SEARCHABLE
from testio_mcp.search.query import parse
from testio_mcp.tables import Bug, Feature, Product, Test

TABLES: Mapping[SearchKind, Any] = {
    SearchKind.PRODUCT: Product,
    SearchKind.FEATURE: Feature,
    SearchKind.TEST: Test,
    SearchKind.BUG: Bug,
}


def has_words(kind: SearchKind, text: str) -> ColumnElement[bool]:
    """That a thing has all of these words somewhere; raises InvalidRequest without any."""
    return matching(kind, parse(text).all)


def matching(kind: SearchKind, match: str | BindParameter[str]) -> ColumnElement[bool]:
    index = index_of(kind)
    found = select(index.c.rowid).where(has(index, match)).correlate(None)
    return col(TABLES[kind].id).in_(found)


@cache
def index_of(kind: SearchKind) -> TableClause:
    # Its hidden column, which has its own name, stands for all the others.
    index = SEARCHABLE[kind].index
    return table(index, column("rowid"), column(index))


def has(index: TableClause, match: str | BindParameter[str]) -> ColumnElement[bool]:
    return index.c[index.name].op("MATCH", is_comparison=True)(match)
