"""Set everything up: keep your token, connect your MCP clients, read your data once.

Every step can be repeated, answered by options instead of a person, and undone with --remove.
"""

import argparse
import asyncio
import os
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from testio_mcp.app import open_app
from testio_mcp.cli.advice import after_removal, left_to_do
from testio_mcp.cli.dialogue import Dialogue
from testio_mcp.cli.exit_codes import ExitCode, exit_code
from testio_mcp.cli.options import add_json, usable_settings
from testio_mcp.cli.output import NOTES, show
from testio_mcp.cli.progress import sync_with_progress
from testio_mcp.clients.entries import Entry, document, own_entry, snippet
from testio_mcp.clients.files import Changed, put, remove
from testio_mcp.clients.locations import ClientName, Computer, Location, chosen
from testio_mcp.credentials import (
    VARIABLE,
    KeyringUnusable,
    Store,
    forget_token,
    is_private,
    keyring_token,
    store_token,
    token_file,
    with_token,
)
from testio_mcp.errors import (
    ApiUnauthorized,
    ConfigurationError,
    InvalidRequest,
    SyncInProgress,
    TestIOMcpError,
)
from testio_mcp.origins import handed_on, sources
from testio_mcp.rendering.setup import questions_to_try, setup_report, to_paste
from testio_mcp.services.access import visible_products
from testio_mcp.settings import Loaded, shown
from testio_mcp.views.setup import ClientChange, SetupReport, VisibleProduct
from testio_mcp.views.syncs import SyncReport

NONE = "none"
COPY_TOKEN = "Copy the token from TestIO, under Integrations, API."
INTERRUPTED = (
    "Reading your data was interrupted. What was read is kept; testio-mcp sync reads the rest, as "
    "does a client that is connected."
)


