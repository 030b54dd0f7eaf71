"""The clients found here, and whether what they would start would work."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from testio_mcp.api.probe import answers_health
from testio_mcp.clients.entries import (
    NAME,
    Entry,
    address_of,
    entry_of,
    is_ours,
    network_of,
    withheld_from,
)
from testio_mcp.clients.extensions import extensions
from testio_mcp.clients.files import of_projects, servers
from testio_mcp.clients.locations import ClientName, Location, locations
from testio_mcp.clients.starting import Diagnosis, NotStarted, Started, start
from testio_mcp.credentials import VARIABLE
from testio_mcp.database.migrations import DatabaseDamaged, current_revision
from testio_mcp.domain.findings import Verdict
from testio_mcp.errors import ConfigurationError, DatabaseError
from testio_mcp.origins import ENVIRONMENT
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import shown

# Seconds; a server waits for the keyring and for TestIO before it answers.
PATIENCE, GLANCE = 30, 3
CONNECT = "Run testio-mcp setup to connect it."
RESTART = "then start the client again"
# A server that is only looked at must not begin to sync.
QUIET = {"TESTIO_REFRESH_INTERVAL_SECONDS": "0"}


@dataclass(frozen=True)
class Configured:
    """What stands in a client's file under a name, for all folders or for one project's."""

    location: Location
    name: str
    form: Any
    project: str | None = None

    @property
    def area(self) -> str:
        return self.location.title

    @property
    def place(self) -> str:
        of_project = f" of the project {self.project}" if self.project else ""
        return f"{self.name!r}{of_project} in {shown(self.location.file)}"

    @property
    def mend(self) -> str:
        """Setup writes one entry, and leaves all others as they are."""
        if self.name == NAME and self.project is None:
            return "Run testio-mcp setup, which writes it anew."
        return (
            f"Change or remove {self.place} by hand: testio-mcp setup --print shows what belongs "
            "there."
        )


def check(case: Case) -> Iterator[Found]:
    found = [place for place in locations(case.computer) if place.is_found]
    if not found:
        said = "Claude Desktop, Claude Code and Cursor were not found."
        to_do = "testio-mcp setup --print shows what belongs into the configuration of a client."
        yield Found("clients", Verdict.WARNING, said, to_do)
    startable: list[tuple[Configured, Entry]] = []
    for place in found:
        try:
            ours = list(_ours(place))
        except ConfigurationError as error:
            yield Found(place.title, Verdict.PROBLEM, error.message, error.hint)
            continue
        installed = list(_installed(place, is_also_written=bool(ours)))
        yield from installed
        if not ours and not installed:
            said = f"not connected ({shown(place.file)})"
            yield Found(place.title, Verdict.OK, said, CONNECT)
        for one in ours:
            if entry := entry_of(one.form):
                startable.append((one, entry))
            else:
                yield _elsewhere(case, one)
    outcomes = asyncio.run(_started(case, [entry for _, entry in startable]))
    for (one, entry), outcome in zip(startable, outcomes, strict=True):
        yield from _judged(case, one, entry, outcome)


def _ours(place: Location) -> Iterator[Configured]:
    """What of a configuration is ours; nobody else's program is ever started."""
    everywhere = {None: servers(place.file)}
    projects = of_projects(place.file) if place.client is ClientName.CLAUDE_CODE else {}
    for project, named in (everywhere | projects).items():
        for name, form in named.items():
            if is_ours(name, form):
                yield Configured(place, name, form, project)


def _installed(place: Location, *, is_also_written: bool) -> Iterator[Found]:
    for extension in extensions(place):
        said = f"testio-mcp {extension.version} is installed as an extension"
        if is_also_written:
            to_do = (
                "It is connected twice. Remove the extension in Claude Desktop (Settings, "
                "Extensions), or the entry with testio-mcp setup --remove."
            )
            twice = f"{said}, and stands in {shown(place.file)} too."
            yield Found(f"{place.title}, extension", Verdict.WARNING, twice, to_do)
        else:
            settings = "its token and settings are in Claude Desktop (Settings, Extensions)"
            yield Found(f"{place.title}, extension", Verdict.OK, f"{said}; {settings}")


def _elsewhere(case: Case, one: Configured) -> Found:
    """An entry that starts nothing here: a server that somebody else has started, or nonsense."""
    address = address_of(one.form)
    if address is None:
        said = f"{one.place} starts no program and names no address."
        return Found(one.area, Verdict.PROBLEM, said, one.mend)
    said = f"{one.place} leads to a server at {address}"
    if case.loaded.settings.offline:
        return Found(one.area, Verdict.OK, f"{said}, which was not asked: offline")
    if asyncio.run(answers_health(address, within=GLANCE)):
        return Found(one.area, Verdict.OK, f"{said}, which answers")
    to_do = "Start it there (testio-mcp serve --transport http), or ask who runs it."
    return Found(one.area, Verdict.WARNING, f"{said}, which does not answer.", to_do)


