"""The loopback Hub refuses and records what the real one would, and what no client of ours may do."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from aiohttp import ClientSession

from tests.fakes.hub import FakeHub, Repository

MODEL = Repository(
    "maker/model", {"config.json": b"{}", "model.safetensors": b"0123456789", "own.py": b"", "w.bin": b""}
)
OURS = {"User-Agent": "shoulders/1"}


@pytest.fixture
async def hub() -> AsyncGenerator[FakeHub]:
    async with FakeHub("hf_right") as hub:
        hub.add(MODEL)
        yield hub


async def get(hub: FakeHub, path: str, **headers: str) -> tuple[int, bytes]:
    async with ClientSession(headers={**OURS, **headers}) as session, session.get(hub.endpoint + path) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize(
    ("path", "headers", "violation"),
    [
        ("/maker/model/resolve/main/config.json", {}, "config.json was asked for at main, which may change"),
        (f"/maker/model/resolve/{MODEL.commit}/own.py", {}, "own.py was asked for"),
        (f"/maker/model/resolve/{MODEL.commit}/w.bin", {}, "w.bin was asked for"),
        (f"/maker/model/resolve/{MODEL.commit}/config.json", {"Range": "bytes=0-1"}, "the range bytes=0-1"),
        ("/api/models?limit=1", {}, "not sorted by downloads"),
        ("/api/models?limit=1&sort=downloads&author=x", {}, "unknown query ['author']"),
        ("/api/models?limit=1&sort=downloads&expand=spaces", {}, "unknown expand"),
        ("/api/models/maker/model?full=1", {}, "unknown query"),
        ("/api/datasets", {}, "unknown request GET /api/datasets"),
        ("/api/models/maker/model", {"User-Agent": "somebody"}, "the user agent is 'somebody'"),
    ],
)
async def test_a_forbidden_request_is_recorded(
    hub: FakeHub, path: str, headers: dict[str, str], violation: str
) -> None:
    await get(hub, path, **headers)
    assert violation in hub.violations


async def test_the_token_stays_with_the_hub(hub: FakeHub) -> None:
    large = f"/maker/model/resolve/{MODEL.commit}/model.safetensors"
    right = {"Authorization": "Bearer hf_right"}
    assert await get(hub, large, **right) == (200, b"0123456789")  # aiohttp drops it for another host
    assert hub.violations == []
    async with ClientSession(headers={**OURS, **right}) as session:
        answer = await session.get(hub.endpoint + large, allow_redirects=False)
        await session.get(answer.headers["Location"])
        await session.get(answer.headers["Location"].partition("?")[0])
    assert "the token was sent to the CDN" in hub.violations
    assert "the CDN was asked without a signature" in hub.violations
    assert (await get(hub, "/api/models/maker/model", Authorization="Bearer hf_wrong"))[0] == 401


async def test_ranges_are_answered_as_the_hub_does(hub: FakeHub) -> None:
    large = f"/maker/model/resolve/{MODEL.commit}/model.safetensors"
    assert await get(hub, large, Range="bytes=4-") == (206, b"456789")
    assert (await get(hub, large, Range="bytes=10-"))[0] == 416
