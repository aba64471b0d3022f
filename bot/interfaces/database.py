"""The whole port of a database: one protocol for each of its stores."""

from __future__ import annotations

from typing import Protocol

from bot.interfaces.catalogue import CatalogueStore
from bot.interfaces.history import HistoryStore
from bot.interfaces.records import RecordStore
from bot.interfaces.store import ConversationStore, RequestStore
from bot.interfaces.usage import UsageStore


class Database(Protocol):
    """An open database. Its stores write in one order: a change is on disk no later than those made after it."""

    @property
    def requests(self) -> RequestStore:
        """Requests, drafts and answers."""

    @property
    def conversations(self) -> ConversationStore:
        """Conversations and turns."""

    @property
    def records(self) -> RecordStore:
        """Decisions of administrators, and their audit."""

    @property
    def usage(self) -> UsageStore:
        """Calls of models, and their cost."""

    @property
    def history(self) -> HistoryStore:
        """Stored data of people and places: to count, copy and delete."""

    @property
    def catalogue(self) -> CatalogueStore:
        """Models that administrators added."""

    async def aclose(self) -> None:
        """Finish all queued changes and close the database."""
