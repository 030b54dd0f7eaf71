"""The `testio-mcp` command: its parser, and where errors become exit codes."""

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Collection
from importlib.metadata import version
from io import TextIOWrapper

from testio_mcp.cli.exit_codes import ExitCode, exit_code
from testio_mcp.cli.options import add_global_options
from testio_mcp.errors import TestIOMcpError

# Each is a module here, imported only when asked for: a client waits for `serve` to start.
COMMANDS = {
    "serve": "answer MCP clients, started by one or over HTTP (the default)",
    "sync": "bring the local copy up to date with TestIO",
    "problematic": "show what could not be read, and help to find it",
    "setup": "keep your token, connect your MCP clients, read your data once",
    "report": "write a quality report: Markdown, JSON, HTML, a workbook or CSV",
    "doctor": "examine everything, from settings to clients, and say what to do",
    "demo": "sync invented data, ask five questions, show how to connect a client",
    "sandbox": "serve an imitation TestIO API with invented data",
}
DEFAULT = "serve"
PURPOSE = "Answers about TestIO's crowd tests, from a local copy."


def main(arguments: list[str] | None = None) -> int:
    """Expected errors are a line on stderr and an exit code; anything else is a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        # A code page lacks most characters, and that must not end a command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    chosen = next((word for word in arguments if word in COMMANDS), None)
    if chosen is None and not {"-h", "--help", "--version"} & set(arguments):
        chosen, arguments = DEFAULT, [*arguments, DEFAULT]
    # Nothing that is imported is garbage, and looking for it takes a fifth of the start.
    gc.disable()
    try:
        options = build_parser({chosen or ""}).parse_args(arguments)
        gc.freeze()
        gc.enable()
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except TestIOMcpError as error:
        print(f"testio-mcp: {error}", file=sys.stderr)
        return exit_code(error)
    except BrokenPipeError:
        # Whoever read the output has seen enough; at exit Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except KeyboardInterrupt:
        print("testio-mcp: Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED


def build_parser(complete: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The parser; only the commands named in `complete` know their arguments."""
    parser = argparse.ArgumentParser(prog="testio-mcp", description=PURPOSE)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('testio-mcp')}")
    add_global_options(parser, env_file=None, verbose=False, quiet=False)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        # Also behind the command, where people look for them.
        add_global_options(command)
        if name in complete:
            module = importlib.import_module(f"{__name__}.{name}")
            command.description = module.__doc__
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
