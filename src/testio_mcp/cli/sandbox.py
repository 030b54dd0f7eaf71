"""Serve an imitation TestIO API with invented data over HTTP, on this machine only.

The same scale, seed and hour give the same data.
"""

import argparse

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.sandbox import Sandbox, Scale
from testio_mcp.sandbox import run as serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8765, help="port to listen on; 0 takes any")
    parser.add_argument(
        "--scale", choices=[scale.value for scale in Scale], default="small", help="how much data"
    )
    parser.add_argument("--seed", type=int, default=1, help="which data")
    parser.add_argument(
        "--latency-ms", type=float, default=0, metavar="MS", help="wait before each answer"
    )


def run(options: argparse.Namespace) -> int:
    sandbox = Sandbox(Scale(options.scale), options.seed, latency=options.latency_ms / 1000)

    def on_ready(url: str) -> None:
        print(f"TESTIO_CUSTOMER_API_BASE_URL={url}", flush=True)
        print(f"TESTIO_CUSTOMER_API_TOKEN={sandbox.token}", flush=True)

    serve(sandbox, port=options.port, on_ready=on_ready)
    return ExitCode.OK
