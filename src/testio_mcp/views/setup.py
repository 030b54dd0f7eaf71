"""What a caller sees of the setup."""

from testio_mcp.views.base import View
from testio_mcp.views.syncs import SyncReport


class VisibleProduct(View):
    id: int
    name: str


class ClientChange(View):
    """`change`: added, updated, unchanged, removed, absent or refused; then `reason` says why."""

    client: str
    file: str
    change: str
    backup: str | None = None
    # Whether the backup holds a token, which stood in the configuration until now.
    token_in_backup: bool = False
    reason: str | None = None
    # Variables that were written into the entry before, and stay there.
    kept: tuple[str, ...] = ()


class SetupReport(View):
    # Null where it was not looked at.
    products: list[VisibleProduct] | None = None
    # Where the token is, in words.
    token: str | None = None
    clients: list[ClientChange]
    sync: SyncReport | None = None
    # What else there is to know, and what to do next.
    notes: list[str]
