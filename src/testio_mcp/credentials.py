"""The token where nobody has to type it: in the system's keyring, or in a private file."""

import importlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from io import StringIO
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import NamedTemporaryFile
from threading import Thread
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import SecretStr

from testio_mcp.errors import ConfigurationError
from testio_mcp.settings import PREFIX, Loaded, Settings, shown

SERVICE = "testio-mcp"
VARIABLE = f"{PREFIX}CUSTOMER_API_TOKEN"
# How long to wait for a keyring that may ask a person to unlock it.
KEYRING_SECONDS = 10
OPEN_TO_OTHERS = 0o077
# What backends raise beside the library's own errors; none of it is there on every system.
_FOREIGN = (
    ("keyring.errors", "KeyringError"),
    ("secretstorage.exceptions", "SecretStorageException"),
    ("jeepney", "DBusErrorResponse"),
    ("win32ctypes.pywin32.pywintypes", "error"),
)
# Of a backend that is named in the environment and is not there, among others.
_OF_PYTHON = (OSError, RuntimeError, ImportError, AttributeError, ValueError)


class Store(StrEnum):
    KEYRING = "keyring"
    FILE = "file"


class KeyringUnusable(ConfigurationError):
    """There is a keyring, but it does not do as it is told."""


@dataclass
class Forgotten:
    """Where the token was until now, and what kept it from being forgotten elsewhere."""

    was: list[Store] = field(default_factory=list)
    failures: list[ConfigurationError] = field(default_factory=list)


def with_stored_token(loaded: Loaded) -> Loaded:
    """With the keyring's token where no other place names one; what hinders is a warning.

    A keyring that keeps everybody waiting is given up after KEYRING_SECONDS.
    """
    if loaded.settings.customer_api_token or loaded.settings.offline:
        return loaded
    try:
        token = _in_time(loaded.settings)
    except KeyringUnusable as error:
        loaded.warnings.append(str(error))
        return loaded
    return with_token(loaded, token) if token else loaded


def with_token(loaded: Loaded, token: str) -> Loaded:
    loaded.secrets.add(token)
    update = {"customer_api_token": SecretStr(token)}
    return replace(loaded, settings=loaded.settings.model_copy(update=update))


def keyring_token(settings: Settings) -> str | None:
    """What the keyring holds; None also where there is no keyring."""
    with _translated():
        found = _keyring().get_password(SERVICE, _account(settings))
        return str(found) if found else None
    return None


def _in_time(settings: Settings) -> str | None:
    """The same, or KeyringUnusable if that takes too long."""
    answers = SimpleQueue[str | None | KeyringUnusable]()

    def ask() -> None:
        try:
            answers.put(keyring_token(settings))
        except KeyringUnusable as error:
            answers.put(error)

    # It must not keep the program alive, as a thread of a pool would.
    Thread(target=ask, name="keyring", daemon=True).start()
    try:
        answer = answers.get(timeout=KEYRING_SECONDS)
    except Empty:
        raise KeyringUnusable(
            f"The keyring of this computer did not answer within {KEYRING_SECONDS} s.",
            hint="Unlock it, then restart the client or run the command again.",
        ) from None
    if isinstance(answer, KeyringUnusable):
        raise answer
    return answer


def store_token(settings: Settings, token: str, wanted: Store | None = None) -> Store:
    """Where it is now; unless it is `wanted` elsewhere that is the keyring, where there is one."""
    if wanted != Store.FILE and _kept_in_keyring(settings, token):
        # A copy in the file would go on to win.
        _write_token(token_file(settings), None)
        return Store.KEYRING
    if wanted == Store.KEYRING:
        raise KeyringUnusable(
            "This computer has no keyring that can be used.",
            hint="Leave the choice out: the token is then kept in a file in your home folder.",
        )
    _write_token(token_file(settings), token)
    return Store.FILE


