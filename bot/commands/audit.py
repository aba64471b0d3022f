"""/audit: who changed, refused or deleted what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.administration.closed_places import places_in, redacted
from bot.commands import _setting_changes
from bot.commands._closed_places import closed_to
from bot.interfaces.command import Command, Option
from bot.interfaces.errors import UserError
from bot.interfaces.messages import Request, Subject
from bot.interfaces.records import NOT_ANNOUNCED, AuditEntry
from bot.interfaces.replies import Done, File, Reply, Text
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.csv_files import csv_file
from bot.utils.durations import ago
from bot.utils.formatting import brief, markdown_table

FILTERS = (
    Option("action", "Only actions that begin like this, such as “config” or “refused”", suggested=True),
    Option("who", "Only what this person did", "who", named=True),
    Option("since", "How far back: 30m, 2h, 7d", named=True),
)

COMMAND = Command(
    "audit",
    "Who changed what, and when",
    subcommands=(
        Command("show", "The newest entries", FILTERS, passes=True, quiet=True, administrative=True),
        Command("export", "All entries as a CSV file", FILTERS, passes=True, quiet=True, administrative=True),
        Command(
            "channel",
            "Announce changes in a channel; without one, nowhere any more",
            (Option("channel", "Where", "channel"),),
            passes=True,
            quiet=True,
            administrative=True,
        ),
    ),
)

ACTIONS = (
    *("config", "access", "persona", "limit", "model", "refused", "export", "forget", "retention", "uninstalled"),
    NOT_ANNOUNCED,
)
"""How the actions begin that are written down."""

SHOWN = 20
EXPORTED = 100_000
COLUMNS = ("at", "person", "person_id", "place", "channel_id", "thread_id", "action", "target", "before", "after")


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show, export, or choose where changes are announced."""
    request = accepted.request
    match request.command.partition(" ")[2]:
        case "show":
            entries = await _entries(services, request, SHOWN)
            yield Text(_entry_table(entries) if entries else "There is nothing to show.")
        case "export":
            entries = await _entries(services, request, EXPORTED)
            yield Text(f"{len(entries):,} entries, newest first.")
            yield File("audit.csv", csv_file(COLUMNS, [_row(entry) for entry in entries]), "The audit")
        case _:
            channel = request.arguments.get("channel", "")
            yield Text(await _setting_changes.put(services, request, "audit_channel", channel, "workspace"))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """The kinds of actions."""
    return ACTIONS


async def _entries(services: Services, request: Request, limit: int) -> Sequence[AuditEntry]:
    """The newest, without what was done where the asking person may not read."""
    given, place = request.arguments, request.place
    who = Subject.read(given["who"]) if given.get("who") else None
    if given.get("who") and (who is None or who.kind != "person"):
        raise UserError("Name one person to see what they did.")
    entries = await services.records.audit(
        place.platform,
        place.workspace,
        person=who.id if who else "",
        action=given.get("action", ""),
        since=ago(given["since"]) if given.get("since") else 0,
        limit=limit,
    )
    closed = await closed_to(services.adapters, request, {place for entry in entries for place in places_in(entry)})
    return [redacted(entry, closed) for entry in entries]


def _entry_table(entries: Sequence[AuditEntry]) -> str:
    rows = [
        (
            _at(entry)[:16],
            entry.person.name,
            brief(entry.place.name or "–", 20),
            entry.action,
            entry.target,
            _change(entry),
        )
        for entry in entries
    ]
    more = f"\nThe newest {SHOWN}; `/audit export` has all." if len(entries) == SHOWN else ""
    return markdown_table(("when (UTC)", "who", "where", "did", "what", "change"), rows) + more


def _change(entry: AuditEntry) -> str:
    both = f"{brief(entry.before)} → {brief(entry.after)}" if entry.before else brief(entry.after)
    return "" if both == "–" else both


def _row(entry: AuditEntry) -> Sequence[str]:
    place, person = entry.place, entry.person
    where = (place.name, place.channel, place.thread)
    return (_at(entry), person.name, person.id, *where, entry.action, entry.target, entry.before, entry.after)


def _at(entry: AuditEntry) -> str:
    return datetime.fromtimestamp(entry.at / 1000, UTC).isoformat(" ", "seconds")
