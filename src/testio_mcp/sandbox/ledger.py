"""A bounded record of what was asked of the sandbox."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_KEPT = 10_000


class Asked(NamedTuple):
    """`path` without the prefix, `query` as it was sent, still encoded."""

    method: str
    path: str
    query: str


class Ledger:
    def __init__(self) -> None:
        self.requests: deque[Asked] = deque(maxlen=_KEPT)
        self.request_count = 0
        self.max_in_flight = 0
        self._in_flight = 0

    @contextmanager
    def counted(self, asked: Asked) -> Iterator[None]:
        self.requests.append(asked)
        self.request_count += 1
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1

    def reset(self) -> None:
        self.requests.clear()
        self.request_count = 0
        self.max_in_flight = self._in_flight
