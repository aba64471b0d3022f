"""What is kept as one JSON file, which people can read, too; docs/privacy.md describes its shape."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from bot.books import Entry, Total
from bot.settings import Value
from bot.traces import Kept, Vote
from bot.types import File, Place

SHAPE = "shoulders-export-1"

LARGEST = 7 * 2**20
"""Bytes of a file that every platform takes; a larger one is packed."""

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything that goes into a file. `bot` is what the bot is called, `of` whose it is."""

    bot: str
    of: str
    turns: Sequence[Kept]
    overheard: Sequence[Kept]
    votes: Sequence[Vote]
    settings: Mapping[str, Value] = field(default_factory=dict)
    usage: Sequence[Total] = ()
    audit: Sequence[Entry] = ()


def file_of(archive: Archive, name: str) -> File:
    """The file. Takes a while for much: not for the event loop."""
    content = json.dumps(_document(archive), ensure_ascii=False, indent=2).encode()
    return packed(f"{name}.json", content, f"What {archive.bot} keeps of {archive.of}")


def packed(name: str, content: bytes, summary: str) -> File:
    """A file, packed where platforms would not take it as it is."""
    if len(content) <= LARGEST:
        return File(name, content, summary)
    return File(f"{name}.gz", gzip.compress(content), f"{summary}, packed")


def _document(archive: Archive) -> Json:
    return {
        "shape": SHAPE,
        "made": _time(int(datetime.now(UTC).timestamp() * 1_000)),
        "of": archive.of,
        "conversations": _conversations(archive.turns, archive.bot),
        "overheard": [{"place": _place(kept.place), **_said(kept, archive.bot)} for kept in archive.overheard],
        "ratings": [
            {
                "at": _time(vote.at),
                "place": _place(vote.place),
                "person": vote.person,
                "model": vote.model,
                "good": vote.good,
            }
            for vote in archive.votes
        ],
        "settings": dict(archive.settings),
        "usage": [_used(total) for total in archive.usage],
        "audit": [_entry(entry) for entry in archive.audit],
    }


def _conversations(turns: Iterable[Kept], bot: str) -> Json:
    grouped: dict[int, list[Kept]] = {}
    for turn in turns:
        grouped.setdefault(turn.conversation, []).append(turn)
    return [
        {
            "conversation": number,
            "place": _place(own[0].place),
            "private": own[0].private,
            "turns": [_said(turn, bot) for turn in own],
        }
        for number, own in grouped.items()
    ]


def _said(kept: Kept, bot: str) -> dict[str, Json]:
    if kept.role == "assistant":
        return {"at": _time(kept.at), "by": bot, "model": kept.model, "text": kept.text}
    return {"at": _time(kept.at), "by": kept.name, "person": kept.person, "text": kept.text}


def _place(place: Place) -> Json:
    return {
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "thread": place.thread,
        "name": place.name,
        "direct": place.direct,
    }


def _used(total: Total) -> Json:
    day, model = total.key
    tokens = {"read": total.usage.prompt_tokens, "written": total.usage.completion_tokens}
    return {"day": day, "model": model, "requests": total.requests, "tokens": tokens}


def _entry(entry: Entry) -> Json:
    return {
        "at": _time(entry.at),
        "place": _place(entry.place),
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")
