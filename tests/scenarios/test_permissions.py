"""The table of permissions, played on both platforms through their real client libraries, on every surface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.interfaces.messages import Person, Place, Subject
from bot.interfaces.records import AuditEntry, RecordChange, Rule
from tests.fakes.openai import Answer, failing
from tests.scenarios.permissions import CLOSED_MODEL, MAY, ROWS, SOMEBODY, WHO, Row, Surface, Who, Whose
from tests.stages import stages
from tests.stages.base import Said, Shown, TeamStage

TEAMS = {name: kind for name, kind in stages().items() if issubclass(kind, TeamStage)}
NAMES: dict[Who, str] = {
    "member": "ann",
    "denied": "ben",
    "guest": "gil",
    "allowed guest": "gil",
    "administrator": "root",
    "named administrator": "ann",
    "former administrator": "root",
    "denied former administrator": "root",
}
"""The accounts of the persons of the table."""


@pytest.fixture(params=sorted(TEAMS))
async def stage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[TeamStage, None]:
    """A platform with different rights; it audits and reports every refusal."""
    monkeypatch.setattr("bot.administration.refusals.MINUTE", 0.0)
    played = TEAMS[request.param](tmp_path)
    played.rates = False
    async with played.playing():
        yield played


DENIED: Collection[Who] = ("denied", "administrator", "named administrator", "denied former administrator")
"""The persons for whom a rule denies the bot."""


class Actor:
    """A person who tries every row.

    `found` is what there is to press and to pick from, by its label and whose it is; `talk` is one's own.
    """

    def __init__(self, stage: TeamStage, who: Who) -> None:
        self.stage = stage
        self.who = who
        self.name = NAMES[who]
        self.other = "ann" if self.name == "ben" else "ben"
        self.talk: Said
        self.thread: Said
        self.found: dict[tuple[str, Whose], Said] = {}
        self._refused = asyncio.Event()

    async def prepare(self) -> None:
        """Prepare the targets of later actions, then take on the person's rights."""
        stage, administration = self.stage, self.stage.app.services.administration
        place, person = await self._met()
        await self._leave_behind(place)
        if self.who in DENIED:
            await self._rule(place, Subject("person", person.id, person.name), allowed=False)
        if self.who in ("guest", "allowed guest"):
            await self._unrule(place)
        if self.who == "allowed guest":
            await self._rule(place, Subject("guests"), allowed=True)
        if self.who == "named administrator":
            administration._administrators = frozenset({f"{place.platform}:{person.id}"})
        if "former" in self.who:
            await stage.demote(self.name, heard=False)
        self._listen()

    async def mistake(self, row: Row, surface: Surface) -> str:
        """Return the difference between an action's result and the table; "" without one."""
        expected = self.who in MAY[row.needs]
        if surface in ("page", "completion"):
            shown_any = await self._look(row, surface)
            return (
                "" if shown_any == expected else f"{row.action} by {surface} is {'allowed' if shown_any else 'refused'}"
            )
        self._refused.clear()
        said = await self._do(row, surface, expected=expected)
        try:
            shown = await self._answer(said)
        except TimeoutError:
            return f"{row.action} by {surface} is not answered"
        if self._refused.is_set() == expected:
            return f"{row.action} by {surface} is {'refused' if expected else 'allowed'}"
        if shown and not expected and shown.only_for != self.name:
            return f"that {row.action} is refused by {surface} is seen by {shown.only_for or 'everybody'}"
        return ""

    async def _answer(self, said: Said) -> Shown | None:
        """Return the answer; None if no form was opened and no request was made."""
        answering = asyncio.create_task(self.stage.answer(said))
        refused = asyncio.create_task(self._refused.wait())
        await asyncio.wait({answering, refused}, return_when=asyncio.FIRST_COMPLETED)
        refused.cancel()
        if self._refused.is_set() and said.act not in self.stage.ledger.requests:
            answering.cancel()
            return None
        return await answering

    def _listen(self) -> None:
        """Record every audited refusal."""
        administration = self.stage.app.services.administration
        told = administration.notify

        def hear(entries: Sequence[AuditEntry]) -> None:
            told(entries)
            if any(entry.action == "refused" for entry in entries):
                self._refused.set()

        administration.notify = hear

    async def _look(self, row: Row, surface: Surface) -> bool:
        """Return whether anything private is shown."""
        if surface == "page":
            return "system_prompt" in await self.stage.page(self.name)
        return bool(await self.stage.complete(row.command, row.label, self.name))

    async def _do(self, row: Row, surface: Surface, *, expected: bool) -> Said:
        """Run the action; fill in a form only if one should open."""
        stage, where = self.stage, self.thread if row.whose == "another's" else None
        if row.arguments.get("who") == SOMEBODY:
            subject = str(Subject("person", stage.users[self.other], self.other.capitalize()))
            row = replace(row, arguments={**row.arguments, "who": subject})
        match surface:
            case "mention" if row.command == "chat":
                return await stage.mention(row.arguments["text"], self.name)
            case "mention":
                return await stage.mention(_typed(row), self.name, said=where or self.talk)
            case "button":
                return await stage.press(self.found[row.label, row.whose], row.label, self.name)
            case "menu":
                (value,) = row.arguments.values()
                menu = self.found[row.label, row.whose]
                if row.values and expected:
                    return await stage.fill_picked(menu, row.label, value, row.values, self.name)
                return await stage.pick(menu, row.label, value, self.name)
            case "shortcut":
                return await stage.point(self.talk, row.label, self.name)
            case "form" if expected:
                return await stage.fill(None, row.command, row.arguments, row.values, self.name)
            case _:
                return await stage.command(row.command, row.arguments, self.name, where)

    async def _met(self) -> tuple[Place, Person]:
        """Ask the person's first question, while the person may."""
        stage = self.stage
        if self.name == "gil":
            await self._rule(await self._place(), Subject("guests"), allowed=True)
        self.talk = await stage.mention("Hello", self.name)
        await stage.answer(self.talk)
        request = stage.ledger.requests[self.talk.act]
        asked = await stage.app.services.conversations.asker(request)
        assert asked is not None
        return asked[0], Person(asked[1], self.name.capitalize())

    async def _leave_behind(self, place: Place) -> None:
        """Prepare answers with buttons and menus, own and foreign; the running ones come last."""
        stage = self.stage
        for subject in (Subject("everyone"), Subject("guests")):
            await self._rule(place, subject, allowed=False, target=f"model:{CLOSED_MODEL}")
        await stage.answer(await stage.command("persona make", {"name": "owl", "prompt": "You are an owl."}, "root"))
        feedback = {"key": "feedback", "value": "on", "scope": "workspace"}
        await stage.answer(await stage.command("config set", feedback, "root"))
        for row in ROWS:
            if row.under:
                self.found[row.label, "one's own"] = await stage.command(row.under, {}, self.name)
                await stage.answer(self.found[row.label, "one's own"])
        self.thread = await stage.mention("Hello", self.other, said=await stage.thread("The build is red."))
        await stage.answer(self.thread)
        self.found["👍", "one's own"] = self.talk = await stage.mention("Hello", self.name)
        await stage.answer(self.talk)
        people: Mapping[Whose, tuple[str, Said | None]] = {
            "one's own": (self.name, None),
            "another's": (self.other, self.thread),
        }
        for whose, (name, where) in people.items():
            stage.model.script(failing(401, "Incorrect API key", "invalid_api_key"))
            self.found["Retry", whose] = await stage.mention("Hello", name, said=where)
            await stage.answer(self.found["Retry", whose])
        for whose, (name, _) in people.items():
            stage.model.script(Answer(("Half of it", asyncio.Event())))
            self.found["Stop", whose] = await stage.mention("A long story", name)
            await stage.sees(self.found["Stop", whose], "Half of it")

    async def _place(self) -> Place:
        """Return the channel, from a question of Ann's."""
        said = await self.stage.mention("Hello", "ann")
        await self.stage.answer(said)
        asked = await self.stage.app.services.conversations.asker(self.stage.ledger.requests[said.act])
        assert asked is not None
        return asked[0]

    async def _rule(self, place: Place, subject: Subject, *, allowed: bool, target: str = "bot") -> None:
        rule = Rule(place.platform, place.workspace, subject, target, allowed)
        await self.stage.app.services.administration.change([RecordChange(rule)], [])

    async def _unrule(self, place: Place) -> None:
        rule = Rule(place.platform, place.workspace, Subject("guests"), "bot", allowed=True)
        await self.stage.app.services.administration.change([RecordChange(rule, removed=True)], [])


def _typed(row: Row) -> str:
    """Return a command as people type it into a message."""
    given = "".join(f' --{name}="{value}"' for name, value in row.arguments.items() if name != "text")
    return f"/{row.command}{given} {row.arguments.get('text', '')}".strip()


@pytest.mark.parametrize("who", WHO)
async def test_everybody_may_what_the_table_says(stage: TeamStage, who: Who) -> None:
    if reason := stage.cannot.get("guests") if "guest" in who else None:
        pytest.skip(reason)
    actor = Actor(stage, who)
    await actor.prepare()
    played = [(row, surface) for row in ROWS if stage.platform in row.platforms for surface in row.surfaces]
    played.sort(key=lambda tried: tried[1] != "button" or tried[0].label != "Stop")  # one's next question waits for it
    mistakes = [await actor.mistake(row, surface) for row, surface in played]
    assert list(filter(None, mistakes)) == []
