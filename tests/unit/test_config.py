"""config.toml: good defaults without it, and one sentence for every mistake in it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from bot.config import load
from bot.interfaces.errors import ConfigError
from bot.logs import RedactingFormatter
from bot.utils.secrets import secrets_in

ROOT = Path(__file__).parents[2]


def config_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[bot]\nnaem = 'x'", "[bot] has no key naem. Did you mean name?"),
        ("[bto]", "no table [bto]. Did you mean bot?"),
        ("[bot]\nname = 3", "[bot] name: Input should be a valid string"),
        ("[bot]\nstop_seconds = -1", "[bot] stop_seconds"),
        ("bot = 3", "[bot] must be a table"),
        ("[bot", "is not valid TOML"),
        ("models = 3", "[models] must hold one table a model"),
        ("[models.x]\nbackend = 'magic'\nmodel = 'y'", "[models.x] backend must be one of: local, openai"),
        ("[models.x]\nbackend = 'openai'", "[models.x] model: Field required"),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nbase_ulr = 'z'", "Did you mean base_url?"),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nfallback = 'z'", "[models.x] fallback names 'z'"),
        (
            "[models.x]\nbackend = 'openai'\nmodel = 'y'\npreset = 'olama'",
            "preset: there is no preset 'olama'; there are: openai,",
        ),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nbase_url = 'y'", "base_url: must look like https://host/v1"),
        ("[settings]\nmodel = 'gtp'", "[settings] model names 'gtp'. Did you mean gpt?"),
        ("[settings]\nsystem_prompt = 'You are {nobody}'", "system_prompt has a placeholder that is not known"),
        ("[settings]\nsystem_prompt = '{name.first}'", "system_prompt has a placeholder that is not known"),
        ("[settings]\nsystem_prompt = '{name[first]}'", "system_prompt has a placeholder that is not known"),
        ("[settings]\ncontinue_minutes = 99999999999999999999", "[settings] continue_minutes"),
        ("[bot]\nadministrators = ['ann']", '"ann" names nobody: write the platform and the person\'s id'),
        (
            "[models.x]\nbackend = 'local'\nmodel = './x'\nskill = 'embed'",
            "none of the [models] is one to talk with. Once one stands there, the built-in ones",
        ),
        ("[bot]\ndefault_model = 'gpt'", "default_model has moved: write it as model in the table [settings]"),
        ("[settings]\nspeak = 'always'", "[settings] speak"),
        ("[settings]\ncommands_off = ['config']", "[settings] commands_off cannot hold config"),
        ("[local]\nmemory = 1", "[local] has no key memory. Did you mean memory_gb?"),
        ("[hub]\nallow = ['gpt2']", '[hub] allow: "gpt2" is not a pattern of organisation/name'),
        ("[hub]\nlargest = 'huge'", "[hub] largest: must be a size such as 500MB or 2GB"),
        ("[hub]\nendpoint = 'hub'", "[hub] endpoint: must look like https://huggingface.co"),
        ("[discord]\napi_ulr = 'x'", "[discord] has no key api_ulr. Did you mean api_url?"),
    ],
)
def test_every_mistake_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(config_of(tmp_path, text), {})
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_was_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"no file nowhere\.toml"):
        load(Path("nowhere.toml"), {})


def test_without_a_file_there_are_good_defaults() -> None:
    config = load(None, {})
    assert config.default_model == "smollm2"
    assert config.source == "defaults"
    assert config.database == Path("data/shoulders.db")


def test_a_key_makes_openai_the_default_model(tmp_path: Path) -> None:
    key = {"OPENAI_API_KEY": "sk-1"}
    assert load(None, key).default_model == "gpt"
    assert load(config_of(tmp_path, "[settings]\nmodel = 'smollm2'"), key).default_model == "smollm2"


def test_a_model_that_cannot_chat_is_never_default(tmp_path: Path) -> None:
    vectors = "[models.vectors]\nbackend = 'openai'\nmodel = 'e'\ncan = ['embed']\n"
    talker = "[models.talker]\nbackend = 'openai'\nmodel = 't'\n"
    assert load(config_of(tmp_path, vectors + talker), {"OPENAI_API_KEY": "sk-1"}).default_model == "talker"


def test_the_environment_overrides_the_env_file() -> None:
    Path(".env").write_text("OPENAI_API_KEY=from-file\nDISCORD_TOKEN=file-token\n")
    config = load(None, {"OPENAI_API_KEY": "from-shell"})
    assert config.environment["OPENAI_API_KEY"] == "from-shell"
    assert config.environment["DISCORD_TOKEN"] == "file-token"


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[bot]\nname = 'Ann'\n")
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfDISCORD_TOKEN=file-token\n")
    config = load(path, {})
    assert (config.bot.name, config.environment["DISCORD_TOKEN"]) == ("Ann", "file-token")
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        load(path, {})


def test_the_example_and_its_commented_lines_are_valid(tmp_path: Path) -> None:
    example = (ROOT / "config.toml").read_text()
    assert load(config_of(tmp_path, example), {}).default_model == "smollm2"
    uncommented = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in example.splitlines()
    )
    written = load(config_of(tmp_path, uncommented), {})
    default = load(None, {})
    assert written.bot == default.bot
    assert written.settings == default.settings.model_copy(update={"temperature": 1.0})
    assert written.platforms == default.platforms
    assert written.backends == default.backends
    assert written.hub == default.hub
    assert written.models["smollm2"] == default.models["smollm2"]
    assert written.models["gpt"] == default.models["gpt"].model_copy(update={"temperature": 1.0})
    sections = {
        type(section)
        for tables in (written.models, written.platforms, written.backends)
        for section in (written.bot, written.settings, written.hub, *tables.values())
    }
    keys = {key for section in sections for key in section.model_fields}
    assert {key for key in keys if not re.search(rf"^#?{key} = ", example, re.MULTILINE)} == set()


def test_no_secret_reaches_the_log() -> None:
    secrets = secrets_in({"DISCORD_TOKEN": "abc.def.secret", "OPENAI_API_KEY": "sk-123456789", "HOME": "/home/ann"})
    formatter = RedactingFormatter(secrets)
    error = (ValueError, ValueError("refused abc.def.secret"), None)
    line = formatter.format(logging.LogRecord("bot", logging.ERROR, "", 0, "key %s", ("sk-123456789",), error))
    assert "secret" not in line
    assert "sk-1" not in line
    assert "•••" in line
