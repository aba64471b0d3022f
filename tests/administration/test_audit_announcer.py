"""Where changes are announced, how many at once, and what is kept from people who may not read where they were made."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bot.administration.audit_announcer import AuditAnnouncer
from bot.commands import _settings_file
from bot.commands._settings_file import MOST_ENTRIES
from bot.interfaces.adapter import Audience
from bot.interfaces.messages import Place
from bot.interfaces.records import NOT_ANNOUNCED
from tests.administration.stored_data import answer_text
from tests.administration.test_administration import config
from tests.core.world import ADMIN, ANN, CHANNEL, DIRECT, World
from tests.stages.discord import DiscordStage
from tests.stages.ledger import PATIENCE
from tests.stages.slack import SlackStage

LOG = "channel:log|log"
SECRET_ROOM = Place("discord", "guild", "layoffs", name="#layoffs in Team")


async def announced(world: World) -> list[str]:
    """Everything that is announced by now."""
    assert await AuditAnnouncer(world.app.services.administration, {"discord": world.adapter})._announce_all()
    return [text for _, text, _ in world.adapter.posts]


async def audit(world: World, *actions: str) -> list[tuple[str, str]]:
    entries = await world.app.services.administration.records.audit("discord", "guild")
    return [(entry.target, entry.after) for entry in reversed(entries) if entry.action in actions]


# Where ----------------------------------------------------------------------------------------------------------------


async def test_announcements_stay_in_the_guild(tmp_path: Path) -> None:
    stage = DiscordStage(tmp_path)
    async with stage.playing():
        other = stage.discord.add_guild("Another team")
        lobby = stage.discord.add_channel(other, "staff")
        await stage.ledger.accepted(lambda: stage.discord.join(other))
        shown = await stage.answer(await stage.mention(f"/audit channel channel:{lobby}|x", "root"))
        assert "#x is not a channel of this workspace" in shown.text
        toml = f'[workspace]\naudit_channel = "channel:{lobby}|x"\nlanguage = "Thai"'
        imported = await stage.answer(await stage.command("config import", {"toml": toml}, "root"))
        assert "Nothing was changed. The mistake is in [workspace] audit_channel: #x is not a channel" in imported.text
        assert stage.app.services.administration.settings(Place("discord", stage.guild, "")).language == ""


async def test_announcements_end_where_the_channel_leaves(tmp_path: Path) -> None:
    stage = DiscordStage(tmp_path)
    async with stage.playing():
        room = stage.discord.add_channel(stage.guild, "changes")
        await stage.answer(await stage.command("audit channel", {"channel": f"channel:{room}|changes"}, "root"))
        await stage.discord.wait(lambda: stage.discord.messages(room))
        stage.discord.delete_channel(room)
        for language in ("Thai", "Lao"):
            setting = {"key": "language", "value": language, "scope": "workspace"}
            await stage.answer(await stage.command("config set", setting, "root"))
        herald = AuditAnnouncer(stage.app.services.administration, stage.app.adapters)
        assert await herald._announce_all()
        entries = await stage.app.services.administration.records.audit("discord", stage.guild, action=NOT_ANNOUNCED)
        assert {entry.after for entry in entries} == {"#changes is not a channel of this workspace that I can see."}


@pytest.mark.parametrize("kind", ["group", "im"])
async def test_slack_announces_only_where_the_administrator_reads(tmp_path: Path, kind: str) -> None:
    stage = SlackStage(tmp_path)
    async with stage.playing():
        ann = stage.users["ann"]
        closed = (
            stage.slack.add_channel("closed", ann, kind="group") if kind == "group" else stage.slack.add_direct(ann)
        )
        shown = await stage.answer(await stage.mention(f"/audit channel channel:{closed}|closed", "root"))
        assert "You may not read #closed" in shown.text or "#closed is not a channel of this workspace" in shown.text
        assert not stage.app.services.administration.settings(Place("slack", stage.slack.team, "")).audit_channel


async def test_channel_of_config_toml_is_checked_too(world: World) -> None:
    base = world.app.services.administration.base
    world.app.services.administration.base = base.model_copy(update={"audit_channel": LOG})
    world.adapter.audiences["log"] = "none"
    await config(world, "language", "Welsh", "workspace")
    await config(world, "language", "Thai", "workspace")
    assert await announced(world) == []
    assert await audit(world, NOT_ANNOUNCED) == [("", "#log is not a channel of this workspace that I can see.")]


# How many -------------------------------------------------------------------------------------------------------------


async def test_an_import_is_announced_as_one_message(world: World) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel=LOG)
    before = len(await announced(world))
    toml = "\n".join(f"[channels.{number}]\nlanguage = 'Thai'" for number in range(40))
    await world.command("config import", CHANNEL, ADMIN, toml=f"{toml}\n[personas]\npirate = 'You are one.'")
    assert (await announced(world))[before:] == [
        "**Root** in #general, config import: 41 changes: `–` → `config set 40, persona set 1`"
    ]


async def test_a_flood_of_changes_is_bundled(world: World) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel=LOG)
    before = len(await announced(world))
    for number in range(30):
        await config(world, "language", f"Welsh {number}", "workspace")
    (text,) = (await announced(world))[before:]
    assert text.startswith("**30 changes**: config set 30\n- **Root** in #general, config set: language")
    assert text.endswith("- and 20 more: `/audit show` lists them")
    assert len(text) < 2_000


async def test_an_import_is_bounded(world: World) -> None:
    table = "[channels.{}]\nlanguage = 'Thai'"
    toml = "\n".join(table.format(number) for number in range(MOST_ENTRIES + 1))
    shown = answer_text(await world.command("config import", CHANNEL, ADMIN, toml=toml))
    assert "5,001 settings, and one import may have 5,000" in shown
    empty = "\n".join(f"[channels.{number}]" for number in range(MOST_ENTRIES + 1))
    assert "5,001 settings" in answer_text(await world.command("config import", CHANNEL, ADMIN, toml=empty))
    long = f"[workspace]\nsystem_prompt = '{'x' * (2 << 20)}'"
    assert "more than 2 MiB" in answer_text(await world.command("config import", CHANNEL, ADMIN, toml=long))
    assert await audit(world, "config set", "config import") == []


async def test_an_import_keeps_nobody_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    decided, answered = _settings_file._decided, threading.Event()
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def slow(*given: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        assert answered.wait(PATIENCE), "nobody was answered meanwhile"
        return decided(*given)  # type: ignore[arg-type]  # what it is given

    monkeypatch.setattr(_settings_file, "_decided", slow)
    importing = asyncio.create_task(
        world.command("config import", CHANNEL, ADMIN, toml="[workspace]\nlanguage = 'Thai'\nspeak = 'mentions'")
    )
    await begun.wait()
    await world.say("Hello", CHANNEL, ANN)
    answered.set()
    assert "2 changes" in answer_text(await importing)


# What it says ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", ["some", "none"])
async def test_announcements_tell_nothing_of_closed_channels(world: World, audience: Audience) -> None:
    await world.command("audit channel", CHANNEL, ADMIN, channel=LOG)
    before = len(await announced(world))
    world.adapter.audiences["layoffs"] = audience
    await config(world, "system_prompt", "Ben is on the list.", "channel", SECRET_ROOM)
    await world.command("forget channel", CHANNEL, ADMIN, channel="channel:layoffs|layoffs", sure="yes")
    told = (await announced(world))[before:]
    assert told[0] == "**Root** in a private channel, config set: system_prompt (channel): `–` → `…`"
    assert told[1].startswith("**Root** in #general, forget channel: a private channel")
    assert "layoffs" not in str(told)


async def test_audit_hides_what_one_may_not_read(world: World) -> None:
    await config(world, "system_prompt", "Ben is on the list.", "channel", SECRET_ROOM)
    await config(world, "language", "Welsh", "workspace", SECRET_ROOM)
    await config(world, "language", "Thai", "channel")
    toml = "[channels.layoffs]\nlanguage = 'Maori'"
    await world.command("config import", CHANNEL, ADMIN, toml=toml)
    await world.command("export channel", CHANNEL, ADMIN, channel="channel:layoffs|layoffs")
    await world.command("forget channel", CHANNEL, ADMIN, channel="channel:layoffs|layoffs", sure="yes")
    world.adapter.closed = {replace(SECRET_ROOM)}
    shown = await world.command("audit show", CHANNEL, ADMIN)
    csv = (await world.command("audit export", CHANNEL, ADMIN)).answers[-1].files[0].content.decode()
    for seen in (answer_text(shown), csv):
        assert not [word for word in ("layoffs", "on the list", "Maori") if word in seen]
        assert "a private channel" in seen
        assert all(word in seen for word in ("Welsh", "Thai"))
    world.adapter.closed = set()
    assert "layoffs" in answer_text(await world.command("audit show", CHANNEL, ADMIN))


async def test_usage_hides_the_names_of_closed_channels(world: World) -> None:
    await world.say("Who is on the list?", SECRET_ROOM, ANN)
    await world.say("Hello", CHANNEL, ANN)
    world.adapter.closed = {SECRET_ROOM}
    people = answer_text(await world.command("usage people", CHANNEL, ADMIN))
    csv = (await world.command("usage csv", CHANNEL, ADMIN)).answers[-1].files[0].content.decode()
    for seen in (people, csv):
        assert "layoffs" not in seen
        assert "a private channel" in seen
        assert "general" in seen


async def test_ratings_of_private_answers_are_ones_own(world: World) -> None:
    asked = await world.say("My salary?", CHANNEL, ANN, private=True)
    traces = world.app.services.retention.history
    assert await traces.vote(asked.log.request_id, ANN.id, good=True)
    for reader, votes in ((ADMIN, 0), (ANN, 1)):
        exported = await world.command("export channel", CHANNEL, replace(reader, administrator=True))
        assert f"{votes} ratings" in answer_text(exported)


async def test_closed_direct_messages_say_where_to_ask(world: World) -> None:
    base = world.app.services.administration.base
    world.app.services.administration.base = base.model_copy(update={"direct_messages": "closed"})
    assert "I don't answer direct messages here. Ask me in a channel." in answer_text(
        await world.say("Hello", DIRECT, ANN)
    )
    assert "I don't answer direct messages" in answer_text(await world.command("summarise", DIRECT, ANN, text="Hello"))
    assert "The data that I store" in answer_text(await world.command("privacy", DIRECT, ANN))
    assert "Hello" in answer_text(await world.say("Hello", CHANNEL, ANN))
    assert "Hello" in answer_text(await world.say("Hello", DIRECT, ADMIN))
