"""How long a sync takes, from the start of the command to its end.

    uv run python benchmarks/sync.py [--scale medium] [--latency-ms 0 200]

The sandbox runs in a process of its own, on the same machine. The ideal is the time that the
requests alone would take at the given latency, ten at a time.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import CONSOLE, control, environment, sandbox
from rich.table import Table

IN_FLIGHT = 10


@dataclass(frozen=True)
class Measured:
    name: str
    seconds: float
    requests: int
    in_flight: int
    rows: int
    ideal: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="medium")
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0, 200])
    options = parser.parse_args()
    table = Table("sync", "time", "ideal", "requests", "in flight", "rows/s", "peak memory")
    for latency in options.latency_ms:
        for run in _runs(options.scale, latency):
            table.add_row(
                run.name,
                f"{run.seconds:.2f} s",
                f"{run.ideal:.2f} s",
                str(run.requests),
                str(run.in_flight),
                f"{run.rows / run.seconds:,.0f}",
                f"{run.megabytes:.0f} MB",
            )
    CONSOLE.print(table)


def _runs(scale: str, latency: float) -> Iterator[Measured]:
    with sandbox(scale, latency) as url, tempfile.TemporaryDirectory() as home:
        for name in ("first", "second, nothing changed"):
            yield _sync(f"{scale}, {latency:g} ms: {name}", url, Path(home), latency)


def _sync(name: str, url: str, home: Path, latency: float) -> Measured:
    asked_for = control(url, "requests")
    urllib.request.urlopen(urllib.request.Request(asked_for, method="DELETE")).read()
    command = [sys.executable, "-m", "testio_mcp", "sync", "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment(home, url), capture_output=True, check=True)
    seconds = time.perf_counter() - began
    asked = json.loads(urllib.request.urlopen(control(url, "")).read())
    counts = json.loads(done.stdout)["sync"]["counts"]
    rows = sum(sum(outcomes.values()) for outcomes in counts.values())
    return Measured(
        name=name,
        seconds=seconds,
        requests=asked["request_count"],
        in_flight=asked["max_in_flight"],
        rows=rows,
        ideal=asked["request_count"] / IN_FLIGHT * latency / 1000,
        megabytes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    main()
