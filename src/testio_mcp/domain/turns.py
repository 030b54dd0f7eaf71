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

    async def give_way(self) -> None:
        """Let whoever reads finish, and others have their turn."""
        await asyncio.sleep(0)
        began = monotonic()
        if not self._people or began < self._works_until:
            return
        with anyio.move_on_after(LONGEST_WAIT):
            await self._nobody.wait()
        now = monotonic()
        self._works_until = now + (now - began) * WORK_PER_WAIT
