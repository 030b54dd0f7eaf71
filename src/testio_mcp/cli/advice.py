"""What a setup leaves to do, and what it did not do, in sentences."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from testio_mcp.clients.entries import NAME, Entry, withheld_from
from testio_mcp.clients.files import Change
from testio_mcp.credentials import VARIABLE
from testio_mcp.origins import ENVIRONMENT, sources
from testio_mcp.settings import PREFIX, Loaded
from testio_mcp.views.setup import ClientChange

OFFLINE = f"{PREFIX}OFFLINE"


def left_to_do(
    loaded: Loaded, clients: Sequence[ClientChange], entry: Entry, *, wants_none: bool
) -> Iterator[str]:
    if not clients and not wants_none:
        yield (
            "No client was connected. testio-mcp setup --print shows what belongs into the "
            "configuration of one."
        )
    yield from _about_clients(clients)
    yield from _about_terminal(clients, entry)
    if sources(loaded, os.environ).get("customer_api_token") == ENVIRONMENT:
        yield f"{VARIABLE} is set in this terminal, where it wins over the stored token."
    if not Path(entry.command).is_absolute():
        yield (
            "This program runs without being installed. Install it, then repeat the setup: "
            "clients need a place that stays."
        )
    if loaded.settings.offline:
        yield "testio-mcp is offline, so that the token was not checked."
    yield "testio-mcp doctor checks everything and says what to do."


def after_removal(clients: Sequence[ClientChange]) -> Iterator[str]:
    changed = [client.client for client in clients if client.change == Change.REMOVED]
    if changed:
        yield (
            f"Quit {' and '.join(dict.fromkeys(changed))} and start it again, as what runs now "
            "still has testio."
        )
    elif clients and all(client.change == Change.ABSENT for client in clients):
        yield "Nothing was connected: testio stands in none of these files."
    elif not clients:
        yield "No client was changed: none was found, or none was chosen."


def _about_clients(clients: Iterable[ClientChange]) -> Iterator[str]:
    if any(client.change in (Change.ADDED, Change.UPDATED) for client in clients):
        yield "Quit the clients that run now and start them again, so that they see the change."
    for client in clients:
        if client.token_in_backup:
            yield (
                f"A token stood in {client.file}, where it is gone now; {client.backup} still "
                "holds it. Delete that file when everything works."
            )
        if client.kept:
            yield (
                f"Kept in the env of {NAME!r} in {client.file}, as it was written there before: "
                f"{', '.join(client.kept)}. Take out there what no longer holds."
            )


def _about_terminal(clients: Sequence[ClientChange], entry: Entry) -> Iterator[str]:
    """What of it the clients get for good, and what they do not get."""
    if OFFLINE in entry.env:
        yield (
            f"{OFFLINE} is set in this terminal and was handed on: the clients ask TestIO for "
            f"nothing until it is gone from the env of {NAME!r} in their files."
        )
    # Somebody may have written it there already.
    lacking = [
        name
        for name in withheld_from(os.environ)
        if not clients or any(name not in client.kept for client in clients)
    ]
    if lacking:
        names = ", ".join(lacking)
        yield (
            f"Not handed on: {names}, which holds a password that everybody could read who may "
            "read the clients' files. Behind that proxy the clients do not reach TestIO. Ask IT "
            f"for a proxy without a password, or write {names} into the env of {NAME!r} in those "
            "files yourself."
        )
