"""config.toml and the environment as frozen, typed settings. Every mistake is a ConfigError with the next step."""

from __future__ import annotations

import difflib
import pkgutil
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator

import adapters
import bot.backends
from bot.administration.settings import Settings, check_commands_off, check_placeholders
from bot.hub.admission import HubSection
from bot.inference.memory_manager import GB
from bot.interfaces.adapter import Platform
from bot.interfaces.backend import BackendKind
from bot.interfaces.config import ModelSection, Section
from bot.interfaces.errors import ConfigError, UserError
from bot.utils.validation_errors import sentence

S = TypeVar("S", bound=Section)

DEFAULT_PATH = Path("config.toml")

DEFAULTS = "defaults"
"""The name of the source of a configuration without a file."""

MOVED = {
    "default_model": "model",
    "system_prompt": "system_prompt",
    "continue_minutes": "continue_minutes",
    "context_messages": "context_messages",
}
"""Keys that have moved from [bot] to [settings], each with its name there."""

BUILT_IN_MODELS: Mapping[str, Mapping[str, str | int]] = {
    "smollm2": {"backend": "local", "model": "bundled:smollm2", "max_tokens": 512},
    "minilm": {"backend": "local", "model": "bundled:minilm", "skill": "embed"},
    "sentiment": {"backend": "local", "model": "bundled:sentiment", "skill": "classify"},
    "gpt": {"backend": "openai", "model": "gpt-5.4-mini", "sees": True},
}
"""The catalogue of a configuration without models: three that need nothing, and one that needs OPENAI_API_KEY."""


class BotSettings(Section):
    """The table [bot]."""

    name: str = "Shoulders"
    data: str = Field(default="data", description="The folder of the database and of converted models.")
    database: str = Field(default="", description="The database's file; empty means shoulders.db in the data folder.")
    administrators: tuple[str, ...] = Field(
        default=(), strict=False, description="Administrators everywhere, such as discord:1234."
    )
    stop_seconds: float = Field(default=10.0, ge=0, description="Seconds for running answers when the program stops.")
    uninstall_grace_hours: float = Field(
        default=24.0, ge=0, le=8_760, description="Hours for which data outlive the bot's removal from a workspace."
    )
    currency: str = Field(
        default="USD", pattern="^[A-Z]{3}$", description="The currency of the models' prices.", examples=["USD", "EUR"]
    )

    @field_validator("administrators")
    @classmethod
    def _check_administrators(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for person in people:
            if not re.fullmatch(r"[a-z]+:\S+", person):
                raise ValueError(f'"{person}" is not a person. Write the platform and the id, such as discord:1234')
        return people


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Only `environment` holds secrets; `source` is the file's path, or DEFAULTS."""

    bot: BotSettings
    settings: Settings
    models: Mapping[str, ModelSection]
    hub: HubSection
    platforms: Mapping[str, Section]
    backends: Mapping[str, Section]
    environment: Mapping[str, str]
    source: str

    @property
    def data(self) -> Path:
        """The folder of the database, the files of answers and the models."""
        return Path(self.bot.data).expanduser()

    @property
    def database(self) -> Path:
        """The database's file."""
        return Path(self.bot.database).expanduser() if self.bot.database else self.data / "shoulders.db"

    @property
    def secrets_file(self) -> Path:
        """The file `.env` beside the configuration, which may hold secrets."""
        return _beside(Path(self.source) if self.source != DEFAULTS else DEFAULT_PATH)

    @property
    def private_files(self) -> Sequence[Path]:
        """The files and folders that only the operator should be able to read."""
        database = (Path(f"{self.database}{ending}") for ending in ("", "-wal", "-shm"))
        return (self.secrets_file, self.data, *database)

    @property
    def memory(self) -> int:
        """The bytes of memory that models on this machine may take; 0 for a share of the machine's memory."""
        return int(self.backends["local"].model_dump()["memory_gb"] * GB) if "local" in self.backends else 0

    @property
    def default_model(self) -> str:
        """The model that answers if nobody chose another one.

        It is the one in [settings]; without it the first chat model of `openai` if OPENAI_API_KEY is set, else of
        `local`; without such a model the first chat model.
        """
        if self.settings.model:
            return self.settings.model
        preferred = "openai" if self.environment.get("OPENAI_API_KEY") else "local"
        chat_models = [name for name, model in self.models.items() if model.converses]
        return next((name for name in chat_models if self.models[name].backend == preferred), chat_models[0])


@cache
def backend_kinds() -> Mapping[str, BackendKind]:
    """Return every kind of backend by name: the modules under bot/backends/ that have a BACKEND."""
    modules = (import_module(f"bot.backends.{found.name}") for found in pkgutil.iter_modules(bot.backends.__path__))
    return {module.BACKEND.name: module.BACKEND for module in modules if hasattr(module, "BACKEND")}


@cache
def platforms() -> Mapping[str, Platform]:
    """Return every platform by name: the packages under adapters/ that have a PLATFORM."""
    modules = (import_module(f"adapters.{found.name}") for found in pkgutil.iter_modules(adapters.__path__))
    return {module.PLATFORM.name: module.PLATFORM for module in modules if hasattr(module, "PLATFORM")}


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration of a file and of `.env` beside it; `environ` takes precedence over `.env`.

    Without a path, ./config.toml is read if it exists. Raises ConfigError.
    """
    if path is not None and not path.exists():
        raise ConfigError(f"The file {path} does not exist. Name another with --config, or leave --config out.")
    file = path or DEFAULT_PATH
    tables = _read(file) if file.exists() else {}
    config = Config(
        bot=_section(BotSettings, tables.pop("bot", {}), f"{file}: [bot]"),
        settings=_section(Settings, tables.pop("settings", {}), f"{file}: [settings]"),
        models=_models(tables.pop("models", None), file),
        backends={
            name: _section(kind.shared, tables.pop(name, {}), f"{file}: [{name}]")
            for name, kind in backend_kinds().items()
        },
        hub=_section(HubSection, tables.pop("hub", {}), f"{file}: [hub]"),
        platforms=_platforms(tables, file),
        environment={**_dotenv(_beside(file)), **environ},
        source=str(file) if file.exists() else DEFAULTS,
    )
    _check_names(config, file)
    return config


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors on Windows write a byte order mark
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}). Check its permissions.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not valid UTF-8. Save it as UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from error


def _beside(file: Path) -> Path:
    return file.parent / ".env"


def _dotenv(file: Path) -> Mapping[str, str]:
    try:
        return {key: value for key, value in dotenv_values(file, encoding="utf-8-sig").items() if value}
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}). Check its permissions.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not valid UTF-8. Save it as UTF-8 text.") from error


def _section(kind: type[S], table: object, where: str) -> S:
    """Return the table as a `kind`. Raises ConfigError for its first mistake."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table: write the name in square brackets on a line of its own.")
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        mistake = error.errors()[0]
        if mistake["type"] != "extra_forbidden":
            raise ConfigError(sentence(where, mistake, kind.model_fields)) from None
        key = str(mistake["loc"][0])
        if kind is BotSettings and key in MOVED:
            raise ConfigError(f"{where} {key} has moved: write it as {MOVED[key]} in the table [settings].") from None
        raise ConfigError(f"{where} has no key {key}.{_did_you_mean(key, kind.model_fields)}") from None


