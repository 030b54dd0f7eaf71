"""Chance that is the same for the same integers, on every machine and in every process."""

from collections.abc import Sequence
from enum import IntEnum
from random import Random

_MASK = (1 << 64) - 1


class Purpose(IntEnum):
    """Keeps the draws for one purpose apart from those for another."""

    PRODUCT = 1
    SCHEDULE = 2
    TEST = 3
    BUGS = 4
    NEW_BUG = 5
    ROUND = 6


def chance(*parts: int) -> Random:
    """A generator for the entity that these integers name."""
    mixed = 0x9E3779B97F4A7C15
    for part in parts:
        mixed = ((mixed ^ part) * 0xBF58476D1CE4E5B9) & _MASK
        mixed ^= mixed >> 29
    return Random(mixed)


def one_of[T](options: Sequence[T], rng: Random) -> T:
    """As `rng.choice`, at a third of its cost: a page of bugs draws thousands of times."""
    return options[int(rng.random() * len(options))]


def happens(share: float, rng: Random) -> bool:
    return rng.random() < share


def falls_on(number: int, turn: int, of: int) -> bool:
    """Without chance: one number in `of`."""
    return number % of == turn
