"""The backend for OpenAI and for every server with a compatible API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bot.backends.openai.chat import OpenAIBackend
from bot.backends.openai.client import HttpClient
from bot.backends.openai.settings import OpenAIModelSettings, server_of
from bot.interfaces.backend import Backend, BackendKind
from bot.interfaces.config import ModelSection, Section
from bot.interfaces.network import network_of


def create(
    tables: Mapping[str, ModelSection], environ: Mapping[str, str], _data: Path, _shared: Section
) -> Mapping[str, Backend]:
    """Return a backend for each table; all share one HTTP client. Raises ConfigError."""
    connection = HttpClient(network_of(environ))
    backends: dict[str, Backend] = {}
    for name, table in tables.items():
        assert isinstance(table, OpenAIModelSettings)
        backends[name] = OpenAIBackend(table, server_of(name, table, environ), connection)
    return backends


__all__ = ["BACKEND", "OpenAIModelSettings", "create"]

BACKEND = BackendKind(name="openai", settings=OpenAIModelSettings, create=create)
