"""Keyrings of the system, as backends of the keyring library: one in memory, and bad ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as Missing
from keyring.backends.null import Keyring as Forgetful
from keyring.errors import KeyringLocked, PasswordDeleteError

__all__ = ["Forgetful", "Locked", "Memory", "Missing", "in_use"]


class Memory(KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("there is none")


class Locked(Memory):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("nobody unlocks it")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("nobody unlocks it")


@contextmanager
def in_use[K: KeyringBackend](backend: K) -> Iterator[K]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)
