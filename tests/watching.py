"""A look at every request before the sandbox answers: to change the world, or to answer first."""

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from urllib.parse import parse_qs

import anyio
from starlette.responses import Response

from testio_mcp.sandbox.gate import PREFIX

LOOK_SECONDS = 0.005


async def until(reached: Callable[[], object]) -> None:
    """Look again and again, and leave the processor to whoever is waited for."""
    never = asyncio.Event()
    while not reached():
        with anyio.move_on_after(LOOK_SECONDS):
            await never.wait()


class Watched:
    """The sandbox's application; `looks` are asked in turn and may give a status to answer with.

    Each is called with the path without its prefix, and the query, whose last value counts.
    """

    def __init__(self, app):
        self.app = app
        self.looks = []

    async def __call__(self, scope, receive, send):
        answer = self.app
        path = scope["path"].removeprefix(PREFIX).lstrip("/")
        query = {
            name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        for look in list(self.looks):
            status = look(path, query)
            if status:
                answer = Response('{"error": "on request"}', status)
                break
        await answer(scope, receive, send)

    @contextmanager
    def once(self, path, change, **query):
        """Call `change` before the first request that fits is answered."""
        called = []

        def look(asked, given):
            if asked == path and not called and query.items() <= given.items():
                called.append(True)
                change()

        self.looks.append(look)
        yield called
        self.looks.remove(look)


def watch_requests(sandbox):
    """Ask for it before the sandbox is served."""
    sandbox.app = watched = Watched(sandbox.app)
    return watched
