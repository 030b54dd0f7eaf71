"""Bounds the requests in flight: user-facing ones first, and slots that only they may use."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Limiter:
    """First come, first served among equals; a pause holds everyone back.

    `slots` (≥ 1) are all there are, `reserved` of them are kept for user-facing requests. One slot
    at least is left for the others, or a sync would never end.
    """

    def __init__(self, slots: int, reserved: int = 0) -> None:
        self._slots = slots
        self._background_slots = max(1, slots - reserved)
        self._user_facing = 0
        self._background = 0
        self._waiting_user_facing: deque[asyncio.Future[None]] = deque()
        self._waiting_background: deque[asyncio.Future[None]] = deque()
        self._resume: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        return self._user_facing + self._background

    @asynccontextmanager
    async def slot(self, *, user_facing: bool) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the block, whatever ends the wait or the block."""
        waiting = self._waiting_user_facing if user_facing else self._waiting_background
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        self._grant()
        try:
            await turn
            yield
        finally:
            # A wait may be cancelled in the very step in which its slot is granted.
            if turn.done() and not turn.cancelled():
                self._release(user_facing)
            turn.cancel()

    def pause(self, seconds: float) -> None:
        """Grant no slot for so long, unless a longer pause is on already."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self._resume:
            if self._resume.when() >= until:
                return
            self._resume.cancel()
        self._resume = loop.call_at(until, self._end_pause)

    def _end_pause(self) -> None:
        self._resume = None
        self._grant()

    def _release(self, user_facing: bool) -> None:
        if user_facing:
            self._user_facing -= 1
        else:
            self._background -= 1
        self._grant()

    def _grant(self) -> None:
        if self._resume:
            return
        while self.in_flight < self._slots and (turn := _next(self._waiting_user_facing)):
            self._user_facing += 1
            turn.set_result(None)
        while self._has_room_for_background() and (turn := _next(self._waiting_background)):
            self._background += 1
            turn.set_result(None)

    def _has_room_for_background(self) -> bool:
        return self.in_flight < self._slots and self._background < self._background_slots


def _next(waiting: deque[asyncio.Future[None]]) -> asyncio.Future[None] | None:
    """The first that still waits: a cancelled one stays in the queue until it is its turn."""
    while waiting:
        turn = waiting.popleft()
        if not turn.done():
            return turn
    return None
