"""config.toml and the environment as frozen, typed settings. Whatever is wrong is one sentence that says what to do."""

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

S = TypeVar("S", bound=Section)

DEFAULT_PATH = Path("config.toml")

DEFAULTS = "defaults"
"""The source of a configuration without a file."""

MOVED = {
    "default_model": "model",
    "system_prompt": "system_prompt",
    "continue_minutes": "continue_minutes",
    "context_messages": "context_messages",
}
"""Keys that stood in [bot] before and are settings now."""

BUILT_IN_MODELS: Mapping[str, Mapping[str, str | int]] = {
    "smollm2": {"backend": "local", "model": "bundled:smollm2", "max_tokens": 512},
    "minilm": {"backend": "local", "model": "bundled:minilm", "skill": "embed"},
    "gpt": {"backend": "openai", "model": "gpt-5.4-mini", "sees": True},
}
"""The catalogue of a configuration that names no model: two that need nothing, one that needs OPENAI_API_KEY."""


class BotSettings(Section):
    """The table [bot]."""

    name: str = "Shoulders"
    data: str = Field(default="data", description="Folder of the database and of converted models.")
    database: str = Field(default="", description="The database's file; empty means shoulders.db in the data folder.")
    administrators: tuple[str, ...] = Field(
        default=(), strict=False, description="People who are administrators everywhere, such as discord:1234."
    )
    stop_seconds: float = Field(default=10.0, ge=0, description="What running answers get when the program stops.")
    uninstall_grace_hours: float = Field(
        default=24.0, ge=0, le=8_760, description="How long data outlive the bot's removal from a workspace."
    )
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", description="What the models' prices are in.")

    @field_validator("administrators")
    @classmethod
    def _check_administrators(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        wrong = next((name for name in named if not re.fullmatch(r"[a-z]+:\S+", name)), None)
        if wrong is not None:
            raise ValueError(f'"{wrong}" names nobody: write the platform and the person\'s id, such as discord:1234')
        return named


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured. `environment` holds the secrets; nothing else does."""

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
        """The folder of all that is kept."""
        return Path(self.bot.data).expanduser()

    @property
    def database(self) -> Path:
        """The database's file."""
        return Path(self.bot.database).expanduser() if self.bot.database else self.data / "shoulders.db"

    @property
    def secrets_file(self) -> Path:
        """The file beside the configuration that secrets are read from, too."""
        return _beside(Path(self.source) if self.source != DEFAULTS else DEFAULT_PATH)

    @property
    def private_files(self) -> Sequence[Path]:
        """The files and folders that only the operator should be able to read."""
        database = (Path(f"{self.database}{ending}") for ending in ("", "-wal", "-shm"))
        return (self.secrets_file, self.data, *database)

    @property
    def memory(self) -> int:
        """The bytes that models on this machine may take in memory; 0 for a share of what there is."""
        return int(self.backends["local"].model_dump()["memory_gb"] * GB) if "local" in self.backends else 0

    @property
    def default_model(self) -> str:
        """The model that answers where nobody chose one: the configured, else by OPENAI_API_KEY, else a local one."""
        if self.settings.model:
            return self.settings.model
        wanted = "openai" if self.environment.get("OPENAI_API_KEY") else "local"
        talking = [name for name, model in self.models.items() if model.converses]
        return next((name for name in talking if self.models[name].backend == wanted), talking[0])


@cache
def backend_kinds() -> Mapping[str, BackendKind]:
    """Every backend, by name, found under bot/backends/."""
    modules = (import_module(f"bot.backends.{found.name}") for found in pkgutil.iter_modules(bot.backends.__path__))
    return {module.BACKEND.name: module.BACKEND for module in modules if hasattr(module, "BACKEND")}


@cache
def platforms() -> Mapping[str, Platform]:
    """Every platform, by name, found under adapters/."""
    modules = (import_module(f"adapters.{found.name}") for found in pkgutil.iter_modules(adapters.__path__))
    return {module.PLATFORM.name: module.PLATFORM for module in modules if hasattr(module, "PLATFORM")}


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read config.toml (without a file: good defaults) and `.env` beside it. Raises ConfigError."""
    if path is not None and not path.exists():
        raise ConfigError(f"There is no file {path}. Name another with --config, or leave it out for the defaults.")
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
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # Windows' editors put a mark before the text
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from error


def _beside(file: Path) -> Path:
    return file.parent / ".env"


def _dotenv(file: Path) -> Mapping[str, str]:
    try:
        return {key: value for key, value in dotenv_values(file, encoding="utf-8-sig").items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from error


def _section(kind: type[S], table: object, where: str) -> S:
    """The table as a `kind`; its first mistake as a ConfigError."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table.")
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        mistake = error.errors()[0]
        key = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden" and kind is BotSettings and key in MOVED:
            raise ConfigError(f"{where} {key} has moved: write it as {MOVED[key]} in the table [settings].") from None
        if mistake["type"] == "extra_forbidden":
            raise ConfigError(f"{where} has no key {key}.{_did_you_mean(key, kind.model_fields)}") from None
        raise ConfigError(f"{where} {key}: {mistake['msg'].removeprefix('Value error, ')}.") from None


def _models(tables: object, file: Path) -> Mapping[str, ModelSection]:
    kinds = backend_kinds()
    if tables is None:
        tables = {name: dict(table) for name, table in BUILT_IN_MODELS.items()}
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{file}: [models] must hold one table a model, such as [models.gpt].")
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
        tables_known = ["bot", "settings", "models", "hub", *backend_kinds(), *known]
        raise ConfigError(f"{file} has no table [{unknown}].{_did_you_mean(unknown, tables_known)}")
    return {
        name: _section(platform.settings, tables.get(name, {}), f"{file}: [{name}]") for name, platform in known.items()
    }


def _check_names(config: Config, file: Path) -> None:
    """Names of models that are used must be in the catalogue, and so on."""
    used = [("[settings] model", config.settings.model)]
    used += [("[settings] models", name) for name in config.settings.models]
    used += [(f"[models.{name}] fallback", model.fallback) for name, model in config.models.items()]
    for where, name in used:
        if name and name not in config.models:
            raise ConfigError(f"{file}: {where} names {name!r}.{_did_you_mean(name, config.models)}")
    if not any(model.converses for model in config.models.values()):
        raise ConfigError(
            f"{file}: none of the [models] is one to talk with. Once one stands there, the built-in ones, such as "
            "[models.smollm2], have to as well."
        )
    try:
        check_placeholders(config.settings.system_prompt)
        check_commands_off(config.settings.commands_off)
    except UserError as error:
        raise ConfigError(f"{file}: [settings] {error.message}") from None


def _did_you_mean(word: str, known: Mapping[str, object] | list[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else f" Known are: {', '.join(sorted(known))}."
