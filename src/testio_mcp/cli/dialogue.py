"""Questions to the person at the terminal; standard output stays free for results."""

import getpass
import sys
from dataclasses import dataclass

from testio_mcp.errors import InvalidRequest


@dataclass(frozen=True)
class Dialogue:
    """Where nobody can be asked, every question has the answer that most people would give."""

    is_open: bool

    def agrees(self, question: str, *, usually: bool = True) -> bool:
        if not self.is_open:
            return usually
        print(f"{question} [{'Y/n' if usually else 'y/N'}] ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            # Whoever closes the terminal's input wants to leave.
            raise KeyboardInterrupt
        answer = line.strip().lower()
        return answer in {"y", "yes"} if answer else usually

    def secret(self, question: str) -> str:
        """What is typed without being shown; raises InvalidRequest where nobody can type."""
        if not self.is_open:
            raise InvalidRequest(
                "There is no token yet, and nobody to ask for it.",
                hint="Pass --token-file FILE, or --token-stdin with the token on standard input.",
            )
        try:
            return getpass.getpass(question, stream=sys.stderr)
        except EOFError:
            raise KeyboardInterrupt from None
