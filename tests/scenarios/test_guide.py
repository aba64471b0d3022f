"""Every example of the administrators' guide, as an administrator types it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.interfaces.messages import Subject
from tests.documents import DOCS
from tests.stages import stages
from tests.stages.base import Said, Stage
from tests.stages.slack import SlackStage

EXAMPLES = re.findall(r"^ {4}(/.*?)(?: {3,}.*)?$", (DOCS / "administration.md").read_text("utf-8"), re.MULTILINE)
TYPED = sorted(set(stages()) - {"discord"})
"""Platforms where commands are lines of text. Discord's own client fills in their options."""

MODEL = '[models.gpt]\nbackend = "openai"\nmodel = "gpt-4o"\nbase_url = "{}"\n'


class Guide:
    """Return a platform with the objects of the guide's examples."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def ask(self, line: str) -> str:
        """Type a line, and return the answer."""
        return (await self.stage.answer(await self._type(line))).text

    async def _type(self, line: str) -> Said:
        stage = self.stage
        if isinstance(stage, SlackStage):
            roles = {name: stage.slack.group(name) for name in ("helpdesk", "staff") if f"@{name}" in line}
            await stage.slack.settled()
            for name, group in roles.items():
                line = line.replace(f"@{name}", f"<!subteam^{group}|@{name}>")
            line = line.replace("@ann", f"<@{stage.users['ann']}>").replace("#general", f"<#{stage.channel}|general>")
            act = stage.slack.command(stage.channel, stage.users["root"], "/shoulders", line.removeprefix("/"))
            return Said(act.trigger, "root", stage.channel)
        line = re.sub(r"@(helpdesk|staff)", str(Subject("role", "7", "mods")), line)
        line = line.replace("@ann", str(Subject("person", "1", "ann")))
        return await stage.mention(line.replace("#general", str(Subject("channel", "general", "general"))))


@pytest.fixture(params=TYPED)
async def guide(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Guide, None]:
    stage = stages()[request.param](tmp_path)
    tables = stage.tables
    stage.tables = lambda: MODEL.format(stage.model.base_url) + tables()  # type: ignore[method-assign]  # another model
    async with stage.playing():
        yield Guide(stage)


async def test_no_example_is_refused(guide: Guide) -> None:
    assert len(EXAMPLES) >= 10
    said = {line: await guide.ask(line) for line in EXAMPLES}
    assert {line: text for line, text in said.items() if "from now on" not in text} == {}


async def test_the_example_about_a_channel_denies_ask(guide: Guide) -> None:
    (line,) = [line for line in EXAMPLES if "--channel" in line and line.startswith("/access")]
    assert "#general may not use /ask from now on" in await guide.ask(line)
