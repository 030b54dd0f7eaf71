"""What a connection was asked before, for as long as nobody has written since."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

# How much is remembered of each connection: answers, and the rows of all of them.
ANSWERS = 512
ROWS = 5_000


class Memory:
    """Answers by their questions; the one that was not wanted for longest is forgotten first.

    What is remembered is given to every caller who asks the same and must not be changed by any.
    """

    def __init__(self) -> None:
        self._version: Any = None
        self._answers: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._rows = 0

    def begin(self, version: Any) -> None:
        """Forget everything unless the file still is what it was, by SQLite's data_version."""
        if version != self._version:
            self._answers.clear()
            self._rows = 0
            self._version = version

    def recall(self, question: Hashable) -> Any:
        """What was answered; raises LookupError where that is not known."""
        answer, _ = self._answers[question]
        self._answers.move_to_end(question)
        return answer

    def keep(self, question: Hashable, answer: Any, rows: int) -> None:
        """`rows` is how many were read for the answer."""
        self._answers[question] = answer, rows
        self._rows += rows
        while len(self._answers) > ANSWERS or self._rows > ROWS:
            _, (_, forgotten) = self._answers.popitem(last=False)
            self._rows -= forgotten


def minute(now: datetime) -> datetime:
    """What happened until now, as a question that is the same for a minute."""
    return now.replace(second=0, microsecond=0)


def as_question(value: Any) -> Hashable:
    """As a part of a question: what is in a collection."""
    match value:
        case str() | bytes():
            return value
        case Mapping():
            return tuple((key, as_question(item)) for key, item in value.items())
        case Set():
            return frozenset(value)
        case Sequence():
            return tuple(map(as_question, value))
    hashable: Hashable = value
    return hashable
