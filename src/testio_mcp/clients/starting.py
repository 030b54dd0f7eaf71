"""Starts what a client's entry names, as the client would, and speaks JSON-RPC to it."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil

from testio_mcp.clients.entries import Entry
from testio_mcp.errors import TestIOMcpError

PROTOCOL = "2025-06-18"
# Clients that start a program give it these of their own variables, and no others.
INHERITED = (
    *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    *("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PROCESSOR_ARCHITECTURE"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"),
)
ENDS_WITHIN = 3  # seconds
# Longer than any answer to the first request.
LINE_LIMIT = 1_000_000
SAID = 200


@dataclass(frozen=True)
class Started:
    name: str
    version: str
    seconds: float


class NotStarted(TestIOMcpError):
    """The program did not start, or did not answer as an MCP server does."""


async def start(
    entry: Entry, environment: Mapping[str, str], *, within: float, secrets: set[str]
) -> Started:
    """How the server calls itself; it is ended at once, before it does anything else.

    `within` is in seconds. Raises NotStarted, whose text holds none of the `secrets`.
    """
    inherited = {name: value for name, value in environment.items() if name.upper() in INHERITED}
    began = monotonic()
    try:
        process = await asyncio.create_subprocess_exec(
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
    try:
        async with asyncio.timeout(within):
            answer = await _initialized(process)
    except TimeoutError as error:
        raise NotStarted(f"It did not answer within {within:g} s.") from error
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
    seconds = monotonic() - began
    return Started(str(server.get("name")), str(server.get("version")), seconds)


async def _initialized(process: Process) -> dict[str, Any] | None:
    """The result of the first request; None when the program ends before."""
    assert process.stdin
    assert process.stdout
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": {"name": "testio-mcp doctor", "version": version("testio-mcp")},
        },
    }
    process.stdin.write(f"{json.dumps(request)}\n".encode())
    # A program that ends at once has closed its end; what it says of that is read below.
    while line := await process.stdout.readline():
        result = _result(json.loads(line))
        if result is not None:
            return result
    return None


def _result(message: Any) -> dict[str, Any] | None:
    """Of the answer; None for a message that is no answer. Raises ValueError for a refusal."""
    if not isinstance(message, dict):
        raise ValueError("no message of JSON-RPC")
    if message.get("id") != 1:
        return None
    if not isinstance(result := message.get("result"), dict):
        raise ValueError("a refusal")
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


def _why(process: Process, said: str, secrets: set[str]) -> str:
    for secret in filter(None, secrets):
        said = said.replace(secret, "***")
    last = f" Its last words: {said[:SAID]}" if said else ""
    return f"It ended with code {process.returncode} before it answered.{last}"
