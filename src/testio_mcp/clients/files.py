"""The configuration files of MCP clients: read whole, changed in one entry, replaced at once."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn

from testio_mcp.clients.entries import NAME, Entry, another, holds, kept_from, merged
from testio_mcp.errors import ConfigurationError
from testio_mcp.settings import shown

SERVERS = "mcpServers"
PROJECTS = "projects"
BY_HAND = "Mend it, or make the change by hand: testio-mcp setup --print shows what belongs there."


class Change(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Changed:
    change: Change
    # The file as it was; None where there was none or nothing has changed.
    backup: Path | None = None
    # Whether a secret stood there, and stands in the backup still.
    had_secret: bool = False
    # Variables that were written there before, and stay.
    kept: tuple[str, ...] = ()


def servers(file: Path) -> dict[str, Any]:
    """The entries by name; raises ConfigurationError for a file that cannot be understood."""
    return _servers(file, _parsed(file, _content(file)))


def of_projects(file: Path) -> dict[str, dict[str, Any]]:
    """The entries by name that Claude Code keeps for a project, by the project's folder."""
    projects = _parsed(file, _content(file)).get(PROJECTS)
    if not isinstance(projects, dict):
        return {}
    return {
        str(folder): dict(there)
        for folder, project in projects.items()
        if isinstance(project, dict) and isinstance(there := project.get(SERVERS), dict)
    }


def put(
    file: Path,
    entry: Entry,
    *,
    secret: str,
    customer_id: int,
    now: datetime,
    replaces: bool = False,
) -> Changed:
    """Have the entry stand there, without the variable that is secret; the rest stays.

    Raises ConfigurationError for another one of its name, unless that is to be replaced.
    """
    had_secret, kept = False, tuple[str, ...]()

    def change(there: dict[str, Any]) -> Change:
        nonlocal had_secret, kept
        before = there.get(NAME)
        if replaces:
            there[NAME] = entry.form()
        else:
            _refuse_another(file, another(before, entry, customer_id))
            there[NAME] = merged(before, entry, secret)
            kept = tuple(kept_from(before, entry, secret))
        had_secret = holds(before, secret)
        if before is None:
            return Change.ADDED
        return Change.UNCHANGED if there[NAME] == before else Change.UPDATED

    return replace(_changed(file, change, now), had_secret=had_secret, kept=kept)


def _refuse_another(file: Path, what: str | None) -> None:
    if what:
        raise ConfigurationError(
            f"{NAME!r} in {shown(file)} is another one: it {what}. It was left as it is.",
            hint="To have both, give that one another name in the file, and run this again; "
            "testio-mcp setup --replace puts this one in its place.",
        )


def remove(file: Path, *, now: datetime) -> Changed:
    def change(there: dict[str, Any]) -> Change:
        return Change.ABSENT if there.pop(NAME, None) is None else Change.REMOVED

    return _changed(file, change, now)


def _changed(file: Path, change: Callable[[dict[str, Any]], Change], now: datetime) -> Changed:
    content = _content(file)
    whole = _parsed(file, content)
    there = _servers(file, whole)
    outcome = change(there)
    if outcome in (Change.UNCHANGED, Change.ABSENT):
        return Changed(outcome)
    try:
        text = _written(file, {**whole, SERVERS: there})
        return Changed(outcome, _replace(file, content, text, now))
    except OSError as error:
        raise ConfigurationError(
            f"{shown(file)} cannot be written: {error.strerror}.",
            hint="Check the permissions of the file and its folder.",
        ) from error


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{shown(file)} cannot be read: {error.strerror}.",
            hint="Check the permissions of the file.",
        ) from error


def _parsed(file: Path, content: bytes | None) -> dict[str, Any]:
    try:
        text = (content or b"").decode("utf-8-sig")
        whole = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique) if text else {}
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{shown(file)} is no text in UTF-8, so it was left as it is.", hint=BY_HAND
        ) from error
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{shown(file)} is no valid JSON (line {error.lineno}, column {error.colno}: "
            f"{error.msg}), so it was left as it is.",
            hint=BY_HAND,
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{shown(file)} is no valid JSON ({error}), so it was left as it is.", hint=BY_HAND
        ) from error
    if not isinstance(whole, dict):
        raise ConfigurationError(
            f"{shown(file)} holds no JSON object, so it was left as it is.", hint=BY_HAND
        )
    return whole


def _servers(file: Path, whole: dict[str, Any]) -> dict[str, Any]:
    there = whole.get(SERVERS)
    if there is None:
        return {}
    if not isinstance(there, dict):
        raise ConfigurationError(
            f'"{SERVERS}" in {shown(file)} is no JSON object, so it was left as it is.',
            hint=BY_HAND,
        )
    return dict(there)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two entries with one name the first would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _written(file: Path, whole: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ConfigurationError(
            f"{shown(file)} holds a number that is too large, so it was left as it is.",
            hint=BY_HAND,
        ) from error
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:
        # Half an emoji, as clients keep in what was typed, is no text but may be escaped.
        return f"{json.dumps(whole, indent=2)}\n".encode()


def _replace(file: Path, before: bytes | None, text: bytes, now: datetime) -> Path | None:
    # A link goes on to lead to the file.
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("wb", dir=target.parent, delete=False) as draft:
        draft.write(text)
    written = Path(draft.name)
    try:
        backup = None
        if before is not None:
            shutil.copymode(target, written)
            backup = _backed_up(target, now)
        if _content(file) != before:
            raise ConfigurationError(
                f"{shown(file)} was changed by another program at the same moment.",
                hint="Close the client that it belongs to, and try again.",
            )
        os.replace(written, target)
    finally:
        written.unlink(missing_ok=True)
    return backup


def _backed_up(file: Path, now: datetime) -> Path:
    """A copy beside the file, as private as it is."""
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        backup = file.with_name(f"{file.name}.{now:%Y%m%d-%H%M%S}{suffix}.bak")
        if not backup.exists():
            shutil.copy2(file, backup)
            return backup
        number += 1
