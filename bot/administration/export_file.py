"""What is kept as one JSON file, which people can read, too; docs/privacy.md describes its shape."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from bot.administration.settings import Value
from bot.interfaces.history import HistoryItem, Vote
from bot.interfaces.messages import Place
from bot.interfaces.records import AuditEntry
from bot.interfaces.replies import File
from bot.interfaces.usage import UsageTotal

SHAPE = "shoulders-export-1"

LARGEST = 7 * 2**20
"""Bytes of a file that every platform takes; a larger one is packed."""

MOST_FILES = 3
"""Files of one copy: as much as platforms take at once."""

SECTIONS = ("conversations", "overheard", "ratings", "usage", "audit")

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


class ExportFile:
    """A copy of what is kept, written entry by entry into as many files as it takes, and packed meanwhile.

    `bot` is what the bot is called, `of` whose it is, `name` how its files are called. Its methods take a moment each:
    not for the event loop.
    """

    def __init__(self, bot: str, of: str, name: str, settings: Mapping[str, Value] | None = None) -> None:
        self._bot = bot
        self._of = of
        self._name = name
        self._settings = settings or {}
        self._files: list[bytes] = []
        self._section, self._conversation, self._first = "", 0, True
        self.full = False
        """Whether something was left out, as platforms take no more files."""
        self._begin()

    def turns(self, turns: Sequence[HistoryItem]) -> None:
        """Add questions and answers, those of one conversation after each other."""
        for turn in turns:
            if turn.conversation != self._conversation:
                self._leave()
            if not self._open("conversations"):
                return
            if not self._conversation:
                head: Json = {"conversation": turn.conversation, "place": _place(turn.place), "private": turn.private}
                self._entry(_text(head)[:-1] + ', "turns": [')
                self._conversation, self._first = turn.conversation, True
            self._entry(_text(_said(turn, self._bot)))

    def overheard(self, messages: Sequence[HistoryItem]) -> None:
        """Add messages that were overheard."""
        self._add("overheard", ({"place": _place(kept.place), **_said(kept, self._bot)} for kept in messages))

    def ratings(self, votes: Sequence[Vote]) -> None:
        """Add what people thought of answers."""
        self._add("ratings", map(_vote, votes))

    def usage(self, totals: Sequence[UsageTotal]) -> None:
        """Add what was used."""
        self._add("usage", map(_used, totals))

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add what was changed."""
        self._add("audit", map(_entry, entries))

    def files(self) -> Sequence[File]:
        """All of it, at the end."""
        self._end()
        summary = f"What {self._bot} keeps of {self._of}"
        if len(self._files) == 1 and self._length <= LARGEST:
            return [File(f"{self._name}.json", gzip.decompress(self._files[0]), summary)]
        if len(self._files) == 1:
            return [File(f"{self._name}.json.gz", self._files[0], f"{summary}, packed")]
        return [
            File(f"{self._name}-{number}.json.gz", content, f"{summary}, packed, part {number}")
            for number, content in enumerate(self._files, 1)
        ]

    def _add(self, section: str, entries: Iterable[Json]) -> None:
        for entry in entries:
            if not self._open(section):
                return
            self._entry(_text(entry))

    def _begin(self) -> None:
        """Begin another file, which is a whole document by itself."""
        self._written = io.BytesIO()
        self._packing = gzip.GzipFile(fileobj=self._written, mode="wb", mtime=0)
        self._length = 0
        self._left = list(SECTIONS)
        self._section, self._conversation, self._first = "", 0, True
        head: Json = {
            "shape": SHAPE,
            "made": _time(int(datetime.now(UTC).timestamp() * 1_000)),
            "of": self._of,
            "settings": {} if self._files else dict(self._settings),
        }
        self._write(_text(head)[:-1])

    def _end(self) -> None:
        self._close()
        for section in self._left:
            self._write(f',\n"{section}": []')
        self._write("}\n")
        self._packing.close()
        self._files.append(self._written.getvalue())

    def _open(self, section: str) -> bool:
        """Go on with a section, in another file where this one is large enough; False where no more is taken."""
        if self._written.tell() > LARGEST:
            self.full = len(self._files) == MOST_FILES - 1
            if self.full:
                return False
            self._end()
            self._begin()
        if section != self._section:
            self._close()
            self._left.remove(section)
            self._section, self._first = section, True
            self._write(f',\n"{section}": [')
        return True

    def _close(self) -> None:
        self._leave()
        if self._section:
            self._write("\n]")
            self._section = ""

    def _leave(self) -> None:
        """End the conversation."""
        if self._conversation:
            self._write("\n]}")
            self._conversation, self._first = 0, False

    def _entry(self, text: str) -> None:
        self._write(f"{'' if self._first else ','}\n{text}")
        self._first = False

    def _write(self, text: str) -> None:
        data = text.encode()
        self._length += len(data)
        self._packing.write(data)


def packed(name: str, content: bytes, summary: str) -> File:
    """A file, packed where platforms would not take it as it is."""
    if len(content) <= LARGEST:
        return File(name, content, summary)
    return File(f"{name}.gz", gzip.compress(content), f"{summary}, packed")


def _text(entry: Json) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _vote(vote: Vote) -> Json:
    place, person = _place(vote.place), vote.person
    return {"at": _time(vote.at), "place": place, "person": person, "model": vote.model, "good": vote.good}


def _said(kept: HistoryItem, bot: str) -> dict[str, Json]:
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


def _used(total: UsageTotal) -> Json:
    day, model = total.key
    tokens = {"read": total.usage.prompt_tokens, "written": total.usage.completion_tokens}
    return {"day": day, "model": model, "requests": total.requests, "tokens": tokens}


def _entry(entry: AuditEntry) -> Json:
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
