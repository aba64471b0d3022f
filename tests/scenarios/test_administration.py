"""Administration in chat, the same on every platform: commands, completions, forms, menus and refusals."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Mapping

import pytest
import tomli_w

from bot.interfaces.messages import Subject
from tests.fakes.openai import Answer
from tests.stages.base import Said, Stage, TeamStage
from tests.stages.discord import DiscordStage


def needs(ability: str) -> pytest.MarkDecorator:
    """Skip the platforms whose stage lacks these abilities."""
    return pytest.mark.needs(ability)


async def config(stage: Stage, key: str, value: str, scope: str, who: str = "root", said: Said | None = None) -> str:
    given = {"key": key, "value": value, "scope": scope}
    return (await stage.answer(await stage.command("config set", given, who, said))).text


def system(stage: Stage) -> str:
    """Return the system prompt of the model's last call."""
    return str(stage.model.requests[-1]["messages"][0]["content"])  # type: ignore[index]  # a body that passed the rules


async def test_a_setting_is_changed_and_holds_at_once(stage: Stage) -> None:
    assert "from now on" in await config(stage, "language", "Welsh", "workspace")
    await stage.answer(await stage.mention("Hello"))
    assert system(stage).endswith("Answer in Welsh.")
    shown = await stage.answer(await stage.command("config show", {}))
    assert any(line.split() == ["language", "Welsh", "workspace"] for line in shown.text.splitlines())


async def test_a_wrong_value_says_what_is_right(stage: Stage) -> None:
    assert "a number from 0 to 2" in await config(stage, "temperature", "hot", "workspace")
    assert "Did you mean language?" in await config(stage, "langauge", "Thai", "workspace")


async def test_settings_go_out_as_a_file(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stage.folder)
    await config(stage, "language", "Welsh", "workspace")
    shown = await stage.answer(await stage.command("config export", {}, "root"))
    if stage.platform == "console":
        content = (stage.folder / "shoulders.toml").read_bytes()
    else:
        ((name, content),) = shown.files
        assert name == "shoulders.toml"
        assert shown.only_for == "root"
    assert tomllib.loads(content.decode())["workspace"] == {"language": "Welsh"}


async def exported(stage: Stage) -> bytes:
    """Return the file of `/config export`."""
    for old in stage.folder.glob("shoulders*.toml"):
        old.unlink()
    shown = await stage.answer(await stage.command("config export", {}, "root"))
    if stage.platform == "console":
        return (stage.folder / "shoulders.toml").read_bytes()
    return shown.files[0][1]


async def test_a_file_comes_back_in_whatever_its_length(stage: Stage) -> None:
    prompt = 'Say “arr”.\n"""'.ljust(8_000, "é")
    file = tomli_w.dumps({"personas": {"pirate": prompt}}).encode()
    taken = await stage.answer(await stage.hand_in("config import", ("settings.toml", file), {}, "root"))
    assert "1 change:" in taken.text
    before = await exported(stage)
    assert tomllib.loads(before.decode()) == tomllib.loads(file.decode())
    await config(stage, "language", "Welsh", "workspace")
    await stage.answer(await stage.command("persona delete", {"name": "pirate"}, "root"))
    undone = await stage.hand_in("config import", ("before.toml", before), {"exact": "yes"}, "root")
    assert "2 changes:" in (await stage.answer(undone)).text
    assert await exported(stage) == before


@needs("people")
@pytest.mark.parametrize("name", ["日本語の海賊さんの名前です", "समुद्री-डाकू", "p" * 32])
async def test_a_form_makes_personas_of_any_script(stage: TeamStage, name: str) -> None:
    made = await stage.fill(None, "persona make", {"name": name}, {"prompt": "You are a pirate."}, "root")
    assert f"**{name}** is ready" in (await stage.answer(made)).text
    edited = await stage.fill(None, "persona edit", {"name": name}, {"prompt": "You are a parrot."}, "root")
    assert f"**{name}** is ready" in (await stage.answer(edited)).text
    await stage.answer(await stage.command("persona use", {"name": name}))
    await stage.answer(await stage.mention("Hello"))
    assert system(stage).endswith("You are a parrot.")


@needs("people")
async def test_an_invalid_name_opens_no_form(stage: TeamStage) -> None:
    for name in ("x" * 33, "x" * 2_000, "@everyone", "None"):
        said = await refused(stage, "persona make", {"name": name})
        assert "at most 32 letters, digits, “-” and “_”" in said


async def refused(stage: TeamStage, name: str, arguments: Mapping[str, str]) -> str:
    """Return the immediate answer to a command that never reached the core."""
    if isinstance(stage, DiscordStage):
        interaction = stage.discord.slash(stage.channel, stage.users["root"], name, arguments)
        await stage.discord.wait(lambda: interaction.callback)
        assert not interaction.modal
        return stage.discord.only_seen_by(stage.users["root"])[-1].content
    return (await stage.answer(await stage.command(name, arguments, "root"))).text


@needs("people")
async def test_a_menus_form_changes_a_setting(stage: TeamStage) -> None:
    said = await stage.command("config show", {}, "root")
    shown = await stage.answer(said)
    assert shown.only_for == "root"
    assert shown.menus == ["Change your settings…", "Change the bot's settings…"]
    changed = await stage.fill_picked(
        said, "Change your settings…", "language", {"value": "Welsh", "scope": "channel"}, "root"
    )
    assert "is `Welsh` for" in (await stage.answer(changed)).text
    await stage.answer(await stage.mention("Hello"))
    assert system(stage).endswith("Answer in Welsh.")


