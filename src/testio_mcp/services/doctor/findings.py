"""What checks are given, and what they find."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testio_mcp.clients.locations import Computer
from testio_mcp.domain.findings import Verdict
from testio_mcp.origins import sources
from testio_mcp.settings import Loaded


@dataclass(frozen=True)
class Case:
    """`loaded` is as it was without the keyring's token where that comes from the keyring."""

    loaded: Loaded
    computer: Computer
    has_keyring_token: bool = False

    @property
    def path(self) -> Path:
        return self.loaded.settings.database_path

    @property
    def sources(self) -> dict[str, str]:
        found = sources(self.loaded, self.computer.environment)
        if self.has_keyring_token:
            found["customer_api_token"] = "the keyring"
        return found


@dataclass(frozen=True)
class Found:
    """`repair` mends it, and says what it did and what was lost by it."""

    area: str
    verdict: Verdict
    found: str
    to_do: str | None = None
    repair: Callable[[], str] | None = None