def forget_token(settings: Settings) -> Forgotten:
    """Forget what can be forgotten: one place that cannot be reached spares no other."""
    forgotten = Forgotten()
    try:
        if _write_token(token_file(settings), None):
            forgotten.was.append(Store.FILE)
    except ConfigurationError as error:
        forgotten.failures.append(error)
    try:
        if keyring_token(settings):
            with _translated():
                _keyring().delete_password(SERVICE, _account(settings))
            forgotten.was.append(Store.KEYRING)
    except KeyringUnusable as error:
        hint = "Unlock it, then run testio-mcp setup --remove --forget-token again."
        forgotten.failures.append(
            KeyringUnusable(f"{error.message} If it holds the token, it still does.", hint=hint)
        )
    return forgotten


def is_private(file: Path) -> bool:
    """Whether it is for its owner alone, as far as its permissions say that."""
    return not stat.S_IMODE(file.stat().st_mode) & OPEN_TO_OTHERS


def token_file(settings: Settings) -> Path:
    return settings.home / ".env"


def _account(settings: Settings) -> str:
    """A token is never sent to another host than it was stored for, nor for another customer."""
    return f"{settings.host}, customer {settings.customer_id}"


def _kept_in_keyring(settings: Settings, token: str) -> bool:
    try:
        with _translated():
            _keyring().set_password(SERVICE, _account(settings), token)
        # Some backends take everything and keep nothing.
        return keyring_token(settings) == token
    except KeyringUnusable:
        return False


def _keyring() -> Any:
    # It takes longer to import than the server may take to answer its first request.
    return importlib.import_module("keyring")


@contextmanager
def _translated() -> Iterator[None]:
    """The one place where errors of keyrings become ours; having none is no error."""
    try:
        yield
    except _errors() as error:
        missing = getattr(sys.modules.get("keyring.errors"), "NoKeyringError", ())
        if not isinstance(error, missing):
            raise KeyringUnusable(
                f"The keyring of this computer cannot be used ({type(error).__name__}).",
                hint="Unlock it and try again, or run testio-mcp setup --store file.",
            ) from error


def _errors() -> tuple[type[Exception], ...]:
    """A module that was not imported has raised nothing."""
    errors = [getattr(sys.modules.get(module), name, None) for module, name in _FOREIGN]
    return (*_OF_PYTHON, *filter(None, errors))


def _write_token(file: Path, token: str | None) -> bool:
    """Put the token into the file, or take it out; other lines stay. Whether there was one."""
    text = _text(file)
    # Only a parser tells a line of its own from one inside a longer value.
    bindings = list(parse_stream(StringIO(text)))
    kept = [found.original.string for found in bindings if (found.key or "").upper() != VARIABLE]
    if token is None and len(kept) == len(bindings):
        return False
    rest = "".join(kept)
    if token is not None:
        rest += "\n" if rest and not rest.endswith("\n") else ""
        rest += f"{VARIABLE}={_quoted(token)}\n"
    try:
        if token is None and not rest and not file.is_symlink():
            # It held the token and nothing else.
            file.unlink()
            return True
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(file, rest)
    except OSError as error:
        raise ConfigurationError(
            f"{shown(file)} cannot be written: {error.strerror}.",
            hint="Check the permissions of its folder, or set TESTIO_HOME to another one.",
        ) from error
    if token is not None and dotenv_values(file).get(VARIABLE) != token:
        raise ConfigurationError(
            f"The token cannot be kept in {shown(file)}, because its lines cannot be read.",
            hint="Mend or remove the file, then run testio-mcp setup again.",
        )
    return len(kept) < len(bindings)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file {shown(file)} cannot be read: it must be plain text in UTF-8.",
            hint="Mend or remove it, then try again.",
        ) from error


def _replace(file: Path, text: str) -> None:
    """All or nothing, and for nobody else to read: temporary files are born private."""
    target = file.resolve()
    with NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as draft:
        draft.write(text)
    try:
        os.replace(draft.name, target)
    finally:
        Path(draft.name).unlink(missing_ok=True)


def _quoted(token: str) -> str:
    escaped = token.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