@needs("people")
async def test_who_is_no_administrator_picks_what_is_theirs(stage: TeamStage) -> None:
    said = await stage.command("config show", {})
    shown = await stage.answer(said)
    assert shown.menus == ["Change your settings…"]
    changed = await stage.fill_picked(said, "Change your settings…", "language", {"value": "Welsh"})
    assert "is `Welsh` for you" in (await stage.answer(changed)).text


@needs("people")
async def test_a_form_leaves_a_list_as_it_is(stage: TeamStage) -> None:
    await config(stage, "models", "main, spare", "workspace")
    said = await stage.command("config show", {}, "root")
    await stage.answer(said)
    changed = await stage.fill_picked(said, "Change the bot's settings…", "models", {}, "root")
    assert "is `main, spare` for" in (await stage.answer(changed)).text


@needs("people")
async def test_a_persona_from_a_form_answers(stage: TeamStage) -> None:
    prompt = "You are a pirate.\nYou say “arr”."
    made = await stage.fill(None, "persona make", {"name": "pirate"}, {"prompt": prompt}, "root")
    assert "**pirate** is ready" in (await stage.answer(made)).text
    await stage.answer(await stage.command("persona use", {"name": "pirate"}))
    await stage.answer(await stage.mention("Hello"))
    assert system(stage).endswith(prompt)
    await stage.answer(await stage.mention("Hello", "ben"))
    assert "pirate" not in system(stage)


@needs("people")
async def test_a_rule_about_a_role(stage: TeamStage) -> None:
    role = await stage.give_role("ben", "helpdesk")
    await stage.answer(await stage.command("access deny", {"who": "everyone", "what": "bot"}, "root"))
    refused = await stage.answer(await stage.mention("Hello", "ann"))
    assert "You may not talk with me here: a rule for everyone" in refused.text
    assert refused.only_for == "ann"
    await stage.answer(await stage.command("access allow", {"who": role, "what": "bot"}, "root"))
    assert "You said" in (await stage.answer(await stage.mention("Hello", "ben"))).text
    rules = await stage.answer(await stage.command("access show", {}, "root"))
    assert "@helpdesk" in rules.text


@needs("people")
async def test_a_channel_for_changes(stage: TeamStage) -> None:
    said = await stage.mention("Hello")
    await stage.answer(said)
    channel = str(Subject("channel", said.channel, "general"))
    await stage.answer(await stage.command("audit channel", {"channel": channel}, "root"))
    await config(stage, "language", "Welsh", "workspace")
    await stage.announced("language (workspace)")


@needs("people")
async def test_only_when_mentioned(stage: TeamStage) -> None:
    talk = await stage.thread("The build is red.")
    await stage.answer(await stage.mention("Why?", said=talk))
    await config(stage, "speak", "mentions", "workspace")
    await stage.speak(talk, "I agree.")
    await stage.answer(await stage.mention("And now?", said=talk))
    assert len(stage.prompts) == 2


@needs("people")
async def test_everything_that_is_said(stage: TeamStage) -> None:
    await config(stage, "speak", "everything", "channel")
    said = await stage.post("Does anybody know?", "ben")
    assert "Does anybody know?" in (await stage.answer(said)).text


@needs("people")
async def test_answers_in_threads_or_in_place(stage: TeamStage) -> None:
    for place, in_thread in (("thread", True), ("place", False)):
        await config(stage, "answer_in", place, "channel")
        said = await stage.mention("Hello")
        await stage.answer(said)
        assert stage.answered_in_thread(said) == in_thread


@needs("people")
async def test_private_answers(stage: TeamStage) -> None:
    await config(stage, "private", "on", "me", "ann")
    shown = await stage.answer(await stage.mention("Hello", "ann"))
    assert (shown.only_for, "You said" in shown.text) == ("ann", True)
    assert not (await stage.answer(await stage.mention("Hello", "ben"))).only_for


@needs("people")
async def test_a_limit_refuses_privately_with_its_end(stage: TeamStage) -> None:
    limit = {"who": "everyone", "amount": "1", "of": "requests", "per": "month"}
    await stage.answer(await stage.command("limits set", limit, "root"))
    await stage.answer(await stage.mention("Hello", "ann"))
    shown = await stage.answer(await stage.mention("Hello again", "ann"))
    assert "Your limit of 1 request a month is used up. It resets in" in shown.text
    assert shown.only_for == "ann"
    usage = await stage.answer(await stage.command("usage show", {}, "ann"))
    assert "100 %" in usage.text
    picture = await stage.answer(await stage.command("usage chart", {}, "root"))
    assert picture.files[0][1].startswith(b"\x89PNG")


@needs("people")
async def test_too_many_requests_are_refused_in_private(stage: TeamStage) -> None:
    await config(stage, "queue_person", "2", "workspace")
    gate, before = asyncio.Event(), len(stage.model.requests)
    stage.model.answer = lambda _body: Answer((gate, "It is so."))
    questions = [await stage.mention(f"Question {number}") for number in range(5)]
    for refused in questions[2:]:
        shown = await stage.answer(refused)
        assert "2 of your questions are not answered yet" in shown.text
        assert shown.only_for == "ann"
    assert len(stage.model.requests) - before <= 2
    gate.set()
    for asked in questions[:2]:
        assert "It is so." in (await stage.answer(asked)).text
    audit = await stage.answer(await stage.command("audit show", {"action": "refused"}, "root"))
    assert audit.text.count("/chat") == 1, "the same once a minute"
