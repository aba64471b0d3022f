"""The table of privacy, played on both platforms through their real client libraries."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.documents import DOCS
from tests.fakes.openai import Answer
from tests.scenarios.matrix import ASKED, LACKING, SHOWN, WAYS, Asked, Way
from tests.scenarios.test_permissions import TEAMS
from tests.stages.base import HIDEOUT, Said, TeamStage

SECRET = "kingfisher"
ALONE: frozenset[Asked] = frozenset({"private by setting", "private reply", "private by option", "private by mention"})
"""The ways of asking whose answer only Ann sees."""

QUESTION, TOLD = "What is the code word?", f"The code word is {SECRET}."


@pytest.fixture(params=sorted(TEAMS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[TeamStage, None]:
    """A platform with several people."""
    played = TEAMS[request.param](tmp_path)
    played.rates = False
    async with played.playing():
        yield played


class Onlooker:
    """Ann asks; Ben, and Root, an administrator outside her places, look for her answer."""

    def __init__(self, stage: TeamStage, asked: Asked) -> None:
        self.stage = stage
        self.asked = asked
        self.told: Said
        self.answer = ""
        self.said_to_others: Said | None = None
        self.looks: Mapping[Way, Callable[[], Awaitable[str]]] = {
            "prompt": lambda: self._ask("And then?"),
            "reply": self._reply,
            "thread": self._thread,
            "retry": self._retry,
            "summary": lambda: self._do("summarise", {"last": "50"}, "ben"),
            "shortcut": self._shortcut,
            "context": self._context,
            "export": self._export,
            "audit": lambda: self._as_root("audit show", "audit export"),
            "usage": lambda: self._as_root("usage people", "usage csv"),
            "page": self._page,
            "completion": self._completion,
        }

    async def prepare(self) -> None:
        """Let Ann ask a question and meet a refusal, so that the audit has an entry."""
        stage = self.stage
        for key, value in (("continues", "channel"), ("keep", "everything")):
            setting = {"key": key, "value": value, "scope": "channel" if key == "continues" else "workspace"}
            await stage.answer(await stage.command("config set", setting, "root"))
        first = await stage.mention("What is a word?")
        await stage.answer(first)
        if self.asked in ("private by setting", "private reply"):
            await stage.answer(await stage.command("config set", {"key": "private", "value": "on", "scope": "me"}))
        where = await self._where()
        await stage.answer(await stage.mention("/usage people", said=where))
        if where or self.asked == "public":
            self.said_to_others = await stage.speak(where, TOLD, "ann") if where else await stage.post(TOLD, "ann")
        stage.model.script(Answer((TOLD,)))
        self.told = await self._asks(where, first)
        shown = await stage.answer(self.told)
        assert SECRET in shown.text
        assert shown.only_for == ("ann" if self.asked in ALONE else "")

    async def _where(self) -> Said | None:
        if self.asked not in ("private thread", "private channel", "group message"):
            return None
        closed = await self.stage.hideouts("ann")
        return closed[0] if self.asked == "private channel" else closed[-1]

    async def _asks(self, where: Said | None, first: Said) -> Said:
        """Ask with the secret in Ann's place, and in the public one."""
        stage = self.stage
        match self.asked:
            case "private reply":
                return await stage.follow(first, QUESTION)
            case "private by option":
                return await stage.command("ask", {"text": f"{QUESTION} {TOLD}", "private": "yes"})
            case "private by mention":
                return await stage.mention(f"/ask --private {QUESTION}")
            case "direct message":
                return await stage.direct(f"{QUESTION} {TOLD}")
            case _:
                told = "" if self.asked == "private by setting" else TOLD
                return await stage.mention(f"{QUESTION} {told}".strip(), said=where)

    async def mistake(self, way: Way) -> str:
        """Return the difference between the visible text and the table; "" without one."""
        before = len(self.stage.model.requests)
        seen = await self.looks[way]()
        seen += str([request["messages"] for request in self.stage.model.requests[before:]]) if way != "retry" else ""
        shown = SECRET in seen
        if shown != (way in SHOWN.get((self.stage.platform, self.asked), ())):
            return f"{way}: {'visible' if shown else 'private'}: {seen}"
        return f"{way}: where it was is named: {seen}" if HIDEOUT in seen else ""

    @property
    def in_sight(self) -> bool:
        """Return whether everybody sees the message with Ann's question."""
        return bool(self.told.message) and self.told.channel == self.stage.channel

    async def _seen(self, said: Said) -> str:
        """Return another person's view of an answer."""
        shown = await self.stage.answer(said)
        if said.who == "ann" and shown.only_for == "ann":
            return ""
        files = [gzip.decompress(file) if name.endswith(".gz") else file for name, file in shown.files]
        return "\n".join([shown.text, *(file.decode() for file in files)])

    async def _ask(self, text: str, said: Said | None = None, who: str = "ben") -> str:
        return await self._seen(await self.stage.mention(text, who, said=said))

    async def _do(self, command: str, arguments: Mapping[str, str], who: str) -> str:
        return await self._seen(await self.stage.command(command, arguments, who))

    async def _as_root(self, *commands: str) -> str:
        return "\n".join([await self._do(command, {}, "root") for command in commands])

    async def _reply(self) -> str:
        stage = self.stage
        request = stage.ledger.requests[self.told.act]
        messages = [self.told.message, *stage.ledger.messages[request].values()]
        replies = [await stage.reply(message.rpartition("/")[2], QUESTION, "ben") for message in messages if message]
        return "\n".join([await self._seen(reply) for reply in replies if reply])

    async def _thread(self) -> str:
        return await self._ask(QUESTION, self.stage.below(self.told)) if self.in_sight else ""

    async def _retry(self) -> str:
        return "\n".join([await self._do("retry", {}, who) for who in ("ben", "ann")])

    async def _shortcut(self) -> str:
        """Use a shortcut on the answer, if it stands in the channel, or on another message."""
        stage = self.stage
        answers = stage.ledger.messages[stage.ledger.requests[self.told.act]]
        if self.asked == "public":
            said = replace(self.told, act="", message=answers[min(answers)].rpartition("/")[2])
        else:
            said = await stage.mention("Hello", "ben")
            await stage.answer(said)
        return await self._seen(await stage.point(said, "Summarise", "ben"))

    async def _context(self) -> str:
        heard = self.said_to_others
        below = self.stage.below(heard) if heard and heard.channel == self.stage.channel else None
        return await self._ask(QUESTION, below)

    async def _export(self) -> str:
        return await self._as_root("export channel", "export everything", "export me")

    async def _page(self) -> str:
        return "\n".join([await self.stage.page(who) for who in ("ben", "root")])

    async def _completion(self) -> str:
        offered: list[str] = []
        for who in ("ben", "root"):
            for command, option in (("ask", "model"), ("config show", "key"), ("persona use", "name")):
                offered += await self.stage.complete(command, option, who)
        return "\n".join([*offered, *await self.stage.complete("audit show", "action", "root")])


@pytest.mark.parametrize("why", LACKING.values())
def test_what_a_platform_lacks_stands_in_the_limits(why: str) -> None:
    assert why in (DOCS / "limits.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", ASKED)
async def test_others_see_only_what_the_table_shows(stage: TeamStage, asked: Asked) -> None:
    if reason := LACKING.get((stage.platform, asked)):
        pytest.skip(reason)
    onlooker = Onlooker(stage, asked)
    await onlooker.prepare()
    for who in ("ben", "root") if asked != "public" else ():
        assert SECRET not in str(stage.visible(who)), f"{who} reads it"
    ways = sorted(WAYS, key=lambda way: way != "retry")  # it means the latest question
    mistakes = [await onlooker.mistake(way) for way in ways if (stage.platform, way) not in LACKING]
    assert list(filter(None, mistakes)) == []
    for who in ("ben", "root"):
        assert (SECRET in str(stage.visible(who))) == (asked == "public"), f"{who} reads it"
