"""Faults on request: what an answer suffers, how often, and for which requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    STATUS = "status"
    RATE_LIMITED = "rate_limited"
    DELAY = "delay"
    TRUNCATED_JSON = "truncated_json"
    HTML_BODY = "html_body"
    DROPPED_CONNECTION = "dropped_connection"
    IGNORE_PAGING = "ignore_paging"
    CAP_PER_PAGE = "cap_per_page"
    SECTIONS_500 = "sections_500"


# These replace the answer; of several that match, the one added first does.
REPLACING = frozenset(
    {FaultKind.STATUS, FaultKind.RATE_LIMITED, FaultKind.HTML_BODY, FaultKind.DROPPED_CONNECTION}
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with requests whose path, without the prefix, fits the pattern `path`.

    `*` fits slashes too. `times` is how many requests suffer, None all of them until the faults
    are cleared. `query` must be part of the request's query. The rest belongs to one kind each:

    - `status`: `status`, and `html` for a body in HTML instead of JSON
    - `rate_limited`: `retry_after` in seconds, None for no such header
    - `delay`: `seconds`; the answer itself is as usual
    - `dropped_connection`: `midway` sends headers and half of the body first
    - `cap_per_page`: `cap`, the most rows that a page may have
    """

    path: str
    kind: FaultKind
    times: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    status: int = 500
    html: bool = False
    retry_after: float | None = 1
    seconds: float = 0
    midway: bool = False
    cap: int = 10

    def __post_init__(self) -> None:
        # Over HTTP it arrives as a word; an unknown one is refused here.
        object.__setattr__(self, "kind", FaultKind(self.kind))
        if self.times is not None and self.times < 1:
            raise ValueError("times is a positive number, or None for always")

    def fits(self, path: str, query: Mapping[str, str]) -> bool:
        return fnmatchcase(path, self.path) and self.query.items() <= dict(query).items()


@dataclass(frozen=True)
class Suffered:
    """The faults that one request meets."""

    faults: tuple[Fault, ...] = ()

    def of(self, kind: FaultKind) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind is kind), None)

    @property
    def replacing(self) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind in REPLACING), None)


class Faults:
    def __init__(self) -> None:
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        self._left.append((fault, fault.times))

    def clear(self) -> None:
        self._left.clear()

    def active(self) -> list[Fault]:
        return [fault for fault, _ in self._left]

    def meet(self, path: str, query: Mapping[str, str]) -> Suffered:
        """The faults of a request; those used up are gone afterwards."""
        met: list[Fault] = []
        left: list[tuple[Fault, int | None]] = []
        for fault, times in self._left:
            # One answer at most can replace the usual one; the others wait for the next request.
            waits = fault.kind in REPLACING and any(one.kind in REPLACING for one in met)
            if waits or not fault.fits(path, query):
                left.append((fault, times))
                continue
            met.append(fault)
            if times is None or times > 1:
                left.append((fault, times and times - 1))
        self._left = left
        return Suffered(tuple(met))
