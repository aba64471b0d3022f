"""/export: stored data as files: one's own and, for administrators, that of the channels they may read."""

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
    "Export stored data as a file",
    subcommands=(
        Command(
            "me", "Export everything that I store about you", passes=True, alone=True, quiet=True, unrestricted=True
        ),
        Command(
            "channel",
            "Export the stored messages of a channel",
            (Option("channel", "The channel; this one by default", "channel"),),
            passes=True,
            alone=True,
            quiet=True,
            administrative=True,
        ),
        Command(
            "everything",
            "Export the stored messages of all channels that you may read",
            passes=True,
            alone=True,
            quiet=True,
            administrative=True,
        ),
    ),
)

MOST_AUDIT_ENTRIES = 100_000
"""The most audit entries in a file."""


async def run(services: Services, accepted: Accepted) -> Reply:
    """Make the files and summarise them."""
    request = accepted.request
    extent = _extent(request)
    subject = f"{request.person.name} ({request.person.id})" if extent.person else extent.channel or extent.workspace
    closed: frozenset[Place] = frozenset()
    yield Status("Exporting your data…" if extent.person else "Exporting the messages…")
    async with services.retention.copying:
        if not extent.person:
            closed = await _closed(services, request, extent)
        own = services.administration.values_at("me", request.place, request.person) if extent.person else {}
        export = ExportFile(services.config.bot.name, subject, request.command.replace(" ", "-"), own)
        turns, overheard, votes = await _copied(services.history, request, extent, closed, export)
        if extent.person:
            await _add_own_usage(services, request, export)
        files = await in_thread(export.files)
    if not extent.person:
        await services.administration.write_audit(
            request.place, request.person, request.command, subject, f"{turns:,} turns"
        )
    yield Text(
        f"The export has {turns:,} questions and answers, {overheard:,} overheard messages and {votes:,} ratings, "
        "as JSON."
    )
    if export.full:
        yield Text(" The files are full, so the rest is missing. Export less, such as one channel: `/export channel`.")
    if not extent.person:
        left_out = len({place.channel for place in closed})
        yield Text(f" It does not have other people's direct messages and private answers{_left_out(left_out)}.")
    for file in files:
        yield file
    yield Done()


async def _closed(services: Services, request: Request, extent: Extent) -> frozenset[Place]:
    """Return the places with messages that the person may not read. Raises PlatformError.

    Of direct messages, only the person's own are copied.
    """
    everywhere: set[Place] = set()
    async with aclosing(services.history.copy(extent, request.person.id)) as batches:
        async for copied in batches:
            everywhere |= {one.place for kind in copied for one in kind if not one.place.direct}
    readable = await platforms.readable(services.adapters[request.place.platform], request, everywhere)
    return frozenset(everywhere - frozenset(readable))


async def _copied(
    history: HistoryStore, request: Request, extent: Extent, closed: frozenset[Place], export: ExportFile
) -> tuple[int, int, int]:
    """Add the items of all places that are not closed, and return their number by kind."""
    counts = (0, 0, 0)
    async with aclosing(history.copy(extent, request.person.id)) as batches:
        async for turns, overheard, votes in batches:
            readable_turns = [turn for turn in turns if turn.place not in closed]
            readable_messages = [message for message in overheard if message.place not in closed]
            readable_votes = [vote for vote in votes if vote.place not in closed]
            await in_thread(partial(_add, export, readable_turns, readable_messages, readable_votes))
            counts = (
                counts[0] + len(readable_turns),
                counts[1] + len(readable_messages),
                counts[2] + len(readable_votes),
            )
            if export.full:
                break
    return counts


def _add(
    export: ExportFile, turns: Sequence[HistoryItem], overheard: Sequence[HistoryItem], votes: Sequence[Vote]
) -> None:
    export.turns(turns)
    export.overheard(overheard)
    export.ratings(votes)


def _left_out(channels: int) -> str:
    if not channels:
        return ""
    return f", nor the messages of {channels:,} channel{'' if channels == 1 else 's'} that you may not read"


def _extent(request: Request) -> Extent:
    place, person = request.place, request.person
    match request.command.partition(" ")[2]:
        case "me":
            return Extent(place.platform, person.home, person=person.id)
        case "channel":
            name = request.arguments.get("channel", "")
            channel = Subject.read(name) if name else Subject("channel", place.channel)
            if channel is None or channel.kind != "channel":
                raise UserError("`channel` takes one channel. Name one, such as `#general`.")
            return Extent(place.platform, place.workspace, channel.id)
        case _:
            return Extent(place.platform, place.workspace)


async def _add_own_usage(services: Services, request: Request, export: ExportFile) -> None:
    """Add the person's usage, and their actions in this workspace from the audit."""
    place, person = request.place, request.person
    usage = await services.usage.totals(("day", "model"), 0, place.platform, person.home, person.id)
    audit = await services.records.audit(place.platform, place.workspace, person=person.id, limit=MOST_AUDIT_ENTRIES)
    await in_thread(partial(export.usage, usage))
    await in_thread(partial(export.audit, audit))
