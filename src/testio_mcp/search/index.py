"""The index of words: what it is made of, and the SQL that keeps it right whoever writes.

Imports nothing that takes time: a look at the declaration is part of every start.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from testio_mcp.domain.search import SearchKind

_OURS = "search_"
# What reads from another thing is dropped before it.
_DROPPED = ("TRIGGER", "TABLE", "VIEW")
# Letters without their accents; words by their first two and three letters.
_OPTIONS = """tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'"""


@dataclass(frozen=True)
class Source:
    """Columns of one table; its rows are those whose `id` is the id of the thing."""

    table: str
    id: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Searchable:
    """Things of one kind: found once each of the sources has a row. The first column is its title.

    Every source needs its row because the long texts are written after the row that they hang
    on: so a new thing enters the index once and not twice.
    """

    sources: tuple[Source, ...]

    @property
    def index(self) -> str:
        return f"{_OURS}{self.sources[0].table}"

    @property
    def texts(self) -> str:
        """The view that the index reads texts from."""
        return f"{self.index}_texts"

    @property
    def words(self) -> str:
        """The table of all words in the index."""
        return f"{self.index}_words"

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for source in self.sources for column in source.columns)

    @property
    def title(self) -> str:
        return self.columns[0]


SEARCHABLE: Mapping[SearchKind, Searchable] = {
    SearchKind.PRODUCT: Searchable((Source("products", "id", ("name", "description")),)),
    SearchKind.FEATURE: Searchable(
        (Source("features", "id", ("title", "description", "howtofind")),)
    ),
    SearchKind.TEST: Searchable(
        (
            Source("tests", "id", ("title", "environment_title")),
            Source("test_details", "test_id", ("goal", "instructions", "out_of_scope")),
        )
    ),
    SearchKind.BUG: Searchable(
        (
            Source("bugs", "id", ("title",)),
            Source(
                "bug_details", "bug_id", ("steps", "expected_result", "actual_result", "location")
            ),
        )
    ),
}


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether everything is made as declared, and nothing else is there."""
    return _stored(connection) == _declared()


def apply(connection: sqlite3.Connection) -> None:
    """Make anew what is not as declared, from the rows there are; inside one transaction."""
    declared = _declared()
    remove(connection, but=declared)
    for searchable in SEARCHABLE.values():
        made = _statements(searchable)
        if made.items() <= _stored(connection).items():
            continue
        _drop(connection, made.keys() & _stored(connection).keys())
        for statement in made.values():
            connection.execute(statement)
        # Cheaper than a trigger a row, and right whatever was there before.
        connection.execute(f"INSERT INTO {searchable.index}({searchable.index}) VALUES ('rebuild')")


def remove(connection: sqlite3.Connection, but: Mapping[str, str] | None = None) -> None:
    """Drop everything `but` what is as it should be: tables that a view reads cannot change."""
    _drop(connection, {name for name, _ in _stored(connection).items() - (but or {}).items()})


def _declared() -> dict[str, str]:
    """The SQL of everything, by name."""
    return {
        name: statement
        for searchable in SEARCHABLE.values()
        for name, statement in _statements(searchable).items()
    }


def _stored(connection: sqlite3.Connection) -> dict[str, str]:
    """The same, as it is in the file: SQLite keeps it word by word."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE substr(name, 1, ?) = ? AND ("
        "type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL TABLE%')",
        (len(_OURS), _OURS),
    )
    return dict(found.fetchall())


def _drop(connection: sqlite3.Connection, names: Collection[str]) -> None:
    kinds = {name: _kind(sql) for name, sql in _stored(connection).items() if name in names}
    for kind in _DROPPED:
        # Words have a longer name than the index that they are read from.
        for name in sorted(kinds, key=len, reverse=True):
            if kinds[name] == kind:
                connection.execute(f"DROP {kind} {name}")


def _kind(statement: str) -> str:
    _, first, second, *_ = statement.split()
    return second if first == "VIRTUAL" else first


def _statements(searchable: Searchable) -> dict[str, str]:
    """What keeps things of one kind, by name, in the order in which it is made."""
    index, texts, columns = searchable.index, searchable.texts, ", ".join(searchable.columns)
    first, *others = searchable.sources
    joins = "".join(
        f" JOIN {other.table} ON {other.table}.{other.id} = {first.table}.{first.id}"
        for other in others
    )
    named = [f"{source.table}.{name}" for source in searchable.sources for name in source.columns]
    return {
        texts: f"CREATE VIEW {texts} AS SELECT {first.table}.{first.id} AS id, {', '.join(named)} "
        f"FROM {first.table}{joins}",
        index: f"CREATE VIRTUAL TABLE {index} USING fts5({columns}, content = '{texts}', "
        f"content_rowid = 'id', {_OPTIONS})",
        searchable.words: f"CREATE VIRTUAL TABLE {searchable.words} "
        f"USING fts5vocab('{index}', 'row')",
        **dict(_triggers(searchable)),
    }


def _triggers(searchable: Searchable) -> Iterator[tuple[str, str]]:
    """What leaves the index must be what entered it: it is read before the row changes."""
    index, texts, columns = searchable.index, searchable.texts, ", ".join(searchable.columns)
    for source in searchable.sources:
        leave = (
            f"INSERT INTO {index}({index}, rowid, {columns}) "
            f"SELECT 'delete', id, {columns} FROM {texts} WHERE id = old.{source.id};"
        )
        enter = (
            f"INSERT INTO {index}(rowid, {columns}) "
            f"SELECT id, {columns} FROM {texts} WHERE id = new.{source.id};"
        )
        # A sync writes many rows whose words are what they were.
        differs = " OR ".join(
            f"old.{column} IS NOT new.{column}" for column in (source.id, *source.columns)
        )
        for when, event, condition, action in (
            ("AFTER", "INSERT", "", enter),
            ("BEFORE", "UPDATE", f" WHEN {differs}", leave),
            ("AFTER", "UPDATE", f" WHEN {differs}", enter),
            ("BEFORE", "DELETE", "", leave),
        ):
            name = f"{_OURS}{source.table}_{when}_{event}".lower()
            yield (
                name,
                f"CREATE TRIGGER {name} {when} {event} ON {source.table}{condition} "
                f"BEGIN {action} END",
            )
