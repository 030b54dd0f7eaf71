"""Where MCP clients keep the configuration that is theirs on this computer."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ClientName(StrEnum):
    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"


TITLES = {
    ClientName.CLAUDE_DESKTOP: "Claude Desktop",
    ClientName.CLAUDE_CODE: "Claude Code",
    ClientName.CURSOR: "Cursor",
}


@dataclass(frozen=True)
class Computer:
    """What decides where things lie; `platform` is Python's name for it."""

    platform: str
    home: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Location:
    client: ClientName
    file: Path
    # Whether the client has ever run here.
    is_found: bool

    @property
    def title(self) -> str:
        return TITLES[self.client]


def locations(computer: Computer) -> list[Location]:
    """All there may be, those of one client together."""
    home, environment = computer.home, computer.environment
    code = Path(environment.get("CLAUDE_CONFIG_DIR") or home)
    cursor = home / ".cursor"
    has_run = (code / ".claude.json").exists() or (home / ".claude").is_dir()
    return [
        *_of_claude_desktop(computer),
        Location(ClientName.CLAUDE_CODE, code / ".claude.json", has_run),
        Location(ClientName.CURSOR, cursor / "mcp.json", cursor.is_dir()),
    ]


def chosen(computer: Computer, names: Iterable[ClientName] = ()) -> list[Location]:
    """Those of these clients, also where they were never run; by default all that are found."""
    there, wanted = locations(computer), set(names)
    found = [place for place in there if place.is_found and place.client in (wanted or ClientName)]
    missing = wanted - {place.client for place in found}
    firsts = {place.client: place for place in reversed(there) if place.client in missing}
    return [place for place in there if place in found or place in firsts.values()]


def _of_claude_desktop(computer: Computer) -> Iterator[Location]:
    for folder, is_found in _folders(computer):
        file = folder / "claude_desktop_config.json"
        yield Location(ClientName.CLAUDE_DESKTOP, file, is_found)


def _folders(computer: Computer) -> Iterator[tuple[Path, bool]]:
    home, environment = computer.home, computer.environment
    if computer.platform == "darwin":
        folder = home / "Library" / "Application Support" / "Claude"
        yield folder, folder.is_dir()
    elif computer.platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "Claude"
        local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        # As a package, which most installers make it, it sees a roaming folder of its own.
        for package in sorted((local / "Packages").glob("Claude_*")):
            yield package / "LocalCache" / "Roaming" / "Claude", True
        yield roaming, roaming.is_dir()
    else:
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "Claude"
        yield folder, folder.is_dir()
