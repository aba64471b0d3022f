"""The guards of conftest.py fail a test that breaks them."""

from __future__ import annotations

import socket
import time

import pytest
from blockbuster import BlockingError

from bot.administration import policy
from tests.conftest import ReachedOut


async def test_blocking_the_loop_fails() -> None:
    asleep: dict[str, object] = {"sleep": time.sleep}
    code = compile("sleep(0.001)", policy.__file__, "exec")  # as if policy.py contained it
    with pytest.raises(BlockingError):
        exec(code, asleep)


def test_connecting_beyond_loopback_fails() -> None:
    with socket.socket() as outside, pytest.raises(ReachedOut):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(ReachedOut):
        socket.getaddrinfo("example.org", 80)