def _models(tables: object, file: Path) -> Mapping[str, ModelSection]:
    kinds = backend_kinds()
    if tables is None:
        tables = {name: dict(table) for name, table in BUILT_IN_MODELS.items()}
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{file}: [models] must have one table for each model, such as [models.gpt].")
    models = {}
    for name, table in tables.items():
        where = f"{file}: [models.{name}]"
        backend = table.get("backend") if isinstance(table, dict) else None
        if not isinstance(backend, str) or backend not in kinds:
            raise ConfigError(f"{where} backend must be one of: {', '.join(sorted(kinds))}.")
        models[name] = _section(kinds[backend].settings, table, where)
    return models


def _platforms(tables: dict[str, object], file: Path) -> Mapping[str, Section]:
    known = platforms()
    unknown = next((name for name in tables if name not in known), None)
    if unknown is not None:
        possible = ["bot", "settings", "models", "hub", *backend_kinds(), *known]
        raise ConfigError(f"{file}: the table [{unknown}] does not exist.{_did_you_mean(unknown, possible)}")
    return {
        name: _section(platform.settings, tables.get(name, {}), f"{file}: [{name}]") for name, platform in known.items()
    }


def _check_names(config: Config, file: Path) -> None:
    """Raise ConfigError for a name that refers to nothing, and for a catalogue without a chat model."""
    references = [("[settings] model", config.settings.model)]
    references += [("[settings] models", name) for name in config.settings.models]
    references += [(f"[models.{name}] fallback", model.fallback) for name, model in config.models.items()]
    for where, name in references:
        if name and name not in config.models:
            raise ConfigError(
                f'{file}: {where} names "{name}", which is not in [models].{_did_you_mean(name, config.models)}'
            )
    if not any(model.converses for model in config.models.values()):
        raise ConfigError(
            f"{file}: no chat model is configured. A [models.NAME] table disables the built-in models; add "
            "[models.smollm2] to keep the one that chats."
        )
    try:
        check_placeholders(config.settings.system_prompt)
        check_commands_off(config.settings.commands_off)
    except UserError as error:
        raise ConfigError(f"{file}: [settings] {error.message}") from None


def _did_you_mean(word: str, known: Mapping[str, object] | list[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else f" Use one of: {', '.join(sorted(known))}."
