"""What tests of forgetting look at: what is said, kept, and left in the bytes of the database's files."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection
from pathlib import Path

from bot.interfaces.messages import Person, Place
from tests.core.world import ANN, World
from tests.fakes.memory import MemoryDraft

OTHER = Place("discord", "guild", "other", name="#other")
ELSEWHERE = Place("discord", "another guild", "general", name="#general")


class Files:
    """The bytes of the database's files, and of those of answers beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def holding(self, *words: str) -> list[str]:
        """Those of the words that are in any of them."""
        return await asyncio.to_thread(self._holding, words)

    def _holding(self, words: Collection[str]) -> list[str]:
        paths = [*self.folder.glob("shoulders.db*"), *self.folder.glob("shoulders-files/*")]
        everything = b"".join(path.read_bytes() for path in sorted(paths))
        return [word for word in words if word.encode() in everything]


def answer_text(draft: MemoryDraft) -> str:
    """All that an answer says."""
    return "\n".join((draft.answers[-1].text, *draft.answers[-1].notes))


async def forget(world: World, what: str, place: Place, person: Person = ANN) -> MemoryDraft:
    return await world.command(f"forget {what}", place, person, sure="yes")


async def texts(world: World, conversation: int) -> list[str]:
    return [turn.text.strip() for turn in await world.store.conversations.turns(conversation)]


def prompt_turns(world: World) -> list[tuple[str, str]]:
    return [(utterance.role, utterance.text) for utterance in world.main.prompts[-1][1:]]


async def rows_of(folder: Path, query: str) -> list[tuple[str | int | None, ...]]:
    def read() -> list[tuple[str | int | None, ...]]:
        connection = sqlite3.connect(folder / "shoulders.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    return await asyncio.to_thread(read)
