"""Commands run in this process: what they printed, and how they ended."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def parsed(self) -> Any:
        return json.loads(self.out)


def say_one_line(done: Done) -> bool:
    return done.out == "" and done.err.count("\n") == 1 and done.err.startswith("testio-mcp: ")
