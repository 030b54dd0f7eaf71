"""The clients found here, and whether what they would start really starts."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from testio_mcp.clients.entries import Entry, entry_of, is_ours
from testio_mcp.clients.files import servers
from testio_mcp.clients.locations import Location, locations
from testio_mcp.clients.starting import NotStarted, Started, start
from testio_mcp.credentials import VARIABLE
from testio_mcp.domain.findings import Verdict
from testio_mcp.errors import ConfigurationError
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import shown

PATIENCE = 20  # seconds
SETUP = "Run testio-mcp setup, which writes it anew."
CONNECT = "Run testio-mcp setup to connect it."
# A server that is only looked at must not begin to sync.
QUIET = {"TESTIO_REFRESH_INTERVAL_SECONDS": "0"}


@dataclass(frozen=True)
class Configured:
    """An entry of ours: where it stands and under which name."""

    location: Location
    name: str
    entry: Entry

    @property
    def area(self) -> str:
        return f"{self.location.title}"

    @property
    def place(self) -> str:
        return f"{self.name!r} in {shown(self.location.file)}"


def check(case: Case) -> Iterator[Found]:
    found = [place for place in locations(case.computer) if place.is_found]
    if not found:
        said = "Claude Desktop, Claude Code and Cursor were not found."
        to_do = "testio-mcp setup --print shows what belongs into the configuration of a client."
        yield Found("clients", Verdict.WARNING, said, to_do)
    configured: list[Configured] = []
    for place in found:
        try:
            of_place = list(_ours(place))
        except ConfigurationError as error:
            yield Found(place.title, Verdict.PROBLEM, error.message, error.hint)
            continue
        if not of_place:
            said = f"not connected ({shown(place.file)})"
            yield Found(place.title, Verdict.OK, said, CONNECT)
        for entry in of_place:
            if isinstance(entry, Configured):
                configured.append(entry)
            else:
                yield entry
    for one, outcome in asyncio.run(_started(case, configured)):
        yield from _judged(case, one, outcome)


def _ours(place: Location) -> Iterator[Configured | Found]:
    """What of a configuration is ours; nobody else's program is ever started."""
    for name, form in servers(place.file).items():
        if not is_ours(name, form):
            continue
        entry = entry_of(form)
        if entry:
            yield Configured(place, name, entry)
        else:
            said = f"{name!r} in {shown(place.file)} starts no program."
            yield Found(place.title, Verdict.WARNING, said, SETUP)


async def _started(
    case: Case, configured: Iterable[Configured]
) -> list[tuple[Configured, Started | NotStarted]]:
    async def outcome(one: Configured) -> tuple[Configured, Started | NotStarted]:
        entry = replace(one.entry, env={**one.entry.env, **QUIET})
        secrets = {*case.loaded.secrets, one.entry.env.get(VARIABLE, "")}
        environment = case.computer.environment
        try:
            return one, await start(entry, environment, within=PATIENCE, secrets=secrets)
        except NotStarted as error:
            return one, error

    # One after the other: two that start at once may both be late.
    return [await outcome(one) for one in configured]


def _judged(case: Case, one: Configured, outcome: Started | NotStarted) -> Iterator[Found]:
    if isinstance(outcome, NotStarted):
        to_do = outcome.hint or SETUP
        yield Found(one.area, Verdict.PROBLEM, f"{one.place}: {outcome.message}", to_do)
    else:
        yield _judged_start(one, outcome)
    if one.entry.env.get(VARIABLE):
        said = f"{one.place} holds the token for everybody to read who may read the file."
        to_do = "Run testio-mcp setup, which moves it to a safer place."
        yield Found(one.area, Verdict.WARNING, said, to_do)


def _judged_start(one: Configured, started: Started) -> Found:
    said = f"{one.place} starts {started.name} {started.version} in {started.seconds:.1f} s"
    if started.version != version("testio-mcp"):
        to_do = "It is another installation. Run testio-mcp setup, which connects this one."
        return Found(one.area, Verdict.WARNING, said, to_do)
    if not Path(one.entry.command).is_absolute():
        to_do = f"The client may not find {one.entry.command}, as it knows fewer folders. {SETUP}"
        return Found(one.area, Verdict.WARNING, said, to_do)
    return Found(one.area, Verdict.OK, said)
