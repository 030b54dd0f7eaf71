"""What a connection was asked before, for as long as nobody has written since."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence, Set
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

    def __contains__(self, question: Hashable) -> bool:
        return question in self._answers

    def recall(self, question: Hashable) -> Any:
        """What was answered to a question that is in it."""
        answer, _ = self._answers[question]
        self._answers.move_to_end(question)
        return answer

    def keep(self, question: Hashable, answer: Any, rows: int) -> None:
        """Unless it is too long; `rows` is how many were read for it."""
        if rows > ROWS:
            return
        _, before = self._answers.get(question, (None, 0))
        self._answers[question] = answer, rows
        self._rows += rows - before
        while len(self._answers) > ANSWERS or self._rows > ROWS:
            _, (_, forgotten) = self._answers.popitem(last=False)
            self._rows -= forgotten


def as_question(value: Any) -> Hashable:
    """As a part of a question: what is in a collection."""
    match value:
        case str():
            return value
        case Mapping():
            return tuple((key, as_question(item)) for key, item in value.items())
        case Set():
            return frozenset(value)
        case Sequence():
            return tuple(map(as_question, value))
    hashable: Hashable = value
    return hashable
