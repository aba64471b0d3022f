"""Settings of a `[models.NAME]` table with backend = "openai", and of the server that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from bot.backends.openai.presets import PRESETS, Preset, preset_for
from bot.interfaces.config import ModelSection
from bot.interfaces.errors import ConfigError

OPENAI_URL = PRESETS["openai"].base_url


def checked_url(url: str) -> str:
    """Return the URL without a final slash. Raises ValueError unless it is empty or an http address."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must look like https://host/v1")
    return url.rstrip("/")


class OpenAIModelSettings(ModelSection):
    """A `[models.NAME]` table with backend = "openai"; `preset` supplies defaults for the other keys.

    `base_url` "" means OPENAI_BASE_URL, or else OpenAI itself. `key_env` names the variable with the key; "" sends no
    key. `timeout` limits the wait for the answer's beginning, `stall` the wait between its pieces, both in seconds.
    `thinks_first` is for models whose text begins with reasoning that has only a closing tag. `extra` is added to
    every request. `voice` is the default for speech. `api_version` is for Azure's older, dated API.
    """

    preset: str = ""
    base_url: str = ""
    key_env: str = "OPENAI_API_KEY"
    api_version: str = ""
    timeout: float = Field(default=180.0, gt=0)
    stall: float = Field(default=60.0, gt=0)
    thinks_first: bool = False
    voice: str = "alloy"
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    _check_url = field_validator("base_url")(checked_url)

    @property
    def hides(self) -> bool:
        """Return True if the server may have models with hidden reasoning."""
        return preset_for(self.preset, self.base_url).hides

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, table: dict[str, object]) -> dict[str, object]:
        preset = PRESETS.get(str(table.get("preset")))
        return {"base_url": preset.base_url, "key_env": preset.key_env, **table} if preset else table

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, name: str) -> str:
        if name and name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
        return name


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The server of a model and its key. `version` is Azure's api-version.

    `setting` is the name of the setting that holds the address; "" for a hosted server's own address.
    """

    base_url: str
    key: str
    preset: Preset
    version: str = ""
    setting: str = ""

    @property
    def host(self) -> str:
        """Return the host with its port, without a password."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def hosted(self) -> bool:
        """Return True for a server that its makers run and that needs a key."""
        return bool(self.preset.key_env) and self.preset.host in ("", self.host)

    @property
    def name(self) -> str:
        """Return the name for people: the maker's for a hosted server, else the host."""
        return self.preset.title if self.hosted else self.host


def server_of(entry: str, table: OpenAIModelSettings, environ: Mapping[str, str]) -> ServerSettings:
    """Return the server of a model's table. Raises ConfigError."""
    key = environ.get(table.key_env, "").strip() if table.key_env else ""
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"{table.key_env} holds characters that a key cannot have. Copy the key again.")
    if table.api_version and table.preset != "azure":
        raise ConfigError(f'[models.{entry}] api_version works only with preset = "azure".')
    base_url = _azure_url(entry, table) if table.preset == "azure" else table.base_url or _default_url(environ)
    preset = preset_for(table.preset, base_url)
    hosted = bool(preset.key_env) and base_url == preset.base_url
    setting = "" if hosted else "base_url" if table.base_url else "OPENAI_BASE_URL"
    return ServerSettings(base_url, key, preset, table.api_version, setting)


def _default_url(environ: Mapping[str, str]) -> str:
    try:
        return checked_url(environ.get("OPENAI_BASE_URL", "")) or OPENAI_URL
    except ValueError as error:
        raise ConfigError(f"OPENAI_BASE_URL {error}.") from None


def _azure_url(entry: str, table: OpenAIModelSettings) -> str:
    """Return a resource's address with the API's path, unless the operator wrote a path. Raises ConfigError."""
    if not table.base_url:
        raise ConfigError(f"[models.{entry}] preset azure needs base_url: https://YOUR-RESOURCE.openai.azure.com")
    if urlsplit(table.base_url).path:
        return table.base_url
    return f"{table.base_url}/openai" if table.api_version else f"{table.base_url}/openai/v1"
