"""Starts what a client's entry names, as the client would, and asks it how it is."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil

from testio_mcp.clients.entries import Entry
from testio_mcp.domain.text import one_line
from testio_mcp.errors import TestIOMcpError

PROTOCOL = "2025-06-18"
# Clients that start a program give it these of their own variables, and no others.
INHERITED = (
    *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    *("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PROCESSOR_ARCHITECTURE"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"),
)
ENDS_WITHIN = 3  # seconds
# Longer than any answer to what it is asked.
LINE_LIMIT = 1_000_000
SAID, SENTENCE = 200, 500
DIAGNOSTICS = "get_server_diagnostics"


@dataclass(frozen=True)
class Diagnosis:
    """What a server says of itself, in sentences; `is_reachable` is null where it did not ask."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_reachable: bool | None = None


@dataclass(frozen=True)
class Started:
    name: str
    version: str
    seconds: float
    # Null of a server that does not know the question, empty of one that was not asked.
    diagnosis: Diagnosis | None


class NotStarted(TestIOMcpError):
    """The program did not start, or did not answer as an MCP server does."""


class Refused(ValueError):
    """An answer to a request that is no result."""


async def start(
    entry: Entry,
    environment: Mapping[str, str],
    *,
    within: float,
    secrets: Iterable[str],
    is_diagnosed: bool = True,
) -> Started:
    """How the server calls itself, and how it is; then it is ended.

    `within` is in seconds. Raises NotStarted; neither its text nor what is returned holds one of
    the `secrets`.
    """
    began = monotonic()
    process = await _spawned(entry, environment)
    answer: dict[str, Any] | None = None
    diagnosis: Diagnosis | None = Diagnosis()
    seconds = 0.0
    try:
        async with asyncio.timeout(within):
            answer = await _asked(process, 1, "initialize", _introduction())
            seconds = monotonic() - began
            if is_diagnosed:
                diagnosis = await _diagnosed(process, secrets)
    except EOFError:
        answer = None
    except TimeoutError as error:
        before = "It started, but" if answer else "It"
        raise NotStarted(f"{before} did not answer within {within:g} s.") from error
    except (OSError, ValueError) as error:
        raise NotStarted(
            "Something other than MCP came from it.",
            hint="Whatever it prints on its standard output must be JSON-RPC.",
        ) from error
    finally:
        said = await _ended(process)
    if answer is None:
        raise NotStarted(_why(process, said, secrets))
    server = answer.get("serverInfo") or {}
    return Started(str(server.get("name")), str(server.get("version")), seconds, diagnosis)


async def _spawned(entry: Entry, environment: Mapping[str, str]) -> Process:
    inherited = {name: value for name, value in environment.items() if name.upper() in INHERITED}
    try:
        return await asyncio.create_subprocess_exec(
            entry.command,
            *entry.args,
            env={**inherited, **entry.env},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT,
        )
    except (OSError, ValueError) as error:
        raise _not_found(entry, error) from error


def _introduction() -> dict[str, Any]:
    return {
        "protocolVersion": PROTOCOL,
        "capabilities": {},
        "clientInfo": {"name": "testio-mcp doctor", "version": version("testio-mcp")},
    }


async def _diagnosed(process: Process, secrets: Iterable[str]) -> Diagnosis | None:
    """What only shows once settings, token and cache are opened; None of an unknown server."""
    _send(process, {"method": "notifications/initialized"})
    call = {"name": DIAGNOSTICS, "arguments": {}}
    try:
        result = await _asked(process, 2, "tools/call", call)
    except Refused:
        return None
    if result.get("isError"):
        return Diagnosis(problems=(_sentence(result.get("content"), secrets),))
    content = result.get("structuredContent")
    found = content.get("diagnostics") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        return None

    def sentences(name: str) -> tuple[str, ...]:
        listed = found.get(name)
        return tuple(_sentence(text, secrets) for text in listed) if listed else ()

    api = found.get("api")
    is_reachable = api.get("reachable") if isinstance(api, dict) else None
    return Diagnosis(sentences("problems"), sentences("warnings"), is_reachable)


def _sentence(said: Any, secrets: Iterable[str]) -> str:
    if isinstance(said, list):
        said = " ".join(str(part.get("text")) for part in said)
    return one_line(_masked(str(said), secrets), SENTENCE)


async def _asked(
    process: Process, number: int, method: str, params: dict[str, Any]
) -> dict[str, Any]:
    """The result of a request; raises EOFError when the program ends before, or ValueError."""
    assert process.stdout
    _send(process, {"id": number, "method": method, "params": params})
    # A program that ends at once has closed its end; what it says of that is read below.
    while line := await process.stdout.readline():
        result = _result(json.loads(line), number)
        if result is not None:
            return result
    raise EOFError


def _send(process: Process, message: dict[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(f"{json.dumps({'jsonrpc': '2.0', **message})}\n".encode())


def _result(message: Any, number: int) -> dict[str, Any] | None:
    """Of the answer; None for a message that is no answer. Raises ValueError for another thing."""
    if not isinstance(message, dict):
        raise ValueError("no message of JSON-RPC")
    if message.get("id") != number or "method" in message:
        return None
    if not isinstance(result := message.get("result"), dict):
        raise Refused
    return result


async def _ended(process: Process) -> str:
    """The last line of its log, after its end, which the end of its input should bring about."""
    family = _family(process.pid)
    try:
        async with asyncio.timeout(ENDS_WITHIN):
            _, log = await process.communicate()
    except TimeoutError:
        for member in family:
            if member.is_running():
                member.kill()
        _, log = await process.communicate()
    lines = log.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _family(pid: int) -> list[psutil.Process]:
    """The program and what it has started: some only start another."""
    try:
        program = psutil.Process(pid)
        return [*program.children(recursive=True), program]
    except psutil.NoSuchProcess:
        return []


def _not_found(entry: Entry, error: OSError | ValueError) -> NotStarted:
    if isinstance(error, FileNotFoundError):
        return NotStarted(f"There is no program {entry.command}.")
    if isinstance(error, PermissionError):
        return NotStarted(f"The program {entry.command} may not be started.")
    return NotStarted(f"The program {entry.command} cannot be started.")


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text


def _why(process: Process, said: str, secrets: Iterable[str]) -> str:
    last = f" Its last words: {_masked(said, secrets)[:SAID]}" if said else ""
    return f"It ended with code {process.returncode} before it answered.{last}"
