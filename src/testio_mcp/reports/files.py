"""Saves files whole or not at all, where they were asked for and nowhere else."""

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from testio_mcp.domain.reports import SUFFIXES
from testio_mcp.domain.text import clean, one_line
from testio_mcp.errors import FileError, InvalidRequest
from testio_mcp.settings import shown

LONGEST_NAME = 200  # bytes; with the suffix of a temporary file it still fits everywhere
MOST_OF_A_NAME = 1_000
# Windows has these for devices, whatever suffix follows.
_RESERVED = re.compile(
    r"(con|prn|aux|nul|clock\$|(com|lpt)[0-9\xb9\xb2\xb3])(\..*)?", re.IGNORECASE
)
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
# What two programs at once cannot both create, and what leads nowhere else.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
PRIVATE = 0o600


def bare_name(name: str, suffix: str) -> str:
    """The name with the suffix of its format; raises InvalidRequest for what is no plain name."""
    wanted = name.strip()
    others = [other for other in SUFFIXES.values() if other != suffix]
    problem = None
    if _FORBIDDEN.search(wanted) or wanted != clean(wanted):
        problem = 'it may hold no separators, controls or any of : * ? " < > |'
    elif not wanted or wanted.startswith(".") or wanted.endswith("."):
        problem = "it may neither be empty nor begin or end with a dot"
    elif _RESERVED.fullmatch(wanted):
        problem = "Windows keeps this name for a device"
    elif len(wanted.encode()) > LONGEST_NAME:
        problem = f"it is longer than {LONGEST_NAME} bytes"
    elif wanted.lower().endswith(tuple(others)):
        problem = f"a file of this format ends in {suffix}"
    if problem:
        raise InvalidRequest(
            f"output_file {one_line(name, 60)!r} cannot be used: {problem}.",
            hint=f"Give a plain file name, such as quality-report{suffix}; "
            "it is saved in the reports folder.",
        )
    return wanted if wanted.lower().endswith(suffix) else f"{wanted}{suffix}"


def save(folder: Path, name: str, content: bytes, *, overwrite: bool) -> Path:
    """Write the file into a private folder, which is created; gives its path.

    Raises InvalidRequest for what is there already, FileError for what keeps it from being written.
    """
    _prepare(folder)
    path = folder / name
    _write(path, content, overwrite=overwrite, mode=PRIVATE)
    return path


def save_as_new(folder: Path, stem: str, suffix: str, content: bytes) -> Path:
    """The same under a name that nothing has: with a number where that is needed."""
    _prepare(folder)
    for number in range(1, MOST_OF_A_NAME):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
        with suppress(AlreadyThere):
            _write(path, content, overwrite=False, mode=PRIVATE)
            return path
    raise FileError(
        f"{shown(folder)} holds {MOST_OF_A_NAME:,} reports called {stem}.",
        hint="Move some of them away, or name output_file.",
    )


def save_anywhere(path: Path, content: bytes, *, overwrite: bool) -> Path:
    """Write to the path that somebody typed, with the rights that their files have."""
    target = Path(os.path.realpath(path.expanduser()))
    if not target.parent.is_dir():
        raise InvalidRequest(
            f"There is no folder {shown(target.parent)}.", hint="Create it first, or name another."
        )
    try:
        _write(target, content, overwrite=overwrite, mode=0o666)
    except AlreadyThere:
        raise AlreadyThere(target, "add --overwrite") from None
    return target


class AlreadyThere(InvalidRequest):
    def __init__(self, path: Path, otherwise: str = "set overwrite") -> None:
        super().__init__(
            f"{shown(path)} exists already.",
            hint=f"Choose another name, or {otherwise}.",
        )


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_saved(folder, error) from error
    if folder.is_symlink():
        raise InvalidRequest(
            f"{shown(folder)} is a link to another place, where no report is saved.",
            hint="Put a folder in its place.",
        )


def _write(path: Path, content: bytes, *, overwrite: bool, mode: int) -> None:
    """Under another name first, so that nobody ever sees half of it."""
    _refuse_odd(path, overwrite=overwrite)
    unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            _fill(unfinished, content, mode)
            _publish(unfinished, path, mode, overwrite=overwrite)
        finally:
            unfinished.unlink(missing_ok=True)
    except FileExistsError:
        raise AlreadyThere(path) from None
    except OSError as error:
        raise _not_saved(path.parent, error) from error


def _refuse_odd(path: Path, *, overwrite: bool) -> None:
    """Raise InvalidRequest for what may not be replaced: a link, a folder, a device."""
    try:
        found = path.lstat()
    except OSError:
        # Whatever is wrong with it is said when it is written.
        return
    if not overwrite:
        raise AlreadyThere(path)
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequest(
            f"{shown(path)} is not a file that could be overwritten.", hint="Choose another name."
        )


def _fill(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, _CREATE | _BINARY, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _publish(unfinished: Path, path: Path, mode: int, *, overwrite: bool) -> None:
    """Give it its name; raises FileExistsError where something else has got it since."""
    if overwrite:
        unfinished.replace(path)
        return
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems know no such links; the name is taken first, then the file put there.
        os.close(os.open(path, _CREATE, mode))
        try:
            unfinished.replace(path)
        except OSError:
            path.unlink()
            raise


def _not_saved(folder: Path, error: OSError) -> FileError:
    return FileError(
        f"The report could not be saved in {shown(folder)}: {error.strerror}.",
        hint="Nothing was written. Make room or give this program the right to write there.",
    )
