"""A terminal, at which a test is the person: it reads what is shown, and types."""

import json
import sys

from tests.programs import start

# What is written to it is what a person types; it begins with these variables.
TERMINAL = """
import json, os, pty, sys
os.environ.update(json.loads(sys.argv[1]))
sys.exit(pty.spawn(sys.argv[2:]) >> 8)
"""


def converse(environment, arguments, *turns):
    """Type each answer once its question is there; the exit code, and all that was shown."""
    command = (sys.executable, "-m", "testio_mcp", *arguments)
    shown = ""
    with start(TERMINAL, json.dumps(environment), *command) as program:
        for question, answer in turns:
            while question not in shown:
                letter = program.stdout.read(1)
                assert letter, shown
                shown += letter
            program.stdin.write(f"{answer}\n")
            program.stdin.flush()
        shown += program.stdout.read()
    return program.returncode, shown
