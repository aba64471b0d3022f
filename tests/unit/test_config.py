"""config.toml: the defaults without it, and one plain line for every mistake in it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from bot.administration.settings import Settings
from bot.config import BotSettings, backend_kinds, load, platforms
from bot.hub.admission import HubSection
from bot.interfaces.config import Section
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
    ("text", "line"),
    [
        ("[bot]\nnaem = 'x'", "[bot] has no key naem. Did you mean name?"),
        ("[bto]", "the table [bto] does not exist. Did you mean bot?"),
        ("[bot]\nname = 3", "[bot] name is 3. It must be text in quotes."),
        ("[bot]\nstop_seconds = -1", "[bot] stop_seconds is -1. It must be at least 0."),
        ("[bot]\nstop_seconds = 'long'", '[bot] stop_seconds is "long". It must be a number.'),
        ("[bot]\nuninstall_grace_hours = 9_000", "is 9000. It must be at most 8,760."),
        ("[bot]\ncurrency = '€'", '[bot] currency is "€". It must look like USD or EUR.'),
        ("[bot]\nadministrators = 'ann'", '[bot] administrators is "ann". It must be a list, such as ["one", "two"].'),
        ("[bot]\nadministrators = ['discord:1', 2]", "[bot] administrators, entry 2 is 2. It must be text in quotes."),
        ("bot = 3", "[bot] must be a table"),
        ("[bot", "is not valid TOML"),
        ("models = 3", "[models] must have one table for each model"),
        ("[models.x]\nbackend = 'magic'\nmodel = 'y'", "[models.x] backend must be one of: local, openai"),
        ("[models.x]\nbackend = 'openai'", "[models.x] needs the key model."),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nbase_ulr = 'z'", "Did you mean base_url?"),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nfallback = 'z'", '[models.x] fallback names "z", which is not'),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nwarm = 1", "[models.x] warm is 1. It must be true or false."),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\ntimeout = 0", "timeout is 0. It must be more than 0."),
        (
            "[models.x]\nbackend = 'openai'\nmodel = 'y'\nextra = 1",
            "extra is 1. It must be a table, such as { one = 1 }.",
        ),
        (
            "[models.x]\nbackend = 'openai'\nmodel = 'y'\nextra = { a = 2026-01-01 }",
            'extra.a is "2026-01-01". It must be',
        ),
        (
            "[models.x]\nbackend = 'openai'\nmodel = 'y'\ncan = ['chat', 'sing']",
            '[models.x] can, entry 2 is "sing". It must be "chat", "embed", "transcribe", "speak" or "paint".',
        ),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\npreset = 'olama'", "[models.x] preset: "),
        ("[models.x]\nbackend = 'openai'\nmodel = 'y'\nbase_url = 'y'", "[models.x] base_url: "),
        ("[models.x]\nbackend = 'local'\nmodel = 'owner/name'", "[models.x]: "),
        ("[settings]\nmodel = 'gtp'", '[settings] model names "gtp", which is not in [models]. Did you mean gpt?'),
        ("[settings]\nsystem_prompt = 'You are {nobody}'", "unknown placeholder"),
        ("[settings]\nsystem_prompt = '{name.first}'", "unknown placeholder"),
        ("[settings]\nsystem_prompt = '{name[first]}'", "unknown placeholder"),
        ("[settings]\nsystem_prompt = '" + "x" * 9_000 + "'", "xxx…. It must have at most 8,000 characters."),
        ("[settings]\ncontinue_minutes = 1.5", "[settings] continue_minutes is 1.5. It must be a whole number."),
        ("[settings]\ncontinue_minutes = 99999999999999999999", "It must be at most 525,600."),
        ("[bot]\nadministrators = ['ann']", '[bot] administrators: "ann" is not a person.'),
        ("[models.x]\nbackend = 'local'\nmodel = './x'\nskill = 'embed'", "no chat model is configured."),
        ("[bot]\ndefault_model = 'gpt'", "default_model has moved: write it as model in the table [settings]"),
        ("[settings]\nspeak = 'always'", 'is "always". It must be "mentions", "threads" or "everything".'),
        ("[settings]\ncommands_off = ['config']", "[settings] commands_off cannot contain config"),
        ("[local]\nmemory = 1", "[local] has no key memory. Did you mean memory_gb?"),
        ("[hub]\nallow = ['gpt2']", '[hub] allow: "gpt2"'),
        ("[hub]\nlargest = 'huge'", "[hub] largest: must be a size such as 500MB or 2GB"),
        ("[hub]\nendpoint = 'hub'", "[hub] endpoint: must look like https://huggingface.co"),
        ("[discord]\napi_ulr = 'x'", "[discord] has no key api_ulr. Did you mean api_url?"),
        ("[discord]\ngateway_url = 'x'", 'gateway_url is "x". It must look like wss://'),
        ("[slack]\nask_command = 'ask'", 'ask_command is "ask". It must look like /ask.'),
    ],
)
def test_every_mistake_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(config_of(tmp_path, text), {})
    assert line in caught.value.message
    assert "\n" not in caught.value.message


def test_a_password_in_an_address_is_hidden(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='api_url is "ftp://…@host"') as caught:
        load(config_of(tmp_path, "[slack]\napi_url = 'ftp://me:hunter2@host'"), {})
    assert "hunter2" not in caught.value.message


def test_every_pattern_has_an_example() -> None:
    sections: list[type[Section]] = [
        BotSettings,
        HubSection,
        Settings,
        *(known.settings for known in platforms().values()),
    ]
    for kind in backend_kinds().values():
        sections += [kind.settings, kind.shared]
    fields = [field for section in sections for field in section.model_fields.values()]
    patterns = [field for field in fields if any(getattr(rule, "pattern", "") for rule in field.metadata)]
    assert patterns
    assert all(field.examples for field in patterns)


def test_a_named_file_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml does not exist"):
        load(Path("nowhere.toml"), {})


def test_without_a_file_the_defaults_apply() -> None:
    config = load(None, {})
    assert config.default_model == "smollm2"
    assert config.source == "defaults"
    assert config.database == Path("data/shoulders.db")


def test_a_key_makes_openai_the_default(tmp_path: Path) -> None:
    key = {"OPENAI_API_KEY": "sk-1"}
    assert load(None, key).default_model == "gpt"
    assert load(config_of(tmp_path, "[settings]\nmodel = 'smollm2'"), key).default_model == "smollm2"


def test_the_default_model_chats(tmp_path: Path) -> None:
    vectors = "[models.vectors]\nbackend = 'openai'\nmodel = 'e'\ncan = ['embed']\n"
    chat = "[models.chat]\nbackend = 'openai'\nmodel = 't'\n"
    assert load(config_of(tmp_path, vectors + chat), {"OPENAI_API_KEY": "sk-1"}).default_model == "chat"


def test_the_environment_precedes_the_env_file() -> None:
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


@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_bytes_that_are_not_utf_8_are_reported(tmp_path: Path, name: str) -> None:
    path = config_of(tmp_path, "")
    (tmp_path / name).write_bytes(b"DISCORD_TOKEN='\xff'\n")
    with pytest.raises(ConfigError, match=rf"{re.escape(name)} is not valid UTF-8"):
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
