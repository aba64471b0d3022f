"""/export: one's own data as a file; for administrators, a channel's or all that was said where they may read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from bot.administration import platforms
from bot.administration.export_file import ExportFile
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.history import Extent, HistoryItem, HistoryStore, Vote
from bot.interfaces.messages import Place, Request, Subject
from bot.interfaces.replies import Done, Reply, Status, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.worker_threads import in_thread

COMMAND = Command(
    "export",
    "Get what I keep as a file",
    subcommands=(
        Command("me", "All that I keep about you", passes=True, alone=True, quiet=True, unrestricted=True),
        Command(
            "channel",
            "What was said in a channel",
            (Option("channel", "Which one; left out, this one", "channel"),),
            passes=True,
            alone=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "everything",
            "All that was said in channels that you may read",
            passes=True,
            alone=True,
            quiet=True,
            administrative=True,
        ),
    ),
)

EXPORTED = 100_000
"""Entries of the audit in a file."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Make the files and say what is in them."""
    request = accepted.request
    extent = _extent(request)
    of = f"{request.person.name} ({request.person.id})" if extent.person else extent.channel or extent.workspace
    closed: frozenset[Place] = frozenset()
    yield Status("Copying what I keep…")
    async with services.retention.copying:
        if not extent.person:
            closed = await _closed(services, request, extent)
        own = services.administration.values_at("me", request.place, request.person) if extent.person else {}
        made = ExportFile(services.config.bot.name, of, request.command.replace(" ", "-"), own)
        turns, overheard, votes = await _copied(services.history, request, extent, closed, made)
        if extent.person:
            await _add_ones_own(services, request, made)
        files = await in_thread(made.files)
    if not extent.person:
        await services.administration.write_audit(
            request.place, request.person, request.command, of, f"{turns:,} turns"
        )
    yield Text(
        f"{turns:,} questions and answers, {overheard:,} overheard messages, {votes:,} ratings: all of "
        "it as JSON, which people and programs can read."
    )
    if made.full:
        yield Text(" More does not fit into the files: the last of it is missing. Ask for less, such as a channel.")
    if not extent.person:
        left_out = len({place.channel for place in closed})
        yield Text(f" Direct messages and private answers of others are not in it{_left_out(left_out)}.")
    for file in files:
        yield file
    yield Done()


async def _closed(services: Services, request: Request, extent: Extent) -> frozenset[Place]:
    """Where something was said that the person may not read. Raises PlatformError.

    Of direct messages only one's own are copied.
    """
    everywhere: set[Place] = set()
    async with aclosing(services.history.copy(extent, request.person.id)) as batches:
        async for copied in batches:
            everywhere |= {one.place for kind in copied for one in kind if not one.place.direct}
    readable = await platforms.readable(services.adapters[request.place.platform], request, everywhere)
    return frozenset(everywhere - frozenset(readable))


async def _copied(
    history: HistoryStore, request: Request, extent: Extent, closed: frozenset[Place], made: ExportFile
) -> tuple[int, int, int]:
    """Write down what was said elsewhere than where that is closed; how much of each kind that was."""
    counts = (0, 0, 0)
    async with aclosing(history.copy(extent, request.person.id)) as batches:
        async for turns, overheard, votes in batches:
            said = [turn for turn in turns if turn.place not in closed]
            heard = [message for message in overheard if message.place not in closed]
            thought = [vote for vote in votes if vote.place not in closed]
            await in_thread(partial(_add, made, said, heard, thought))
            counts = (counts[0] + len(said), counts[1] + len(heard), counts[2] + len(thought))
            if made.full:
                break
    return counts


def _add(
    made: ExportFile, turns: Sequence[HistoryItem], overheard: Sequence[HistoryItem], votes: Sequence[Vote]
) -> None:
    made.turns(turns)
    made.overheard(overheard)
    made.ratings(votes)


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


async def _add_ones_own(services: Services, request: Request, made: ExportFile) -> None:
    """What a person used, and what the audit says that they did in this workspace."""
    place, person = request.place, request.person
    usage = await services.usage.totals(("day", "model"), 0, place.platform, person.home, person.id)
    audit = await services.records.audit(place.platform, place.workspace, person=person.id, limit=EXPORTED)
    await in_thread(partial(made.usage, usage))
    await in_thread(partial(made.audit, audit))
