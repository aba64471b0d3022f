"""The benchmarks still do what they measure."""

from __future__ import annotations

import pytest

from benchmarks import tokens
from benchmarks.model_server import model_server


async def test_every_stream_is_answered_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "STREAMS", 30)
    async with model_server(3, 0.0) as base_url:
        assert await tokens.ours(base_url, 3) > 0
        assert await tokens.typed_events(base_url, 3) > 0
