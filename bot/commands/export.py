"""/export: one's own data as a file; for administrators, a channel's or all that was said in public."""

from __future__ import annotations

import asyncio

from bot import archive
from bot.books import Entry
from bot.errors import UserError
from bot.ports import Accepted
from bot.services import Services
from bot.settings import Value
from bot.traces import Extent
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
        Command("everything", "All that was said in channels here", passes=True, quiet=True, administrative=True),
    ),
)

EXPORTED = 100_000
"""Entries of the audit in a file."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Make the file and say what is in it."""
    request = accepted.request
    extent = _extent(request)
    turns, overheard, votes = await services.privacy.traces.copy(extent, request.person.id)
    settings, audit = await _own(services, request) if extent.person else ({}, ())
    of = f"{request.person.name} ({request.person.id})" if extent.person else extent.channel or extent.workspace
    made = archive.Archive(services.config.bot.name, of, turns, overheard, votes, settings, audit)
    file = await asyncio.to_thread(archive.file_of, made, request.command.replace(" ", "-"))
    if not extent.person:
        await services.administration.note(request.place, request.person, request.command, of, f"{len(turns):,} turns")
    yield Text(
        f"{len(turns):,} questions and answers, {len(overheard):,} overheard messages, {len(votes):,} ratings: all of "
        "it as JSON, which people and programs can read."
    )
    if not extent.person:
        yield Text(" Direct messages and private answers of others are not in it.")
    yield file
    yield Done()


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


async def _own(services: Services, request: Request) -> tuple[dict[str, Value], list[Entry]]:
    """A person's own settings, and what the audit says that they did in this workspace."""
    administration, place = services.administration, request.place
    entries = await administration.books.audit(
        place.platform, place.workspace, person=request.person.id, limit=EXPORTED
    )
    return dict(administration.at("me", place, request.person)), list(entries)
