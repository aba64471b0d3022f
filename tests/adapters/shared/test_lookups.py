"""The cache of look-ups: shared calls, remembered answers, outdated keys."""

from __future__ import annotations

import asyncio

import pytest

from adapters.shared.lookups import LookupCache
from bot.interfaces.errors import PlatformError


async def answer(text: str, *, after: asyncio.Event | None = None) -> str:
    if after is not None:
        await after.wait()
    return text


async def fail() -> str:
    raise PlatformError("down")


async def test_a_fresh_answer_is_shared() -> None:
    cache = LookupCache[str](capacity=2)
    lookup = cache.begin("ann", answer("Ann"))
    assert cache.fresh("ann", 60) is lookup
    assert (await lookup.answer, cache.last("ann")) == ("Ann", "Ann")
    assert cache.fresh("ann", 0) is None, "too old"


async def test_the_last_answer_outlives_a_failure() -> None:
    cache = LookupCache[str](failed_seconds=60)
    await cache.begin("ann", answer("Ann")).answer
    cache.outdate("ann")
    failed = cache.begin("ann", fail())
    with pytest.raises(PlatformError):
        await failed.answer
    assert (cache.last("ann"), cache.fresh("ann", 0)) == ("Ann", failed)


async def test_an_answer_older_than_a_change_is_dropped() -> None:
    cache, gate = LookupCache[str](), asyncio.Event()
    asked = cache.begin("ann", answer("old", after=gate))
    await asyncio.sleep(0)  # it is under way
    cache.outdate("ann")
    gate.set()
    assert (await asked.answer, cache.last("ann"), cache.fresh("ann", 60)) == ("old", None, None)


async def test_a_forgotten_key_learns_what_is_sent() -> None:
    cache = LookupCache[str]()
    assert not cache.forget("ann")
    cache.store("ann", "Ann")
    assert cache.forget("ann")
    assert (cache.last("ann"), cache.fresh("ann", 60)) == (None, None)


async def test_the_oldest_key_goes_first() -> None:
    cache = LookupCache[str](capacity=2)
    for name in ("ann", "ben", "cleo"):
        cache.store(name, name)
    assert [cache.last(name) for name in ("ann", "ben", "cleo")] == [None, "ben", "cleo"]
    cache.close()
    assert cache.last("cleo") is None
