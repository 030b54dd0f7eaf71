"""Who goes first, and that nobody waits for ever."""

import asyncio

import pytest

from testio_mcp.domain import turns
from testio_mcp.domain.turns import Turns


@pytest.fixture
def endless(monkeypatch):
    """Whoever gives way would wait longer than any test."""
    monkeypatch.setattr(turns, "LONGEST_WAIT", 3600)


async def soon(task):
    """Whether it ends although nothing else does."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_where_nobody_reads_nobody_waits(endless):
    await Turns().give_way()


async def test_whoever_works_waits_until_the_last_reader_is_through(endless):
    waiting = Turns()
    waiting.begin()
    waiting.begin()
    task = asyncio.create_task(waiting.give_way())
    assert not await soon(task)
    waiting.end()
    assert not await soon(task)
    waiting.end()
    assert await soon(task)


async def test_after_a_wait_some_work_is_done_before_the_next(endless, monkeypatch):
    monkeypatch.setattr(turns, "WORK_PER_WAIT", 1_000_000)
    waiting = Turns()
    waiting.begin()
    task = asyncio.create_task(waiting.give_way())
    await soon(task)
    waiting.end()
    await task
    waiting.begin()
    await waiting.give_way()


async def test_a_reader_that_never_ends_stops_nobody():
    waiting = Turns()
    waiting.begin()
    await waiting.give_way()


async def test_a_work_that_others_wait_for_waits_so_long_in_all(monkeypatch):
    monkeypatch.setattr(turns, "WORK_PER_WAIT", 0)
    people = Turns()
    people.begin()
    work = people.within(0.01)
    await work.give_way()
    assert await soon(asyncio.create_task(work.give_way()))
