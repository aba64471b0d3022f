"""Rate limits: bursts, priorities and pauses, on the test's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.shared.rate_limiter import RateLimit, RateLimiter
from tests.clock import now, run_fast


async def moments(limiter: RateLimiter, calls: list[tuple[str, bool]]) -> list[float]:
    """Return the second at which each call was granted, after all calls asked at once."""
    granted = [0.0] * len(calls)

    async def take(index: int, bucket: str, urgent: bool) -> None:
        await limiter.acquire([bucket, "all"], urgent=urgent)
        granted[index] = now()

    await asyncio.gather(*(take(index, *call) for index, call in enumerate(calls)))
    return granted


def rate_limits(rate: float, burst: int) -> Callable[[str], RateLimit]:
    return lambda name: RateLimit(50, 50) if name == "all" else RateLimit(rate, burst)


def granted(calls: list[tuple[str, bool]], rate: float = 1, burst: int = 1) -> list[float]:
    async def ask() -> list[float]:
        return await moments(RateLimiter(rate_limits(rate, burst)), calls)

    return run_fast(ask())


def test_a_burst_then_the_rate() -> None:
    assert granted([("c", False)] * 4, burst=2) == pytest.approx([0, 0, 1, 2])


def test_channels_do_not_wait_for_each_other() -> None:
    assert granted([("a", False), ("b", False)]) == pytest.approx([0, 0])


def test_first_and_last_texts_go_before_middles() -> None:
    assert granted([("c", False), ("c", False), ("c", True)]) == pytest.approx([0, 2, 1])


def test_the_whole_platform_has_a_limit_too() -> None:
    times = granted([(str(channel), False) for channel in range(100)])
    assert times[49] == pytest.approx(0)
    assert times[99] == pytest.approx(1)


def test_a_pause_delays_calls() -> None:
    async def paused() -> list[float]:
        limiter = RateLimiter(rate_limits(1, 1))
        limiter.pause("c", 7)
        return await moments(limiter, [("c", True)])

    assert run_fast(paused()) == pytest.approx([7])


def test_a_waiter_that_leaves_takes_no_slot() -> None:
    async def leave() -> float:
        limiter = RateLimiter(rate_limits(1, 1))
        await limiter.acquire(["c"])
        leaving = asyncio.create_task(limiter.acquire(["c"]))
        staying = asyncio.create_task(limiter.acquire(["c"]))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        return now()

    assert run_fast(leave()) == pytest.approx(1)


def test_try_acquire_takes_only_tokens_without_waiters() -> None:
    async def try_all() -> list[bool]:
        limiter = RateLimiter(rate_limits(1, 3))
        first = [
            limiter.try_acquire(("c", "c")),
            limiter.try_acquire(("c", "c")),
            limiter.try_acquire(("d", "c")),
            limiter.try_acquire(("d", "c")),
        ]
        waiting = asyncio.create_task(limiter.acquire(["c", "d"]))
        await asyncio.sleep(0)
        while_waited_for = limiter.try_acquire(("d",))
        await waiting
        return [*first, while_waited_for, limiter.try_acquire(("d",))]

    assert run_fast(try_all()) == [True, False, True, False, False, True]


def test_last_calls_precede_first_calls_precede_others() -> None:
    async def take() -> list[str]:
        limiter, order = RateLimiter(rate_limits(1, 1)), list[str]()

        async def call(name: str, **rank: bool) -> None:
            await limiter.acquire(["c"], **rank)
            order.append(name)

        await asyncio.gather(call("first"), call("goes on"), call("begins", begins=True), call("ends", urgent=True))
        return order

    assert run_fast(take()) == ["first", "ends", "begins", "goes on"]


def test_reserved_tokens_are_for_first_and_last_calls() -> None:
    async def take() -> list[float]:
        limiter, times = RateLimiter(lambda name: RateLimit(1, 3, 2)), list[float]()
        for rank in ({}, {"begins": True}, {"urgent": True}, {}):
            await limiter.acquire(["c"], **rank)
            times.append(now())
        return times

    assert run_fast(take()) == pytest.approx([0, 0, 0, 3])


def test_a_refunded_token_can_be_taken_again() -> None:
    async def take() -> list[float]:
        limiter = RateLimiter(rate_limits(0.1, 1))
        await limiter.acquire(["c"])
        waiting = asyncio.create_task(limiter.acquire(["c"]))
        await asyncio.sleep(1)
        limiter.refund(["c"])
        await waiting
        late = asyncio.create_task(limiter.acquire(["c"]))
        limiter.refund(["c"])
        late.cancel()  # after it was granted
        await asyncio.wait([late])
        await limiter.acquire(["c"])
        return [now()]

    assert run_fast(take())[0] < 10
