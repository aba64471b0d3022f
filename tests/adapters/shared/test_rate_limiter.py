"""One budget a platform: bursts, priorities and pauses, on a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.shared.rate_limiter import RateLimit, RateLimiter
from tests.clock import now, run_fast


async def moments(limiter: RateLimiter, turns: list[tuple[str, bool]]) -> list[float]:
    """When each turn was granted, in seconds, all of them asked for at once."""
    granted = [0.0] * len(turns)

    async def take(index: int, budget: str, urgent: bool) -> None:
        await limiter.turn([budget, "all"], urgent=urgent)
        granted[index] = now()

    await asyncio.gather(*(take(index, *turn) for index, turn in enumerate(turns)))
    return granted


def budgets(rate: float, burst: int) -> Callable[[str], RateLimit]:
    return lambda name: RateLimit(50, 50) if name == "all" else RateLimit(rate, burst)


def granted(turns: list[tuple[str, bool]], rate: float = 1, burst: int = 1) -> list[float]:
    async def ask() -> list[float]:
        return await moments(RateLimiter(budgets(rate, burst)), turns)

    return run_fast(ask())


def test_a_burst_then_the_rate() -> None:
    assert granted([("c", False)] * 4, burst=2) == pytest.approx([0, 0, 1, 2])


def test_channels_do_not_wait_for_each_other() -> None:
    assert granted([("a", False), ("b", False)]) == pytest.approx([0, 0])


def test_first_and_last_texts_go_before_middles() -> None:
    assert granted([("c", False), ("c", False), ("c", True)]) == pytest.approx([0, 2, 1])


def test_the_whole_platform_has_a_budget_too() -> None:
    times = granted([(str(channel), False) for channel in range(100)])
    assert times[49] == pytest.approx(0)
    assert times[99] == pytest.approx(1)


def test_a_pause_is_kept() -> None:
    async def paused() -> list[float]:
        limiter = RateLimiter(budgets(1, 1))
        limiter.pause("c", 7)
        return await moments(limiter, [("c", True)])

    assert run_fast(paused()) == pytest.approx([7])


def test_a_waiter_that_leaves_takes_no_slot() -> None:
    async def leave() -> float:
        limiter = RateLimiter(budgets(1, 1))
        await limiter.turn(["c"])
        leaving = asyncio.create_task(limiter.turn(["c"]))
        staying = asyncio.create_task(limiter.turn(["c"]))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        return now()

    assert run_fast(leave()) == pytest.approx(1)


def test_what_is_spare_is_all_there_and_wanted_by_nobody() -> None:
    async def spare() -> list[bool]:
        limiter = RateLimiter(budgets(1, 3))
        first = [
            limiter.spare(("c", "c")),
            limiter.spare(("c", "c")),
            limiter.spare(("d", "c")),
            limiter.spare(("d", "c")),
        ]
        waiting = asyncio.create_task(limiter.turn(["c", "d"]))
        await asyncio.sleep(0)
        wanted = limiter.spare(("d",))
        await waiting
        return [*first, wanted, limiter.spare(("d",))]

    assert run_fast(spare()) == [True, False, True, False, False, True]


def test_what_begins_goes_before_what_goes_on_and_after_what_ends() -> None:
    async def take() -> list[str]:
        limiter, order = RateLimiter(budgets(1, 1)), list[str]()

        async def turn(name: str, **rank: bool) -> None:
            await limiter.turn(["c"], **rank)
            order.append(name)

        await asyncio.gather(turn("first"), turn("goes on"), turn("begins", begins=True), turn("ends", urgent=True))
        return order

    assert run_fast(take()) == ["first", "ends", "begins", "goes on"]


def test_some_slots_are_kept_for_beginnings_and_ends() -> None:
    async def take() -> list[float]:
        limiter, times = RateLimiter(lambda name: RateLimit(1, 3, 2)), list[float]()
        for rank in ({}, {"begins": True}, {"urgent": True}, {}):
            await limiter.turn(["c"], **rank)
            times.append(now())
        return times

    assert run_fast(take()) == pytest.approx([0, 0, 0, 3])


def test_what_is_given_back_can_be_had_again() -> None:
    async def take() -> list[float]:
        limiter = RateLimiter(budgets(0.1, 1))
        await limiter.turn(["c"])
        waiting = asyncio.create_task(limiter.turn(["c"]))
        await asyncio.sleep(1)
        limiter.give_back(["c"])
        await waiting
        late = asyncio.create_task(limiter.turn(["c"]))
        limiter.give_back(["c"])
        late.cancel()  # after it was granted
        await asyncio.wait([late])
        await limiter.turn(["c"])
        return [now()]

    assert run_fast(take())[0] < 10
