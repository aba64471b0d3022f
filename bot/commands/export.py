"""/export: one's own data as a file; for administrators, a channel's or all that was said where they may read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot import archive
from bot.errors import UserError
from bot.ports import Accepted
from bot.services import Services
from bot.traces import Copied, Extent
from bot.types import Command, Done, Option, Reply, Request, Subject, Text

COMMAND = Command(
    "export",
    "Get what I keep as a file",
    subcommands=(
        Command("me", "All that I keep about you", passes=True, quiet=True, unrestricted=True),
        Command(
            "channel",
            "What was said in a channel",
            (Option("channel", "Which one; left out, this one", "channel"),),
            passes=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "everything",
            "All that was said in channels that you may read",
            passes=True,
            quiet=True,
            administrative=True,
        ),
    ),
)

EXPORTED = 100_000
"""Entries of the audit in a file."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Make the file and say what is in it."""
    request = accepted.request
    extent = _extent(request)
    copied, left_out = await services.privacy.traces.copy(extent, request.person.id), 0
    if not extent.person:
        copied, left_out = await _readable(services, request, copied)
    turns, overheard, votes = copied
    of = f"{request.person.name} ({request.person.id})" if extent.person else extent.channel or extent.workspace
    made = archive.Archive(services.config.bot.name, of, turns, overheard, votes)
    if extent.person:
        made = await _with_ones_own(services, request, made)
    file = await asyncio.to_thread(archive.file_of, made, request.command.replace(" ", "-"))
    if not extent.person:
        await services.administration.note(request.place, request.person, request.command, of, f"{len(turns):,} turns")
    yield Text(
        f"{len(turns):,} questions and answers, {len(overheard):,} overheard messages, {len(votes):,} ratings: all of "
        "it as JSON, which people and programs can read."
    )
    if not extent.person:
        yield Text(f" Direct messages and private answers of others are not in it{_left_out(left_out)}.")
    yield file
    yield Done()


async def _readable(services: Services, request: Request, copied: Copied) -> tuple[Copied, int]:
    """What of it was said where the person may read, and in how many channels the rest was. Raises PlatformError.

    Of direct messages only one's own were copied.
    """
    everywhere = {one.place for kind in copied for one in kind if not one.place.direct}
    readable = frozenset(await services.adapters[request.place.platform].readable(request, everywhere))
    closed = everywhere - readable
    turns, overheard, votes = copied
    kept = (
        [turn for turn in turns if turn.place not in closed],
        [message for message in overheard if message.place not in closed],
        [vote for vote in votes if vote.place not in closed],
    )
    return kept, len({place.channel for place in closed})


def _left_out(channels: int) -> str:
    if not channels:
        return ""
    return f", nor is what was said in {channels:,} channel{'' if channels == 1 else 's'} that you may not read"


def _extent(request: Request) -> Extent:
    place, person = request.place, request.person
    match request.command.partition(" ")[2]:
        case "me":
            return Extent(place.platform, person.home, person=person.id)
        case "channel":
            given = request.arguments.get("channel", "")
            channel = Subject.read(given) if given else Subject("channel", place.channel)
            if channel is None or channel.kind != "channel":
                raise UserError("Name one channel.")
            return Extent(place.platform, place.workspace, channel.id)
        case _:
            return Extent(place.platform, place.workspace)


async def _with_ones_own(services: Services, request: Request, made: archive.Archive) -> archive.Archive:
    """And a person's own settings, what they used, and what the audit says that they did in this workspace."""
    administration, place, person = services.administration, request.place, request.person
    return replace(
        made,
        settings=administration.at("me", place, person),
        usage=await services.budget.ledger.totals(("day", "model"), 0, place.platform, person.home, person.id),
        audit=await administration.books.audit(place.platform, place.workspace, person=person.id, limit=EXPORTED),
    )
