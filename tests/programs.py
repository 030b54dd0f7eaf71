"""Python programs that tests start beside themselves: other processes on the same cache."""

import os
import subprocess
import sys

# Without its compiled modules a process takes seconds to start.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
# In seconds. Two are promised, which a busy machine cannot always keep; what would keep a program
# waiting in a test lasts longer than this.
ENDS_WITHIN = 20
# Holds the sync lock until its stdin ends, or until it is killed.
HOLD = """
import sys
from pathlib import Path
from testio_mcp.sync.lock import SyncLock
with SyncLock(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


def start(source: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Run the source with these arguments; what it prints is for the test to read."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(program: subprocess.Popen[str]) -> str:
    """What it printed; fails when the program did."""
    said, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    return said
