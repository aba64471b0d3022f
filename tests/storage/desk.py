"""A desk that accepts requests, with the people and places of the tests of storage."""

from __future__ import annotations

from dataclasses import replace

from bot.chat.continuation import continuation
from bot.interfaces.command import Command
from bot.interfaces.database import Database
from bot.interfaces.messages import Act, Person, Place, Request, Turn
from bot.interfaces.replies import Answer
from bot.interfaces.store import Accepted, RequestOutcome

CHAT = Command("chat", "", converses=True)
STEER = Command("stop", "", passes=True, quiet=True)
AGAIN = Command("retry", "")
QUARTER = 15 * 60_000
CHANNEL = Place("discord", "guild", "general", name="#general")
THREAD = replace(CHANNEL, thread="thread")
DIRECT = Place("discord", "@me", "dm", direct=True)
ANN, BEN = Person("1", "Ann"), Person("2", "Ben")


class Desk:
    """Accepts requests the way the request queue does, with acts that count up."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self.acts = 100

    async def say(
        self, place: Place, person: Person = ANN, command: Command = CHAT, window: int = QUARTER, **more: object
    ) -> Accepted | None:
        self.acts += 1
        request = Request(Act(str(self.acts), self.acts), place, person, command.name, message=f"m{self.acts}")
        request = replace(request, **more)  # type: ignore[arg-type]  # any field
        return await self.store.requests.accept(request, continuation(request, command, window))

    async def must(self, place: Place, person: Person = ANN, command: Command = CHAT, **more: object) -> Accepted:
        accepted = await self.say(place, person, command, **more)  # type: ignore[arg-type]  # any field
        assert accepted is not None
        return accepted

    async def answer(self, accepted: Accepted, question: str, reply: str, parent: int | None = None) -> None:
        asked = Turn(0, None, "user", accepted.request.person.id, accepted.request.person.name, question)
        said = Turn(0, None, "assistant", "", "", reply, "m")
        await self.store.requests.answered(accepted, RequestOutcome(Answer(reply), parent, asked, said))
        await self.store.requests.part_creating(accepted.id, 0, reply)
        await self.store.requests.part_created(accepted.id, 0, f"a{accepted.id}")
        await self.store.requests.end(accepted.id, "done")
