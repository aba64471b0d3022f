"""Presets: defaults of a table, fields of a request, and destinations of keys."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from bot.backends.openai import BACKEND, OpenAIModelSettings
from bot.backends.openai.presets import PRESETS, UNKNOWN, preset_for
from bot.backends.openai.settings import server_of
from bot.interfaces.backend import Backend
from bot.interfaces.config import Section
from bot.interfaces.errors import ConfigError, Refused, Unauthorised
from bot.interfaces.prompts import Sampling, Utterance
from bot.interfaces.replies import Done, Text
from tests.fakes.openai import FakeOpenAI, failing

KEYS = {preset.key_env: f"key-of-{name}" for name, preset in PRESETS.items() if preset.key_env}


def make(environ: Mapping[str, str] = KEYS, **table: object) -> Backend:
    section = OpenAIModelSettings.model_validate({"backend": "openai", "model": "test", **table})
    return BACKEND.create({"m": section}, environ, Path(), Section())["m"]


async def said(backend: Backend, sampling: Sampling = Sampling()) -> str:  # noqa: B008 -- frozen
    text = ""
    try:
        async with aclosing(backend.stream((Utterance("user", "Hi"),), sampling)) as pieces:
            async for piece in pieces:
                text += piece.text if isinstance(piece, Text) else ""
    finally:
        await backend.aclose()
    return text


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "azure"])
def test_a_preset_supplies_missing_keys(name: str) -> None:
    preset = PRESETS[name]
    table = OpenAIModelSettings(backend="openai", model="test", preset=name)
    assert (table.base_url, table.key_env) == (preset.base_url, preset.key_env)
    assert server_of("m", table, KEYS).key == KEYS.get(preset.key_env, "")
    given = OpenAIModelSettings(backend="openai", model="test", preset=name, base_url="http://gpu:1/v1", key_env="MINE")
    assert (given.base_url, given.key_env) == ("http://gpu:1/v1", "MINE")
    assert server_of("m", given, {**KEYS, "MINE": "mine"}).key == "mine"


@pytest.mark.parametrize("name", PRESETS)
async def test_each_server_gets_only_known_fields(name: str) -> None:
    preset = PRESETS[name]
    unknown = {"max_tokens", "max_completion_tokens"} - {preset.limits[0]}
    unknown |= set() if preset.says_usage else {"stream_options"}
    async with FakeOpenAI(key="mine", rejects=unknown) as server:
        backend = make({"MINE": "mine"}, preset=name, base_url=server.base_url, key_env="MINE", max_tokens=9)
        assert await said(backend) == "You said: Hi"
        assert len(server.requests) == 1, "nothing had to be asked again"
        assert server.requests[0][preset.limits[0]] == 9
        assert not server.violations


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.key_env])
async def test_a_missing_key_prevents_any_request(name: str) -> None:
    table = {"base_url": "https://us.openai.azure.com"} if name == "azure" else {}
    with pytest.raises(Unauthorised, match=f"There is no key for {PRESETS[name].title}. Set {PRESETS[name].key_env}"):
        await said(make({}, preset=name, **table))


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.key_env])
async def test_own_servers_never_get_openais_key(name: str) -> None:
    async with FakeOpenAI(key="") as server:
        await said(make({"OPENAI_API_KEY": "sk-secret"}, preset=name, base_url=server.base_url))
        assert server.authorizations == [""]


def test_a_known_host_gets_its_preset() -> None:
    assert preset_for("", "https://api.mistral.ai/v1") is PRESETS["mistral"]
    assert preset_for("", "http://localhost:8000/v1") is UNKNOWN
    assert preset_for("vllm", "http://localhost:8000/v1") is PRESETS["vllm"]


async def test_extra_goes_into_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeOpenAI(key="") as server:
        await said(make(preset="vllm", base_url=server.base_url, extra={"temperature": 0.5}))
        assert server.requests[0]["temperature"] == 0.5


async def test_a_refused_temperature_is_left_out() -> None:
    async with FakeOpenAI(key="", rejects=["temperature"]) as server:
        assert await said(make({}, base_url=server.base_url, key_env=""), Sampling(temperature=0.2)) == "You said: Hi"
        assert "temperature" not in server.requests[-1]


async def test_a_wrong_temperature_is_an_error() -> None:
    async with FakeOpenAI(key="") as server:
        server.script(failing(400, "Invalid 'temperature': above 1", "decimal_above_max_value", "temperature"))
        with pytest.raises(Refused, match="above 1"):
            await said(make({}, base_url=server.base_url, key_env=""), Sampling(temperature=1.5))


async def test_a_servers_reason_may_be_called_detail() -> None:
    async with FakeOpenAI(key="") as server:
        refusal = failing(422, "")
        object.__setattr__(refusal, "body", b'{"detail": "Unexpected fields in the request: {\'store\'}"}')
        server.script(refusal)
        with pytest.raises(Refused, match="Unexpected fields"):
            await said(make({}, base_url=server.base_url, key_env=""))


# Azure ---------------------------------------------------------------------------------------------------------------


def azure(base_url: str, version: str = "") -> str:
    table = OpenAIModelSettings(backend="openai", model="test", preset="azure", base_url=base_url, api_version=version)
    return server_of("m", table, KEYS).base_url


def test_azures_address_is_completed() -> None:
    assert azure("https://us.openai.azure.com/") == "https://us.openai.azure.com/openai/v1"
    assert azure("https://us.openai.azure.com", "2024-10-21") == "https://us.openai.azure.com/openai"
    assert azure("https://proxy/azure/v1") == "https://proxy/azure/v1"
    with pytest.raises(ConfigError, match=r"\[models.m\] preset azure needs base_url: https://"):
        azure("")


def test_only_azure_has_a_dated_api() -> None:
    with pytest.raises(ConfigError, match=r'\[models.m\] api_version works only with preset = "azure"'):
        make(api_version="2024-10-21")


async def test_azures_dated_api_uses_deployment_and_header() -> None:
    async with FakeOpenAI(key="mine", api_version="2024-10-21") as server:
        root = server.base_url.removesuffix("/v1")
        table = {"preset": "azure", "base_url": root, "api_version": "2024-10-21", "key_env": "MINE"}
        assert await said(make({"MINE": "mine"}, **table)) == "You said: Hi"
        backend = make({"MINE": "mine"}, **table)
        assert await backend.check() == f"test at {backend.destination}"
        await backend.aclose()
        assert not server.violations


async def test_unrequested_usage_is_read() -> None:
    async with FakeOpenAI(key="mine", rejects=["stream_options"]) as server:
        backend = make({"MINE": "mine"}, preset="mistral", base_url=server.base_url, key_env="MINE")
        async with aclosing(backend.stream((Utterance("user", "Hi"),), Sampling())) as pieces:
            done = [piece async for piece in pieces][-1]
        await backend.aclose()
        assert isinstance(done, Done)
