"""How places are shown to people who may not read there: without their names and without what was set there."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from bot.interfaces.messages import Place
from bot.interfaces.records import AuditEntry

PRIVATE = "a private channel"


HIDDEN = "…"
"""Stands for what was set in a place that one may not read."""


_SET_THERE = re.compile(r"\((channel|thread)\b(?: (\S+))?\)$")


_FORGOTTEN = re.compile(r"\((\S+)\)$")


def places_in(entry: AuditEntry) -> Collection[Place]:
    """Where something was done, and the channel that it was done to, as far as an entry says so."""
    place, channel = entry.place, ""
    if found := _SET_THERE.search(entry.target):
        channel = (found[2] or "") if found[1] == "channel" else ""
    elif entry.action == "forget channel":
        channel = found[1] if (found := _FORGOTTEN.search(entry.target)) else ""
    elif entry.action == "export channel":
        channel = entry.target
    return {place, Place(place.platform, place.workspace, channel)} if channel else {place}


def redacted(entry: AuditEntry, closed: Collection[Place]) -> AuditEntry:
    """An entry as people may see it to whom these places are closed."""
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
    """What a closed place is called; what platforms say of every place of a kind, such as a direct message, stays."""
    return PRIVATE if "#" in place.name or not place.name else place.name
