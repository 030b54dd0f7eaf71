"""What stands in a client's configuration for our server: how it is started, and as what."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from shutil import which
from typing import Any

from testio_mcp.origins import without_password
from testio_mcp.settings import DEFAULT_HOME, PREFIX

NAME = "testio"
PROGRAM = "testio-mcp"
MODULE = "testio_mcp"
# Where uv unpacks what it runs without installing it; it may tidy up there at any time.
_UNPACKED = ("archive-v", "environments-v", "builds-v")
# What decides whether TestIO can be reached, and what clients do not hand on by themselves.
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_NETWORK = (*_PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR")
_HOME, _CUSTOMER, _ENV_FILE = f"{PREFIX}HOME", f"{PREFIX}CUSTOMER_ID", "--env-file"


@dataclass(frozen=True)
class Entry:
    """A program, its arguments, and variables of the environment, none of them secret."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def form(self) -> dict[str, Any]:
        return {"command": self.command, "args": [*self.args], "env": dict(self.env)}


def own_entry(
    interpreter: Path, environment: Mapping[str, str], settings: Mapping[str, str], *args: str
) -> Entry:
    """Starts the server that this program is a part of, with these settings."""
    network, withheld = network_of(environment), withheld_from(environment)
    handed_on = {name: value for name, value in network.items() if name not in withheld}
    command, *first = _command(interpreter, environment)
    return Entry(command, (*first, "serve", *args), {**handed_on, **settings})


def network_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the environment decides how TestIO is reached."""
    return {
        name: value for name, value in environment.items() if value and name.upper() in _NETWORK
    }


def withheld_from(environment: Mapping[str, str]) -> list[str]:
    """The addresses of proxies with a name and a password in them: they stay where they are."""
    return [name for name, value in network_of(environment).items() if "@" in value]


def entry_of(form: Any) -> Entry | None:
    """What a client would start; None for what is no program, such as an address."""
    if not isinstance(form, dict) or not isinstance(form.get("command"), str):
        return None
    args, env = form.get("args") or [], form.get("env") or {}
    if not isinstance(args, list) or not isinstance(env, dict):
        return None
    variables = {str(name): str(value) for name, value in env.items()}
    return Entry(form["command"], tuple(map(str, args)), variables)


def is_ours(name: str, form: Any) -> bool:
    """Whether it is named as setup names it, or starts this program whatever its name."""
    entry = entry_of(form)
    if name == NAME or entry is None:
        return name == NAME
    return _stem(entry.command) == PROGRAM or not {PROGRAM, MODULE}.isdisjoint(entry.args)


def another(before: Any, entry: Entry, customer_id: int) -> str | None:
    """What an entry of our name is, in words, where it is not the one that `entry` continues."""
    if before is None:
        return None
    if (there := entry_of(before)) is None:
        address = address_of(before)
        return f"leads to a server at {address}" if address else "starts no program"
    homes = [os.path.expanduser(one.env.get(_HOME) or DEFAULT_HOME) for one in (there, entry)]
    if homes[0] != homes[1]:
        return f"keeps its files in {homes[0]}"
    customer = there.env.get(_CUSTOMER, "").strip()
    if customer and customer != str(customer_id):
        return f"is of customer {customer}"
    if (file := _env_file(there)) != _env_file(entry):
        return f"reads its settings from {file}" if file else "reads no settings from a file"
    return None


def address_of(form: Any) -> str | None:
    """Of an entry that is a server elsewhere, without what may be secret in it."""
    url = form.get("url") if isinstance(form, dict) else None
    if not isinstance(url, str):
        return None
    return without_password(url.partition("?")[0])


def merged(before: Any, entry: Entry, secret: str) -> dict[str, Any]:
    """The entry over what somebody wrote there before, which keeps its settings but no secret."""
    if entry_of(before) is None:
        return entry.form()
    return {**before, **entry.form(), "env": {**_written_before(before, secret), **entry.env}}


def kept_from(before: Any, entry: Entry, secret: str) -> list[str]:
    """The variables that were written there before, and stay."""
    if entry_of(before) is None:
        return []
    return [name for name in _written_before(before, secret) if name not in entry.env]


def _written_before(before: Any, secret: str) -> dict[str, Any]:
    return {name: value for name, value in (before.get("env") or {}).items() if name != secret}


def _env_file(entry: Entry) -> str | None:
    """The file of settings that it names."""
    for argument, following in pairwise((*entry.args, "")):
        name, _, value = argument.partition("=")
        if name == _ENV_FILE:
            return os.path.expanduser(value or following)
    return None


def holds(form: Any, variable: str) -> bool:
    """Whether the variable is set there."""
    entry = entry_of(form)
    return bool(entry and entry.env.get(variable))


def document(entry: Entry) -> dict[str, Any]:
    """A whole configuration with this entry alone."""
    return {"mcpServers": {NAME: entry.form()}}


def snippet(entry: Entry) -> str:
    """What to paste into a configuration that is empty."""
    return json.dumps(document(entry), indent=2, ensure_ascii=False)


def _command(interpreter: Path, environment: Mapping[str, str]) -> list[str]:
    if any(part.startswith(_UNPACKED) for part in interpreter.parts):
        uv = environment.get("UV") or which("uv", path=environment.get("PATH")) or "uv"
        return [uv, "tool", "run", "--from", _origin(), PROGRAM]
    folder = interpreter.parent
    for script in (folder / PROGRAM, folder / f"{PROGRAM}.exe"):
        if script.is_file() and os.access(script, os.X_OK):
            return [str(script)]
    return [str(interpreter), "-m", MODULE]


def _origin() -> str:
    """Where the installer got this program from."""
    origin = json.loads(distribution(PROGRAM).read_text("direct_url.json") or "{}")
    if "url" not in origin:
        return PROGRAM
    version = origin.get("vcs_info") or {}
    if not version:
        return f"{PROGRAM} @ {origin['url']}"
    return f"{PROGRAM} @ {version['vcs']}+{origin['url']}@{version['commit_id']}"


def _stem(command: str) -> str:
    path: PurePath = PureWindowsPath(command) if "\\" in command else PurePosixPath(command)
    return path.name.lower().removesuffix(".exe")