@dataclass(frozen=True)
class Synced:
    """How reading the data ended, if it was begun at all."""

    report: SyncReport | None = None
    notes: tuple[str, ...] = ()
    code: ExitCode = ExitCode.OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--token-file", type=Path, metavar="FILE", help="read the token from this file"
    )
    given.add_argument(
        "--token-stdin", action="store_true", help="read the token from the standard input"
    )
    parser.add_argument(
        "--store",
        choices=[store.value for store in Store],
        help="where to keep the token; by default in the keyring of this computer, or where it "
        "has none in a file in your home folder",
    )
    parser.add_argument(
        "--client",
        choices=[*(name.value for name in ClientName), NONE],
        action="append",
        default=[],
        help="connect this client, and no other; may be repeated; by default all that are found",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="also replace an entry for another customer or folder, or that leads to a server",
    )
    parser.add_argument("--no-sync", action="store_true", help="do not read the data now")
    parser.add_argument(
        "--no-input", action="store_true", help="ask nothing: take the usual answers"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--print",
        action="store_true",
        help="only show what belongs into the configuration of the clients",
    )
    instead.add_argument(
        "--remove", action="store_true", help="take testio out of the clients again"
    )
    parser.add_argument(
        "--forget-token", action="store_true", help="with --remove, forget the stored token too"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    loaded = usable_settings(options)
    if options.forget_token and not options.remove:
        raise InvalidRequest("--forget-token goes with --remove.")
    if options.print:
        return _print(loaded, options)
    # With the token on it, the standard input has no more answers.
    can_ask = sys.stdin.isatty() and not (options.no_input or options.token_stdin)
    dialogue = Dialogue(can_ask)
    return (_remove if options.remove else _set_up)(loaded, options, dialogue)


def _set_up(loaded: Loaded, options: argparse.Namespace, dialogue: Dialogue) -> int:
    loaded, store = _with_token(loaded, options, dialogue)
    products = _checked(loaded, options)
    kept = store_token(loaded.settings, _secret(loaded), store)
    entry = _entry(loaded, options)
    clients = list(_connected(_places(options, dialogue, "Connect"), entry, loaded, options))
    notes = list(left_to_do(loaded, clients, entry, wants_none=NONE in options.client))
    synced = Synced()
    if not options.no_sync and dialogue.agrees("Read your data now? It may take some minutes."):
        synced = _synced(loaded, options)
    report = SetupReport(
        products=products,
        token=_kept(kept, loaded),
        clients=clients,
        sync=synced.report,
        notes=[*notes, *synced.notes],
    )
    text = f"{setup_report(report, loaded.settings.zone)}\n\n{questions_to_try(products or [])}"
    show(text, {"setup": report.model_dump(mode="json")}, as_json=options.json)
    has_read = synced.code in (ExitCode.OK, ExitCode.INCOMPLETE)
    return _code(clients, synced.code) if has_read else synced.code


def _remove(loaded: Loaded, options: argparse.Namespace, dialogue: Dialogue) -> int:
    now = datetime.now().astimezone()
    clients = [
        _change(place, lambda file: remove(file, now=now))
        for place in _places(options, dialogue, "Take testio out of")
    ]
    question = "Forget the stored token too?"
    was, failures = None, []
    if options.forget_token or dialogue.agrees(question, usually=False):
        forgotten = forget_token(loaded.settings)
        failures = forgotten.failures
        places = " and ".join(_named(store, loaded) for store in forgotten.was)
        nowhere = "not forgotten" if failures else "none was stored"
        was = f"forgotten, was in {places}" if places else nowhere
    notes = [
        *after_removal(clients),
        *map(str, failures),
        f"Your data stays in {shown(loaded.settings.home)}, which you may delete.",
    ]
    report = SetupReport(token=was, clients=clients, notes=notes)
    text = setup_report(report, loaded.settings.zone)
    show(text, {"setup": report.model_dump(mode="json")}, as_json=options.json)
    return ExitCode.FAILED if failures else _code(clients)


def _print(loaded: Loaded, options: argparse.Namespace) -> int:
    entry = _entry(loaded, options)
    places = [(place.title, shown(place.file)) for place in _chosen(options)]
    shown_as = [{"client": client, "file": file, "entry": entry.form()} for client, file in places]
    text = to_paste(places, snippet(entry))
    show(text, {"clients": shown_as, "configuration": document(entry)}, as_json=options.json)
    return ExitCode.OK


def _with_token(
    loaded: Loaded, options: argparse.Namespace, dialogue: Dialogue
) -> tuple[Loaded, Store | None]:
    """With the token to use, and where it is to be kept, if that is not all the same."""
    wanted = Store(options.store) if options.store else None
    given = _given(options)
    if given is None:
        known, store = _known(loaded)
        if known and dialogue.agrees("Use the token that is there already?"):
            return with_token(loaded, known), wanted or store
        given = dialogue.secret("Your TestIO token (it is not shown while you type): ")
    token = given.strip()
    if not token or len(token.split()) > 1 or not token.isascii() or not token.isprintable():
        raise InvalidRequest(
            "That is no token: it must be one word of plain letters, digits and signs.",
            hint=COPY_TOKEN,
        )
    return with_token(loaded, token), wanted


def _given(options: argparse.Namespace) -> str | None:
    if options.token_stdin:
        return sys.stdin.read()
    if options.token_file is None:
        return None
    try:
        content = options.token_file.expanduser().read_bytes()
        # PowerShell writes UTF-16 unless it is told otherwise.
        encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
        return str(content.decode(encoding))
    except FileNotFoundError as error:
        raise InvalidRequest(
            f"There is no file {options.token_file}.",
            hint="Give the path of the file that holds the token.",
        ) from error
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise InvalidRequest(
            f"The file {options.token_file} cannot be read.",
            hint="It must be plain text that holds the token and nothing else.",
        ) from error


def _known(loaded: Loaded) -> tuple[str | None, Store | None]:
    """A token that was set or stored before, and where it is stored."""
    if loaded.settings.customer_api_token:
        source = sources(loaded, os.environ).get("customer_api_token")
        is_kept = source == shown(token_file(loaded.settings))
        return _secret(loaded), Store.FILE if is_kept else None
    with suppress(KeyringUnusable):
        return keyring_token(loaded.settings), Store.KEYRING
    return None, None


def _secret(loaded: Loaded) -> str:
    token = loaded.settings.customer_api_token
    return token.get_secret_value() if token else ""


def _checked(loaded: Loaded, options: argparse.Namespace) -> list[VisibleProduct] | None:
    """What the token may see; None where TestIO may not be asked."""
    settings = loaded.settings
    if settings.offline or settings.customer_api_token is None:
        return None
    _note(f"Asking {settings.host} what this token may see.", options)
    try:
        return asyncio.run(visible_products(settings, settings.customer_api_token))
    except ApiUnauthorized as error:
        raise ApiUnauthorized(error.message, hint=f"Nothing was changed. {COPY_TOKEN}") from error


def _entry(loaded: Loaded, options: argparse.Namespace) -> Entry:
    """Starts this program as it runs now; a client knows nothing of this terminal."""
    file = options.env_file
    arguments = ("--env-file", str(file.expanduser().absolute())) if file else ()
    return own_entry(
        Path(sys.executable), os.environ, handed_on(loaded.settings, os.environ), *arguments
    )


def _chosen(options: argparse.Namespace) -> list[Location]:
    if NONE in options.client:
        return []
    computer = Computer(sys.platform, Path.home(), os.environ)
    return chosen(computer, [ClientName(name) for name in options.client])


def _places(options: argparse.Namespace, dialogue: Dialogue, deed: str) -> Iterator[Location]:
    """Those to change: who names a client needs no question."""
    for place in _chosen(options):
        question = f"{deed} {place.title} ({shown(place.file)})?"
        if options.client or dialogue.agrees(question):
            yield place


def _connected(
    places: Iterable[Location], entry: Entry, loaded: Loaded, options: argparse.Namespace
) -> Iterator[ClientChange]:
    now, customer_id = datetime.now().astimezone(), loaded.settings.customer_id

    def connect(file: Path) -> Changed:
        return put(
            file,
            entry,
            secret=VARIABLE,
            customer_id=customer_id,
            now=now,
            replaces=options.replace,
        )

    for place in places:
        yield _change(place, connect)


def _change(place: Location, change: Callable[[Path], Changed]) -> ClientChange:
    """One that cannot be changed keeps no other from it."""
    known = {"client": place.title, "file": shown(place.file)}
    try:
        done = change(place.file)
    except ConfigurationError as error:
        return ClientChange(**known, change="refused", reason=str(error))
    backup = shown(done.backup) if done.backup else None
    return ClientChange(
        **known,
        change=done.change,
        backup=backup,
        token_in_backup=done.had_secret,
        kept=done.kept,
    )


def _synced(loaded: Loaded, options: argparse.Namespace) -> Synced:
    """What is set up stays so and is told, whatever becomes of the sync."""

    async def sync() -> SyncReport:
        async with open_app(loaded) as app:
            quiet = options.quiet or options.json
            return await sync_with_progress(app, app.options(), quiet=quiet)

    _note("Reading your data. What is read is kept if you interrupt it.", options)
    try:
        report = asyncio.run(sync())
    except SyncInProgress as error:
        # Whoever syncs already does the same work.
        return Synced(notes=(str(error),))
    except TestIOMcpError as error:
        return Synced(notes=(str(error),), code=exit_code(error))
    except KeyboardInterrupt:
        return Synced(notes=(INTERRUPTED,), code=ExitCode.INTERRUPTED)
    return Synced(report, code=ExitCode.INCOMPLETE if report.incomplete else ExitCode.OK)


def _note(text: str, options: argparse.Namespace) -> None:
    if not options.quiet:
        NOTES.print(text, markup=False)


def _code(clients: list[ClientChange], otherwise: ExitCode = ExitCode.OK) -> ExitCode:
    return ExitCode.FAILED if any(client.reason for client in clients) else otherwise


def _kept(store: Store, loaded: Loaded) -> str:
    said = f"kept in {_named(store, loaded)}"
    # Windows knows no such permissions.
    is_ours_alone = store is Store.FILE and is_private(token_file(loaded.settings))
    return f"{said}, which only you may read" if is_ours_alone else said


def _named(store: Store, loaded: Loaded) -> str:
    if store is Store.KEYRING:
        return "the keyring of this computer"
    return shown(token_file(loaded.settings))
