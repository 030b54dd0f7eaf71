"""Measures everything anew and writes it into docs/architecture/PERFORMANCE.md.

    uv run python benchmarks/all.py [answers soak ...]

The page names the programs: under each comment `<!-- benchmarks/name.py --options -->` stands what
that command printed, after a line that says when and on how fast a machine. With names, only those.
Leave the machine alone meanwhile. Ends with 1 if a program failed; its figures stay as they were.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture" / "PERFORMANCE.md"
PLACE = re.compile(
    r"(<!-- (benchmarks/(\w+)\.py[^\n]*) -->\n\n```text\n)(?:[^`].*?\n)?(```\n)", re.DOTALL
)
ADDITIONS = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of the programs to run; all unless given")
    names = parser.parse_args().names
    known = [place[3] for place in PLACE.finditer(PAGE.read_text())]
    if unknown := set(names) - set(known):
        parser.error(f"no such program: {', '.join(unknown)}; there are {', '.join(known)}")
    failed = [command for command in _commands(names or known) if not _measured(command)]
    sys.exit(f"Failed: {', '.join(failed)}" if failed else 0)


def _commands(names: list[str]) -> list[str]:
    return [place[2] for place in PLACE.finditer(PAGE.read_text()) if place[3] in names]


def _measured(command: str) -> bool:
    print(command, flush=True)
    speed = _speed()
    arguments = [sys.executable, *shlex.split(command)]
    done = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, flush=True)
    if done.returncode == 0:
        said = "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())
        machine = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, {speed}"
        page = PLACE.sub(
            lambda place: (
                f"{place[1]}{machine}\n\n{said}\n{place[4]}" if place[2] == command else place[0]
            ),
            PAGE.read_text(),
        )
        PAGE.write_text(page)
    return done.returncode == 0


def _speed() -> str:
    began = time.perf_counter()
    for _ in range(ADDITIONS):
        pass
    return f"a loop of {ADDITIONS:,} steps in {time.perf_counter() - began:.2f} s"


if __name__ == "__main__":
    main()
