"""/audit: the list of changes, refusals and deletions."""

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
    Option("action", "Only actions that begin with this, such as “config” or “refused”", suggested=True),
    Option("who", "Only actions of this person", "who", named=True),
    Option("since", "Only entries of this time: 30m, 2h, 7d", named=True),
)

COMMAND = Command(
    "audit",
    "Show changes, refusals and deletions",
    subcommands=(
        Command("show", "Show the newest entries", FILTERS, passes=True, quiet=True, administrative=True),
        Command("export", "Export all entries as a CSV file", FILTERS, passes=True, quiet=True, administrative=True),
        Command(
            "channel",
            "Announce changes in a channel; leave it empty to stop",
            (Option("channel", "The channel for announcements", "channel"),),
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
"""The first words of all audited actions."""

MOST_SHOWN = 20
"""Entries in an answer."""

MOST_EXPORTED = 100_000
"""Entries in a file."""

COLUMNS = ("at", "person", "person_id", "place", "channel_id", "thread_id", "action", "target", "before", "after")


async def run(services: Services, accepted: Accepted) -> Reply:
    """Show or export the audit, or set the channel for announcements."""
    request = accepted.request
    match request.command.partition(" ")[2]:
        case "show":
            entries = await _entries(services, request, MOST_SHOWN)
            yield Text(
                _entry_table(entries)
                if entries
                else "The audit has no such entries. `/audit show` without options shows all."
            )
        case "export":
            entries = await _entries(services, request, MOST_EXPORTED)
            yield Text(f"{len(entries):,} entries, newest first.")
            yield File("audit.csv", csv_file(COLUMNS, [_row(entry) for entry in entries]), "The audit log")
        case _:
            channel = request.arguments.get("channel", "")
            yield Text(await _setting_changes.set_setting(services, request, "audit_channel", channel, "workspace"))
    yield Done()


async def suggest(services: Services, request: Request, option: str) -> Sequence[str]:
    """Return the first words of the actions."""
    return ACTIONS


async def _entries(services: Services, request: Request, limit: int) -> Sequence[AuditEntry]:
    """Return the newest entries; those of places that the asking person may not read are redacted."""
    arguments, place = request.arguments, request.place
    person = Subject.read(arguments["who"]) if arguments.get("who") else None
    if arguments.get("who") and (person is None or person.kind != "person"):
        raise UserError("`who` takes one person. Name one, such as `@name`.")
    entries = await services.records.audit(
        place.platform,
        place.workspace,
        person=person.id if person else "",
        action=arguments.get("action", ""),
        since=ago(arguments["since"]) if arguments.get("since") else 0,
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
    more = (
        f"\nThese are the newest {MOST_SHOWN} entries; `/audit export` has all." if len(entries) == MOST_SHOWN else ""
    )
    return markdown_table(("time (UTC)", "person", "place", "action", "target", "change"), rows) + more


def _change(entry: AuditEntry) -> str:
    both = f"{brief(entry.before)} → {brief(entry.after)}" if entry.before else brief(entry.after)
    return "" if both == "–" else both


def _row(entry: AuditEntry) -> Sequence[str]:
    place, person = entry.place, entry.person
    where = (place.name, place.channel, place.thread)
    return (_at(entry), person.name, person.id, *where, entry.action, entry.target, entry.before, entry.after)


def _at(entry: AuditEntry) -> str:
    return datetime.fromtimestamp(entry.at / 1000, UTC).isoformat(" ", "seconds")
