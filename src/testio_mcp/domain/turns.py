"""Who goes first where people and the sync want the same processor."""

import asyncio
from time import monotonic

import anyio

# A sync waits at most so long at once, in seconds, and then works for a part of that undisturbed.
LONGEST_WAIT = 0.1
WORK_PER_WAIT = 0.25


class Turns:
    """People go first, but who asks without a pause does not stop a sync."""

    def __init__(self) -> None:
        self._people = 0
        self._nobody = asyncio.Event()
        self._works_until = 0.0

    def begin(self) -> None:
        """Somebody waits for what they read."""
        self._people += 1
        self._nobody.clear()

    def end(self) -> None:
        self._people -= 1
        if not self._people:
            self._nobody.set()

    async def give_way(self, at_most: float | None = None) -> float:
        """Let whoever reads finish, and others have their turn; returns the seconds it took."""
        await asyncio.sleep(0)
        began = monotonic()
        longest = LONGEST_WAIT if at_most is None else at_most
        if not self._people or began < self._works_until or longest <= 0:
            return 0.0
        with anyio.move_on_after(longest):
            await self._nobody.wait()
        waited = monotonic() - began
        self._works_until = began + waited * (1 + WORK_PER_WAIT)
        return waited

    def within(self, seconds: float) -> "TurnsWithin":
        """The same turns, for a work that others wait for: so long in all."""
        return TurnsWithin(self, seconds)


class TurnsWithin:
    def __init__(self, turns: Turns, seconds: float) -> None:
        self._turns = turns
        self._left = seconds

    async def give_way(self) -> None:
        self._left -= await self._turns.give_way(self._left)
