"""Who gets a slot, in which order, and that none is ever lost."""

import asyncio
import random

import pytest

from testio_mcp.api.limiter import Limiter


class Callers:
    """Tasks that take a slot, say so, and keep it until told to go."""

    def __init__(self, limiter):
        self.limiter = limiter
        self.order = []
        self.tasks = {}
        self.leave = {}

    async def _call(self, name, user_facing):
        async with self.limiter.slot(user_facing=user_facing):
            self.order.append(name)
            await self.leave[name].wait()

    async def come(self, *names, user_facing=False):
        for name in names:
            self.leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._call(name, user_facing))
        await settle()

    async def go(self, *names):
        for name in names:
            self.leave[name].set()
        await settle()

    async def cancel(self, name):
        self.tasks[name].cancel()
        await settle()
        assert self.tasks[name].cancelled()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def callers():
    def with_slots(slots, reserved=0):
        return Callers(Limiter(slots, reserved))

    return with_slots


async def test_no_more_than_the_slots_are_in_flight(callers):
    few = callers(2)
    await few.come("a", "b", "c")
    assert few.order == ["a", "b"]
    assert few.limiter.in_flight == 2
    await few.go("a", "b", "c")
    assert few.limiter.in_flight == 0


async def test_equals_are_served_in_the_order_in_which_they_came(callers):
    one = callers(1)
    await one.come("a", "b", "c", "d")
    await one.go("a", "b", "c", "d")
    assert one.order == ["a", "b", "c", "d"]


async def test_user_facing_ones_go_first_and_keep_their_own_order(callers):
    one = callers(1)
    await one.come("a", "b")
    await one.come("x", "y", user_facing=True)
    await one.go("a", "b", "x", "y")
    assert one.order == ["a", "x", "y", "b"]


async def test_reserved_slots_are_for_user_facing_ones_only(callers):
    three = callers(3, reserved=1)
    await three.come("a", "b", "c")
    assert three.order == ["a", "b"]
    await three.come("x", user_facing=True)
    assert three.order == ["a", "b", "x"]
    await three.go("x")
    assert three.order == ["a", "b", "x"]
    await three.go("a")
    assert three.order == ["a", "b", "x", "c"]


async def test_user_facing_ones_may_use_every_slot(callers):
    three = callers(3, reserved=1)
    await three.come("x", "y", "z", user_facing=True)
    await three.come("a")
    assert three.order == ["x", "y", "z"]
    await three.go("x")
    assert three.order == ["x", "y", "z", "a"]


async def test_background_work_keeps_one_slot_whatever_is_reserved(callers):
    one = callers(1, reserved=2)
    await one.come("a")
    assert one.order == ["a"]


async def test_a_cancelled_wait_takes_no_slot(callers):
    one = callers(1)
    await one.come("a", "b", "c")
    await one.cancel("b")
    await one.go("a", "c")
    assert one.order == ["a", "c"]
    assert one.limiter.in_flight == 0


async def test_a_cancelled_holder_frees_its_slot(callers):
    one = callers(1)
    await one.come("a", "b")
    await one.cancel("a")
    assert one.order == ["a", "b"]


async def test_a_slot_granted_in_the_step_of_a_cancellation_is_passed_on(callers):
    one = callers(1)
    async with one.limiter.slot(user_facing=False):
        await one.come("a", "b")
    # The slot is granted to the first, which has not run since.
    await one.cancel("a")
    assert one.order == ["b"]


async def test_an_error_in_the_block_frees_the_slot():
    limiter = Limiter(1)
    with pytest.raises(ZeroDivisionError):
        async with limiter.slot(user_facing=False):
            raise ZeroDivisionError
    assert limiter.in_flight == 0


async def test_nobody_gets_a_slot_during_a_pause(callers):
    two = callers(2)
    began = asyncio.get_running_loop().time()
    two.limiter.pause(0.02)
    await two.come("a")
    await two.come("x", user_facing=True)
    assert two.order == []
    await two.go("a", "x")
    await asyncio.gather(*two.tasks.values())
    assert two.order == ["x", "a"]
    assert asyncio.get_running_loop().time() - began >= 0.02


async def test_the_longest_of_several_pauses_counts(callers):
    one = callers(1)
    began = asyncio.get_running_loop().time()
    for seconds in (0.01, 0.03, 0.02):
        one.limiter.pause(seconds)
    await one.come("a")
    await one.go("a")
    await one.tasks["a"]
    assert asyncio.get_running_loop().time() - began >= 0.03


async def test_no_slot_is_lost_in_a_storm_of_cancellations():
    chance = random.Random(1)
    limiter = Limiter(3, reserved=1)
    peak = 0

    async def call(user_facing):
        nonlocal peak
        async with limiter.slot(user_facing=user_facing):
            peak = max(peak, limiter.in_flight)
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)

    tasks = [asyncio.create_task(call(chance.random() < 0.5)) for _ in range(500)]
    while waiting := [task for task in tasks if not task.done()]:
        chance.choice(waiting).cancel()
        await asyncio.sleep(0)
    assert limiter.in_flight == 0
    assert peak == 3
