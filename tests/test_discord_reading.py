"""Which channels and threads on Discord somebody may read, through the real discord.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from adapters.discord.reading import MANAGE_THREADS, READING, rights_there
from bot.errors import PlatformError
from bot.types import Place, Request
from tests.discord_town import Town, town
from tests.fakes.discord.world import READ_HISTORY, VIEW, Role


@pytest.fixture
async def team(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Town, None]:
    monkeypatch.setattr("adapters.discord.client.GUILDS_SECONDS", 0.02)
    async with town() as made:
        await made.start()
        yield made


async def readable(team: Town, request: Request, *where: tuple[str, str]) -> list[tuple[str, str]]:
    places = [Place("discord", team.guild, channel, thread) for channel, thread in where]
    return [(place.channel, place.thread) for place in await team.adapter.readable(request, places)]


async def test_who_sees_a_channel_reads_its_threads_but_for_private_ones(team: Town) -> None:
    discord, (_, request) = team.discord, await team.asked()
    hidden, blank = discord.add_channel(team.guild, "hidden"), discord.add_channel(team.guild, "blank")
    discord.world.channels[hidden].forbidden[team.ada] = VIEW
    discord.world.channels[blank].forbidden[team.ada] = READ_HISTORY
    ben = discord.add_user("Ben")
    public, theirs, own = [
        discord.add_thread(team.channel, "Talk", ben, people=people) for people in ((), (ben,), (team.ada,))
    ]
    below = discord.add_thread(hidden, "Talk", ben)
    here = [(team.channel, ""), (team.channel, public), (team.channel, own)]
    others = [(hidden, ""), (blank, ""), (team.channel, theirs), (hidden, below), ("404", ""), (team.channel, "404")]
    assert await readable(team, request, *here, *others) == here
    guild = discord.world.guilds[team.guild]
    guild.roles["77"] = Role("77", "Moderators", MANAGE_THREADS)
    guild.members[team.ada] = ["77"]
    assert await readable(team, request, *here, *others) == [*here, (team.channel, theirs)]
    guild.owner = team.ada
    assert await readable(team, request, *here, *others) == [*here, *others]
    guild.owner = "1"
    del guild.members[team.ada]
    assert await readable(team, request, *here) == []


async def test_what_discord_does_not_say_is_an_error(team: Town) -> None:
    _, request = await team.asked()
    team.discord.fail("GET", r"/guilds/\d+/channels", 503)
    with pytest.raises(PlatformError):
        await readable(team, request, (team.channel, ""))


@pytest.mark.parametrize(
    ("exceptions", "may"),
    [
        ([], True),
        ([("everyone", 0, READING)], False),
        ([("everyone", 0, READING), ("role", READING, 0)], True),
        ([("role", 0, READING), ("other role", READING, 0)], True),
        ([("role", READING, 0), ("everyone", 0, READING)], True),
        ([("role", READING, 0), ("me", 0, VIEW)], False),
        ([("everyone", 0, READING), ("me", READING, 0)], True),
        ([("everyone", 0, READING), ("stranger", READING, 0)], False),
    ],
)
def test_exceptions_count_from_everyones_to_ones_own(exceptions: list[tuple[str, int, int]], may: bool) -> None:
    overwrites = [{"id": who, "allow": str(allow), "deny": str(deny)} for who, allow, deny in exceptions]
    mine = {"everyone": 0, "role": 1, "other role": 1, "me": 2}
    rights = rights_there(READING, {"permission_overwrites": overwrites}, mine)
    assert (rights & READING == READING) == may
