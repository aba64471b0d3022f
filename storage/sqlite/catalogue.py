"""Models that administrators added, in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

from bot.interfaces.catalogue import AddedModel
from storage.sqlite.connections import Connections

_COLUMNS = ", ".join(field.name for field in fields(AddedModel))
_MARKS = ", ".join("?" for _ in fields(AddedModel))


class SQLiteCatalogue:
    """A bot.interfaces.catalogue.CatalogueStore."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def load(self) -> Sequence[AddedModel]:
        query = f"SELECT {_COLUMNS} FROM catalogue ORDER BY name"
        return [AddedModel(*row) for row in await self._connections.rows(query)]

    async def add(self, model: AddedModel) -> None:
        await self._connections.change(
            f"INSERT OR REPLACE INTO catalogue ({_COLUMNS}) VALUES ({_MARKS})", *astuple(model)
        )

    async def remove(self, name: str) -> None:
        await self._connections.change("DELETE FROM catalogue WHERE name = ?", name)
