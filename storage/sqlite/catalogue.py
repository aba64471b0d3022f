"""Models that administrators added, in SQLite. A bot.interfaces.catalogue.CatalogueStore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

from bot.interfaces.catalogue import AddedModel
from storage.sqlite.writer import Connection, GroupCommitWriter

_COLUMNS = ", ".join(field.name for field in fields(AddedModel))
_MARKS = ", ".join("?" for _ in fields(AddedModel))


class SQLiteCatalogue:
    """Shares the store's connections."""

    def __init__(self, writer: GroupCommitWriter, reading: Connection) -> None:
        self._writer = writer
        self._reading = reading

    async def load(self) -> Sequence[AddedModel]:
        """All of them, in the order of their names."""
        query = f"SELECT {_COLUMNS} FROM catalogue ORDER BY name"  # noqa: S608 -- own columns
        return [AddedModel(*row) for row in await self._reading.execute_fetchall(query)]

    async def add(self, model: AddedModel) -> None:
        """Keep a model, in place of one of its name."""
        query = f"INSERT OR REPLACE INTO catalogue ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 -- own columns
        await self._writer.write(lambda connection: connection.execute(query, astuple(model)).rowcount)

    async def remove(self, name: str) -> None:
        """Forget a model."""
        await self._writer.write(
            lambda connection: connection.execute("DELETE FROM catalogue WHERE name = ?", (name,)).rowcount
        )
