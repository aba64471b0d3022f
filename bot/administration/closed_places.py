"""Entries of the audit for people who may not read a place: without its name and its values."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from bot.interfaces.messages import Place
from bot.interfaces.records import AuditEntry

PRIVATE = "a private channel"


HIDDEN = "…"
"""The replacement for a value of a place that the reader may not read."""


_SET_THERE = re.compile(r"\((channel|thread)\b(?: (\S+))?\)$")


_FORGOTTEN = re.compile(r"\((\S+)\)$")


def places_in(entry: AuditEntry) -> Collection[Place]:
    """Return the place of an entry and, where it names one, the channel that was changed."""
    place, channel = entry.place, ""
    if found := _SET_THERE.search(entry.target):
        channel = (found[2] or "") if found[1] == "channel" else ""
    elif entry.action == "forget channel":
        channel = found[1] if (found := _FORGOTTEN.search(entry.target)) else ""
    elif entry.action == "export channel":
        channel = entry.target
    return {place, Place(place.platform, place.workspace, channel)} if channel else {place}


def redacted(entry: AuditEntry, closed: Collection[Place]) -> AuditEntry:
    """Return an entry without the details of `closed` places."""
    if not any(place in closed for place in places_in(entry)):
        return entry
    place, target, before, after = entry.place, entry.target, entry.before, entry.after
    if place in closed:
        place = replace(place, channel="", thread="", name=name_of(place))
    if found := _SET_THERE.search(target):
        target = f"{target[: found.start()]}({found[1]})"
        before, after = (HIDDEN if value else "" for value in (before, after))
    elif entry.action in ("forget channel", "export channel"):
        target = PRIVATE
    return replace(entry, place=place, target=target, before=before, after=after)


def name_of(place: Place) -> str:
    """Return the name of a closed place: PRIVATE, or a name without a channel, such as that of direct messages."""
    return PRIVATE if "#" in place.name or not place.name else place.name