async def _started(case: Case, entries: Iterable[Entry]) -> list[Started | NotStarted]:
    # A server that opens a damaged cache moves it aside, which is not ours to decide here.
    is_diagnosed = not _is_damaged(case.path)

    async def outcome(entry: Entry) -> Started | NotStarted:
        try:
            return await start(
                replace(entry, env={**entry.env, **QUIET}),
                case.computer.environment,
                within=PATIENCE,
                secrets={*case.loaded.secrets, entry.env.get(VARIABLE, "")},
                is_diagnosed=is_diagnosed,
            )
        except NotStarted as error:
            return error

    # One after the other: two that start at once may both be late.
    return [await outcome(entry) for entry in entries]


def _is_damaged(path: Path) -> bool:
    try:
        current_revision(path)
    except DatabaseDamaged:
        return True
    except DatabaseError:
        # The server says so itself.
        return False
    return False


def _judged(
    case: Case, one: Configured, entry: Entry, outcome: Started | NotStarted
) -> Iterator[Found]:
    if isinstance(outcome, NotStarted):
        to_do = outcome.hint or one.mend
        yield Found(one.area, Verdict.PROBLEM, f"{one.place}: {outcome.message}", to_do)
    else:
        yield _judged_start(one, entry, outcome)
        if outcome.diagnosis:
            yield from _diagnosed(case, one, entry, outcome.diagnosis)
    if entry.env.get(VARIABLE):
        said = f"{one.place} holds the token for everybody to read who may read the file."
        to_do = f"{one.mend} Setup keeps the token in a safer place."
        yield Found(f"{one.area}, token", Verdict.WARNING, said, to_do)


def _judged_start(one: Configured, entry: Entry, started: Started) -> Found:
    said = f"{one.place} starts {started.name} {started.version} in {started.seconds:.1f} s"
    if started.version != version("testio-mcp"):
        to_do = f"It is another installation than this one. {one.mend}"
        return Found(one.area, Verdict.WARNING, said, to_do)
    if started.diagnosis is None:
        unsaid = f"{said}, but it does not say whether it works."
        return Found(one.area, Verdict.PROBLEM, unsaid, one.mend)
    if not Path(entry.command).is_absolute():
        to_do = f"The client may not find {entry.command}: it knows fewer folders. {one.mend}"
        return Found(one.area, Verdict.WARNING, said, to_do)
    return Found(one.area, Verdict.OK, said)


def _diagnosed(case: Case, one: Configured, entry: Entry, diagnosis: Diagnosis) -> Iterator[Found]:
    """What the server says of itself, started as the client starts it."""
    for sentence in diagnosis.problems:
        said = f"{one.place} starts, but: {sentence}"
        to_do = _to_do(case, one, entry, sentence)
        yield Found(f"{one.area}, answers", Verdict.PROBLEM, said, to_do)
    # What files say was told of the settings.
    for sentence in diagnosis.warnings:
        if sentence not in case.loaded.warnings:
            said = f"{one.place}: {sentence}"
            to_do = _to_do(case, one, entry, sentence)
            yield Found(f"{one.area}, settings", Verdict.WARNING, said, to_do)
    here, there = case.computer.environment, {name.upper() for name in entry.env}
    lacking = [name for name in network_of(here) if name.upper() not in there]
    if lacking and not diagnosis.is_reachable:
        said = f"{', '.join(lacking)}: set in this terminal, but not in {one.place}."
        to_do = f"{one.mend} Setup hands on what is set in the terminal."
        if by_hand := [name for name in lacking if name in withheld_from(here)]:
            to_do = f"Add {', '.join(by_hand)} to its env by hand; the password can be read there."
        yield Found(f"{one.area}, network", Verdict.WARNING, said, to_do)


def _to_do(case: Case, one: Configured, entry: Entry, sentence: str) -> str:
    named = [name for name in entry.env if name in sentence]
    if named:
        return f"Change or remove {', '.join(named)} in the env of {one.place}, {RESTART}."
    if VARIABLE in sentence and case.sources.get("customer_api_token") == ENVIRONMENT:
        return (
            "The token is set in this terminal only, which the client does not see: "
            f"testio-mcp setup keeps it for all, {RESTART}."
        )
    return f"Do as it says, {RESTART}."
