"""A page of something, before it has a shape for callers."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Slice[T]:
    """Some of the matches, and how many there are in all."""

    items: Sequence[T]
    total: int


@dataclass(frozen=True)
class Paging:
    """Which page of a list, counted from 1, and in which order (`-name` is descending)."""

    page: int
    page_size: int
    sort: str

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size

    def cut[T](self, items: Sequence[T]) -> Sequence[T]:
        """What is on the page, of all there is."""
        return items[self.offset : self.offset + self.page_size]

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def key(self) -> str:
        return self.sort.removeprefix("-")
