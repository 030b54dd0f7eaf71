"""Work that outlives the call it was started by, and ends with the app."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

import anyio

# Starts work and does not wait for it.
type Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


class Background:
    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], anyio.CancelScope] = {}
        self._context = copy_context()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        scope = anyio.CancelScope()

        async def cancellable() -> None:
            with scope:
                await work()

        # In its caller's context it would keep alive what the call was given.
        task = asyncio.create_task(cancellable(), context=self._context.copy())
        self._tasks[task] = scope
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def close(self) -> None:
        """Cancel what still works; a write that has begun is finished first."""
        # A task's own cancel() would not stop at the shield around a write.
        for scope in self._tasks.values():
            scope.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
