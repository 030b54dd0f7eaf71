"""How long a sync takes, from the start of the command to its end.

    uv run python benchmarks/sync.py [--scale medium] [--latency-ms 0 200]

The sandbox runs in a process of its own, on the same machine. The ideal is the time that the
requests alone would take at the given latency, ten at a time.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
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
    Console().print(table)


def _runs(scale: str, latency: float) -> Iterator[Measured]:
    with sandbox(scale, latency) as url, tempfile.TemporaryDirectory() as home:
        for name in ("first", "second, nothing changed"):
            yield _sync(f"{scale}, {latency:g} ms: {name}", url, Path(home), latency)


def _sync(name: str, url: str, home: Path, latency: float) -> Measured:
    control = url.replace("/customer/v2", "/_control/requests")
    urllib.request.urlopen(urllib.request.Request(control, method="DELETE")).read()
    environment = {
        **os.environ,
        "HOME": str(home),
        "TESTIO_CUSTOMER_API_BASE_URL": url,
        "TESTIO_CUSTOMER_API_TOKEN": "sandbox",
    }
    command = [sys.executable, "-m", "testio_mcp", "sync", "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    seconds = time.perf_counter() - began
    overview = control.removesuffix("requests")
    asked = json.loads(urllib.request.urlopen(overview).read())
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


@contextmanager
def sandbox(scale: str, latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "testio_mcp", "sandbox", "--port", "0", "--scale", scale]
    command += ["--latency-ms", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        found = re.search(r"=(http\S+)", said)
        if found is None:
            raise RuntimeError(f"the sandbox said {said!r}")
        try:
            yield found[1]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
