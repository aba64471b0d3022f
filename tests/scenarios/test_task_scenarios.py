"""Tasks on the platforms, through the real client libraries: commands, shortcuts, mentions and files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.discord.adapter import CONTEXT_HIDDEN
from bot.interfaces import jobs
from tests.fakes.attached import content_of
from tests.fakes.discord.world import READ_HISTORY
from tests.fakes.pretrained import MemoryPretrained, Pretrained
from tests.stages.base import Said, Stage, TeamStage
from tests.stages.console import ConsoleStage
from tests.stages.discord import DiscordStage
from tests.stages.slack import SlackStage
from tests.tasks.examples import EXAMPLES, Example

S = TypeVar("S", bound=Stage)

TEAMS = {"discord": DiscordStage, "slack": SlackStage}
STAGES: Mapping[str, type[Stage]] = {**TEAMS, "console": ConsoleStage}


@asynccontextmanager
async def playing(played: S) -> AsyncGenerator[S, None]:
    """A platform whose model "spare" does every job."""
    async with played.playing():
        catalogue = played.app.services.catalogue
        catalogue.backends["spare"], catalogue.sections["spare"] = MemoryPretrained(), Pretrained()
        yield played


@pytest.fixture(params=sorted(TEAMS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[TeamStage, None]:
    async with playing(TEAMS[request.param](tmp_path)) as played:
        yield played


def made(stage: TeamStage) -> MemoryPretrained:
    found = stage.app.services.backends["spare"]
    assert isinstance(found, MemoryPretrained)
    return found


async def ask(stage: Stage, name: str, example: Example, folder: Path) -> Said:
    """Ask by the platform's command, with a file in the platform's way."""
    given = dict(example.arguments) | ({"model": "spare"} if "model" in example.arguments else {})
    if example.attachment is None:
        return await stage.command(name, given)
    file = example.attachment.name
    if isinstance(stage, ConsoleStage):
        path = folder / file
        await asyncio.to_thread(path.write_bytes, content_of(file))
        return await stage.command(name, given | {"file": str(path)})
    if isinstance(stage, DiscordStage):
        return await stage.command(name, given | {"file": file})
    question = given.pop("question", "")
    words = [f"--{key}" if value == "yes" else f"--{key} {value}" for key, value in given.items()]
    return await stage.mention(" ".join([f"/{name}", *words, question]).strip(), files=[file])


@pytest.mark.parametrize("platform", sorted(STAGES))
@pytest.mark.parametrize("name", sorted(EXAMPLES))
async def test_every_task_answers_through_its_command(
    platform: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the terminal saves files where it was started
    example = EXAMPLES[name]
    async with playing(STAGES[platform](tmp_path)) as stage:
        shown = await stage.answer(await ask(stage, name, example, tmp_path))
    assert "Answered by spare" in shown.text
    for words in (words for expected in example.shows for words in expected.split("  ")):
        assert drawn(words, platform) in drawn(shown.text, platform)
    if platform != "console":  # which keeps files in a folder
        assert [file for file, _ in shown.files] == ([example.file] if example.file else [])


def drawn(text: str, platform: str) -> str:
    """Return the expected words as the platform draws them: a terminal draws Markdown and breaks lines."""
    text = text.replace("hello from the sea", "abc")
    return "".join(re.sub(r"[*`>│▌\s]", "", text)) if platform == "console" else text


async def test_a_shortcut_of_a_message_reads_it(stage: TeamStage) -> None:
    await stage.connected()
    there = await stage.thread("Good morning", "I hate this awful weather")
    shown = await stage.answer(await stage.point(there, "Sentiment"))
    assert "NEGATIVE  ████████████" in shown.text
    job = made(stage).jobs[-1]
    assert isinstance(job, jobs.Classify)
    assert job.texts == ("I hate this awful weather",)


async def test_a_shortcut_reads_the_files_of_a_message(stage: TeamStage) -> None:
    await stage.connected()
    there = await stage.mention("Look at this", files=["cat.png"])
    await stage.answer(there)
    shown = await stage.answer(await stage.point(there, "Describe"))
    assert "a cat on a mat" in shown.text


async def test_messages_of_a_thread_are_read_and_linked(stage: TeamStage) -> None:
    there = await stage.thread("We meet on Tuesday", "Fine with me")
    said = await stage.mention("/answer --last 10 When is Tuesday?", said=there)
    shown = await stage.answer(said)
    assert "We meet on" in shown.text
    assert re.search(r"\[?Ben\]? ?\(.*(discord\.com/channels|team\.slack\.invalid/archives)/", shown.text)
    job = made(stage).jobs[-1]
    assert isinstance(job, jobs.Extract)
    assert job.text == "Ben: We meet on Tuesday\nBen: Fine with me"


async def test_what_was_said_in_a_channel_is_read(stage: TeamStage) -> None:
    for line in ("Rain again", "And cold", "Sun tomorrow"):
        await stage.answer(await stage.mention(line))
    said = await stage.command("similar", {"one": "Sun", "last": "6"})
    await stage.answer(said)
    job = made(stage).jobs[-1]
    assert isinstance(job, jobs.Embed)
    assert any("Sun tomorrow" in text for text in job.texts[1:])
    assert not any("/similar" in text for text in job.texts)


@pytest.mark.parametrize("by", ["command", "mention"])
async def test_people_without_history_get_no_summary(by: str, tmp_path: Path) -> None:
    stage = DiscordStage(tmp_path)
    open_platform = stage.open_platform

    async def opened() -> None:
        await open_platform()
        stage.discord.world.channels[stage.channel].forbidden[stage.users["ann"]] = READ_HISTORY

    stage.open_platform = opened  # type: ignore[method-assign]  # the channel is as it is before the bot connects
    async with playing(stage):
        await stage.answer(await stage.mention("A secret", "ben"))
        if by == "command":
            said = await stage.command("summarise", {"last": "5"})
        else:
            said = await stage.mention("/summarise last:5")
        assert "You may not read the earlier messages" in (await stage.answer(said)).text
        assert "A secret" in (await stage.answer(await stage.command("similar", {"one": "x", "last": "5"}, "ben"))).text


async def test_without_the_intent_answers_say_what_is_hidden(tmp_path: Path) -> None:
    stage = DiscordStage(tmp_path)
    open_platform = stage.open_platform

    async def opened() -> None:
        await open_platform()
        stage.discord.refuse_message_content()

    stage.open_platform = opened  # type: ignore[method-assign]  # before the bot connects
    async with playing(stage):
        there = await stage.thread("The launch is on Tuesday", "Bring cake")
        for command, arguments in (("summarise", {"last": "5"}), ("answer", {"question": "When?", "last": "5"})):
            shown = await stage.answer(await stage.command(command, arguments, said=there))
            assert "I can't read 2 messages" in shown.text
        assert made(stage).jobs == []
        shown = await stage.answer(await stage.mention("When is the launch?", said=there))
        assert "When is the launch?" in shown.parts[0]
        assert CONTEXT_HIDDEN in shown.parts[-1]
        again = await stage.answer(await stage.mention("And who comes?", said=there))
        assert "without what was said" not in again.text, "nothing was said since the last answer"
        shown = await stage.answer(await stage.point(there, "Summarise"))
        assert "Bring cake" in str(made(stage).jobs[-1])


async def test_the_message_replied_to_is_read(stage: TeamStage) -> None:
    """On Slack the message replied to is the first message of the thread."""
    first = await stage.mention("I love it")
    await stage.answer(first)
    if isinstance(stage, DiscordStage):
        message = stage.discord.post(
            stage.channel, stage.users["ann"], stage.discord.mention("/sentiment"), reply_to=first.message
        )
        said = Said(message, "ann", stage.channel, message=message)
    else:
        said = await stage.mention("/sentiment", said=first)
    assert "POSITIVE" in (await stage.answer(said)).text
    job = made(stage).jobs[-1]
    assert isinstance(job, jobs.Classify)
    assert job.texts == ("I love it",)


async def test_a_terminal_reports_its_missing_history(tmp_path: Path) -> None:
    async with playing(ConsoleStage(tmp_path)) as stage:
        shown = await stage.answer(await stage.command("summarise", {"last": "5"}))
    assert "There is no message history here" in shown.text


async def test_everybody_on_slack_sees_what_was_asked(tmp_path: Path) -> None:
    async with playing(SlackStage(tmp_path)) as stage:
        shown = await stage.answer(await stage.command("answer", dict(EXAMPLES["answer"].arguments)))
    assert '> /answer When is Tuesday? text:"Ann said: The launch is on Tuesday. Bring good cake."' in shown.text


@pytest.mark.parametrize("platform", sorted(STAGES))
async def test_the_chat_model_does_it_after_a_press(platform: str, tmp_path: Path) -> None:
    async with playing(STAGES[platform](tmp_path)) as stage:
        stage.app.services.catalogue.sections["spare"] = Pretrained(able=())
        said = await stage.command("summarise", {"with": "local", "text": "It rained."})
        assert "There is no model for /summarise here." in (await stage.answer(said)).text
        shown = await stage.answer(await stage.press(said, "Use main"))
        assert "You said: It rained." in shown.text
        assert "Answered by main (chat model" in shown.text
