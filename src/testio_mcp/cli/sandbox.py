"""Serve an imitation TestIO API with invented data over HTTP, on this machine only.

The same scale, seed and hour give the same data.
"""

import argparse
import os
import sys

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.errors import TestIOMcpError
from testio_mcp.sandbox import Sandbox, Scale
from testio_mcp.sandbox import run as serve

_HOW_TO_USE = (
    "Serving until Ctrl-C. Set both in another terminal, and TESTIO_HOME to a new folder: "
    'export NAME=VALUE, in PowerShell $env:NAME = "VALUE".'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=int,
        default=8765,
        help="port to listen on; 0 takes any (default: %(default)s)",
    )
    parser.add_argument(
        "--scale",
        choices=[scale.value for scale in Scale],
        default="small",
        help="how much data (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="which data (default: %(default)s)")
    parser.add_argument(
        "--latency-ms",
        type=float,
        default=0,
        metavar="MS",
        help="wait before each answer (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    sandbox = Sandbox(Scale(options.scale), options.seed, latency=options.latency_ms / 1000)

    def on_ready(url: str) -> None:
        print(f"TESTIO_CUSTOMER_API_BASE_URL={url}", flush=True)
        print(f"TESTIO_CUSTOMER_API_TOKEN={sandbox.token}", flush=True)
        print(_HOW_TO_USE, file=sys.stderr, flush=True)

    try:
        serve(sandbox, port=options.port, on_ready=on_ready)
    except OSError as error:
        raise TestIOMcpError(
            f"The sandbox cannot listen on port {options.port}: {os.strerror(error.errno or 0)}.",
            hint="Choose another one with --port; 0 takes any that is free.",
        ) from error
    return ExitCode.OK
