"""The table of permissions, played on both platforms through their real client libraries, on every surface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from bot.books import Change, Entry, Rule
from bot.types import Person, Place, Subject
from tests.fakes.openai import failing
from tests.permissions import MAY, ROWS, WHO, Row, Surface, Who
from tests.stages.base import Said, Shown, TeamStage
from tests.test_scenarios import STAGES

TEAMS = {name: kind for name, kind in STAGES.items() if issubclass(kind, TeamStage)}
NAMES: dict[Who, str] = {
    "member": "ann",
    "denied": "ben",
    "guest": "gil",
    "allowed guest": "gil",
    "administrator": "root",
    "named administrator": "ann",
    "former administrator": "root",
}
"""Who plays whom."""


@pytest.fixture(params=sorted(TEAMS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[TeamStage, None]:
    """A platform where rights can differ."""
    played = TEAMS[request.param](tmp_path)
    async with played.playing():
        played.unhurried()
        yield played


class Actor:
    """Somebody who tries everything."""

    def __init__(self, stage: TeamStage, who: Who) -> None:
        self.stage = stage
        self.who = who
        self.name = NAMES[who]
        self.talk: Said
        self._refused = asyncio.Event()

    async def prepare(self) -> None:
        """Have one's own answered question to try buttons on, then become who one is."""
        stage, administration = self.stage, self.stage.app.services.administration
        place, person = await self._met()
        if self.who == "denied":
            await self._rule(place, Subject("person", person.id, person.name), allowed=False)
        if self.who in ("guest", "allowed guest"):
            await self._unrule(place)
        if self.who == "allowed guest":
            await self._rule(place, Subject("guests"), allowed=True)
        if self.who == "named administrator":
            administration._administrators = frozenset({f"{place.platform}:{person.id}"})
        if self.who == "former administrator":
            await stage.demote(self.name)
        self._listen()

    async def mistake(self, row: Row, surface: Surface) -> str:
        """How what happens differs from what the table says; "" where it does not."""
        expected = self.who in MAY[row.needs]
        self._refused.clear()
        said = await self._do(row, "command" if surface == "form" and not expected else surface)
        try:
            shown = await self._answer(said)
        except TimeoutError:
            return f"{row.what} by {surface} is not answered"
        if self._refused.is_set() == expected:
            return f"{row.what} by {surface} is {'refused' if expected else 'allowed'}"
        if shown and not expected and shown.only_for != self.name:
            return f"that {row.what} is refused by {surface} is seen by {shown.only_for or 'everybody'}"
        return ""

    async def _answer(self, said: Said) -> Shown | None:
        """What is shown; None where no form was opened and nothing was asked."""
        answering = asyncio.create_task(self.stage.answer(said))
        refused = asyncio.create_task(self._refused.wait())
        await asyncio.wait({answering, refused}, return_when=asyncio.FIRST_COMPLETED)
        refused.cancel()
        if self._refused.is_set() and said.act not in self.stage.ledger.requests:
            answering.cancel()
            return None
        return await answering

    def _listen(self) -> None:
        """Notice every refusal that is written down."""
        administration = self.stage.app.services.administration
        told = administration.told

        def hear(entries: Sequence[Entry]) -> None:
            told(entries)
            if any(entry.action == "refused" for entry in entries):
                self._refused.set()

        administration.told = hear

    async def _do(self, row: Row, surface: Surface) -> Said:
        stage = self.stage
        match surface:
            case "mention" if row.command == "chat":
                return await stage.mention(row.arguments["text"], self.name)
            case "mention":
                return await stage.mention(_typed(row), self.name, said=self.talk)
            case "button":
                return await stage.press(self.talk, row.command.capitalize(), self.name)
            case "form":
                return await stage.fill(None, row.command, row.arguments, row.values, self.name)
            case "command":
                return await stage.command(row.command, row.arguments, self.name)

    async def _met(self) -> tuple[Place, Person]:
        """Somebody's first talk, while they still may; it ends with a Retry button."""
        stage = self.stage
        if self.name == "gil":
            await self._rule(await self._place(), Subject("guests"), allowed=True)
        stage.model.script(failing(401, "Incorrect API key", "invalid_api_key"))
        self.talk = await stage.mention("Hello", self.name)
        await stage.answer(self.talk)
        request = stage.ledger.requests[self.talk.act]
        asked = await stage.app.services.store.asker(request)
        assert asked is not None
        return asked[0], Person(asked[1], self.name.capitalize())

    async def _place(self) -> Place:
        """The channel, learned from a question of Ann's."""
        said = await self.stage.mention("Hello", "ann")
        await self.stage.answer(said)
        asked = await self.stage.app.services.store.asker(self.stage.ledger.requests[said.act])
        assert asked is not None
        return asked[0]

    async def _rule(self, place: Place, subject: Subject, *, allowed: bool) -> None:
        rule = Rule(place.platform, place.workspace, subject, "bot", allowed)
        await self.stage.app.services.administration.change([Change(rule)], [])

    async def _unrule(self, place: Place) -> None:
        rule = Rule(place.platform, place.workspace, Subject("guests"), "bot", allowed=True)
        await self.stage.app.services.administration.change([Change(rule, removed=True)], [])


def _typed(row: Row) -> str:
    """A command as it is typed into a message."""
    given = "".join(f' --{name}="{value}"' for name, value in row.arguments.items() if name != "text")
    return f"/{row.command}{given} {row.arguments.get('text', '')}".strip()


@pytest.mark.parametrize("who", WHO)
async def test_everybody_may_what_the_table_says(stage: TeamStage, who: Who) -> None:
    if reason := stage.cannot.get("guests") if "guest" in who else None:
        pytest.skip(reason)
    actor = Actor(stage, who)
    await actor.prepare()
    mistakes = [await actor.mistake(row, surface) for row in ROWS for surface in row.surfaces]
    assert list(filter(None, mistakes)) == []
