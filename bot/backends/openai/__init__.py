"""OpenAI, and everything that speaks its API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bot.backends.openai.chat import OpenAIBackend
from bot.backends.openai.connection import Connection
from bot.backends.openai.settings import OpenAIModel, server_of
from bot.network import network_of
from bot.ports import Backend, BackendKind
from bot.section import ModelSection, Section


def create(
    tables: Mapping[str, ModelSection], environ: Mapping[str, str], _data: Path, _shared: Section
) -> Mapping[str, Backend]:
    """A backend for each table; all share one HTTP client. Raises ConfigError."""
    connection = Connection(network_of(environ))
    backends: dict[str, Backend] = {}
    for name, table in tables.items():
        assert isinstance(table, OpenAIModel)
        backends[name] = OpenAIBackend(table, server_of(name, table, environ), connection)
    return backends


__all__ = ["BACKEND", "OpenAIModel", "create"]

BACKEND = BackendKind(name="openai", settings=OpenAIModel, create=create)
