"""The channels and threads on Discord that a person may read, through the real discord.py."""

from __future__ import annotations

import pytest

from adapters.discord.payloads import Overwrite
from adapters.discord.people.channel_access import MANAGE_THREADS, READING, rights_there
from bot.interfaces.errors import Forbidden, PlatformError
from bot.interfaces.messages import Place, Request
from tests.adapters.discord.town import Town
from tests.fakes.discord.world import READ_HISTORY, VIEW, Role


async def readable(team: Town, request: Request, *where: tuple[str, str]) -> list[tuple[str, str]]:
    places = [Place("discord", team.guild, channel, thread) for channel, thread in where]
    return [(place.channel, place.thread) for place in await team.adapter.readable(request, places)]


async def test_channel_readers_read_only_its_public_threads(team: Town) -> None:
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


@pytest.mark.parametrize("missed", [False, True])
async def test_who_may_not_read_back_gets_no_context(team: Town, missed: bool) -> None:
    """A hidden channel and its threads stay hidden, also in the backfill."""
    discord, ben = team.discord, team.discord.add_member(team.guild, team.discord.add_user("Ben"))
    discord.world.channels[team.channel].forbidden[ben] = READ_HISTORY
    thread = discord.add_thread(team.channel, "Talk", team.ada)
    secret = team.say("The password is hunter2", to=thread)
    asked = (await team.intake.next()).place
    team.intake.places = [(asked, int(secret))]
    await team.stop()
    if not missed:
        await team.start()
    for who in (ben, team.ada):
        discord.post(thread, who, discord.mention("what is it?"), reply_to=secret)
    if missed:
        await team.start()
    forbidden, allowed = await team.intake.next(), await team.intake.next()
    assert not await team.adapter.context(forbidden, 9)
    with pytest.raises(Forbidden, match="You may not read"):
        await team.adapter.pointed(forbidden)
    with pytest.raises(Forbidden, match="You may not read"):
        await team.adapter.history(forbidden, 9, 0)
    assert "hunter2" in str(await team.adapter.context(allowed, 9))
    assert "hunter2" in str(await team.adapter.pointed(allowed))
    assert "hunter2" in str(await team.adapter.history(allowed, 9, 0))


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
    overwrites: list[Overwrite] = [
        {"id": who, "allow": str(allow), "deny": str(deny)} for who, allow, deny in exceptions
    ]
    mine = {"everyone": 0, "role": 1, "other role": 1, "me": 2}
    rights = rights_there(READING, {"permission_overwrites": overwrites}, mine)
    assert (rights & READING == READING) == may


async def test_the_audience_follows_discords_current_rights(team: Town) -> None:
    discord, guild = team.discord, team.guild
    closed, elsewhere = discord.add_channel(guild, "closed"), discord.add_channel(discord.add_guild("Other"), "lobby")
    discord.world.channels[closed].denied = VIEW
    ben = discord.add_user("Ben")
    public, private = (
        discord.add_thread(team.channel, "Talk", ben),
        discord.add_thread(team.channel, "X", ben, "", [ben]),
    )
    places = [(team.channel, ""), (team.channel, public), (team.channel, private), (closed, ""), (closed, public)]
    places += [(elsewhere, ""), (public, ""), ("404", ""), (team.channel, "404")]
    found = [await team.adapter.audience(Place("discord", guild, *place)) for place in places]
    assert found == ["everybody", "everybody", "some", "some", "none", "none", "none", "none", "none"]
    direct = Place("discord", "@me", discord.add_direct(team.ada), direct=True)
    assert await team.adapter.audience(direct) == "none"
    discord.fail("GET", r"/guilds/\d+/channels", 503)
    with pytest.raises(PlatformError):
        await team.adapter.audience(Place("discord", guild, team.channel))
