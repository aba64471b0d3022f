"""The doctor's report: working parts, faults and the changes that repair them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import Config, load
from bot.doctor import examine
from tests.fakes.openai import FakeOpenAI, unused_url

FAST = ("bot.backends.openai.client.PAUSES", (0.0, 0.0))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAST)


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="") as server:
        yield server


async def config_for(folder: Path, *tables: str, **environment: str) -> Config:
    text = f'[bot]\ndata = "{folder}"\n' + "\n".join(tables)
    await asyncio.to_thread((folder / "config.toml").write_text, text)
    return await asyncio.to_thread(load, folder / "config.toml", environment)


def model(name: str, base_url: str, more: str = "") -> str:
    return f'[models.{name}]\nbackend = "openai"\nmodel = "test"\nbase_url = "{base_url}"\nkey_env = ""\n{more}'


async def lines_of(config: Config, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str], str]:
    """Return the exit status, each line by the name of its check, and the last line."""
    status = await examine(config)
    *lines, last = capsys.readouterr().out.splitlines()
    return status, {line.split()[1]: line for line in lines}, last


async def test_http_works_with_a_bad_certificate_file(
    server: FakeOpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = await config_for(tmp_path, model("main", server.base_url), SSL_CERT_FILE="/nowhere.pem")
    status, lines, last = await lines_of(config, capsys)
    assert (status, last) == (0, "main answers in: the terminal.")
    assert lines["main"].startswith("ok")
    assert "SSL_CERT_FILE names /nowhere.pem, which does not exist" in lines["network"]
    assert lines["network"].startswith("- ")


async def test_a_bad_certificate_file_keeps_the_other_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = await config_for(tmp_path, model("main", "https://127.0.0.1:1/v1"), SSL_CERT_FILE="/nowhere.pem")
    status, lines, last = await lines_of(config, capsys)
    assert (status, last) == (1, "The bot cannot answer. Not working: main.")
    assert "SSL_CERT_FILE names /nowhere.pem" in lines["main"]
    assert {"main", "network", "discord", "slack"} <= set(lines)


async def test_chat_without_a_list_of_models_works(
    server: FakeOpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lists = False
    status, lines, _ = await lines_of(await config_for(tmp_path, model("main", server.base_url)), capsys)
    assert status == 0
    assert lines["main"].startswith("ok")
    assert "answers, but its models cannot be listed" in lines["main"]


async def test_an_address_without_its_version_is_reported(
    server: FakeOpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = await config_for(tmp_path, model("main", server.base_url.removesuffix("/v1")))
    status, lines, _ = await lines_of(config, capsys)
    assert status == 1
    assert f"The API is at {server.base_url}: write that in base_url." in lines["main"]


async def test_a_model_with_a_fallback_is_not_needed(
    server: FakeOpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = model("main", unused_url(), 'fallback = "spare"\n'), model("spare", server.base_url)
    status, lines, last = await lines_of(await config_for(tmp_path, *tables), capsys)
    assert (status, last) == (0, "spare answers in: the terminal.")
    assert lines["main"].startswith("- ")
    assert "refuses connections" in lines["main"]
