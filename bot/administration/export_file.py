"""Exports of stored data as JSON files; docs/privacy.md describes their format."""

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
"""The most bytes of a file that every platform takes; a larger one is compressed."""

MOST_FILES = 3
"""The most files of an export, as many as platforms take in one message."""

SECTIONS = ("conversations", "overheard", "ratings", "usage", "audit")

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


class ExportFile:
    """An export, written entry by entry into up to MOST_FILES compressed files.

    `bot` is the bot's name, `of` describes the owner of the data, `name` is the beginning of the files' names. Its
    methods take some time each: call them in a thread.
    """

    def __init__(self, bot: str, of: str, name: str, settings: Mapping[str, Value] | None = None) -> None:
        self._bot = bot
        self._of = of
        self._name = name
        self._settings = settings or {}
        self._files: list[bytes] = []
        self._section, self._conversation, self._first = "", 0, True
        self.full = False
        """True once entries were left out, because platforms do not take more files."""
        self._begin()

    def turns(self, turns: Sequence[HistoryItem]) -> None:
        """Add questions and answers, sorted by conversation."""
        for turn in turns:
            if turn.conversation != self._conversation:
                self._end_conversation()
            if not self._open_section("conversations"):
                return
            if not self._conversation:
                head: Json = {"conversation": turn.conversation, "place": _place(turn.place), "private": turn.private}
                self._entry(_text(head)[:-1] + ', "turns": [')
                self._conversation, self._first = turn.conversation, True
            self._entry(_text(_message(turn, self._bot)))

    def overheard(self, messages: Sequence[HistoryItem]) -> None:
        """Add messages between people."""
        self._add("overheard", ({"place": _place(item.place), **_message(item, self._bot)} for item in messages))

    def ratings(self, votes: Sequence[Vote]) -> None:
        """Add the ratings of answers."""
        self._add("ratings", map(_vote, votes))

    def usage(self, totals: Sequence[UsageTotal]) -> None:
        """Add sums of usage."""
        self._add("usage", map(_usage_total, totals))

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries of the audit."""
        self._add("audit", map(_entry, entries))

    def files(self) -> Sequence[File]:
        """Finish the export and return its files. Call it once."""
        self._end()
        summary = f"{self._bot}'s data of {self._of}"
        if len(self._files) == 1 and self._length <= LARGEST:
            return [File(f"{self._name}.json", gzip.decompress(self._files[0]), summary)]
        if len(self._files) == 1:
            return [File(f"{self._name}.json.gz", self._files[0], f"{summary}, compressed")]
        return [
            File(f"{self._name}-{number}.json.gz", content, f"{summary}, compressed, part {number}")
            for number, content in enumerate(self._files, 1)
        ]

    def _add(self, section: str, entries: Iterable[Json]) -> None:
        for entry in entries:
            if not self._open_section(section):
                return
            self._entry(_text(entry))

    def _begin(self) -> None:
        """Begin another file, a whole JSON document."""
        self._written = io.BytesIO()
        self._gzip = gzip.GzipFile(fileobj=self._written, mode="wb", mtime=0)
        self._length = 0
        self._empty_sections = list(SECTIONS)
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
        for section in self._empty_sections:
            self._write(f',\n"{section}": []')
        self._write("}\n")
        self._gzip.close()
        self._files.append(self._written.getvalue())

    def _open_section(self, section: str) -> bool:
        """Continue with a section, in another file if this one is full; return False after the last file."""
        if self._written.tell() > LARGEST:
            self.full = len(self._files) == MOST_FILES - 1
            if self.full:
                return False
            self._end()
            self._begin()
        if section != self._section:
            self._close()
            self._empty_sections.remove(section)
            self._section, self._first = section, True
            self._write(f',\n"{section}": [')
        return True

    def _close(self) -> None:
        self._end_conversation()
        if self._section:
            self._write("\n]")
            self._section = ""

    def _end_conversation(self) -> None:
        """End the array of turns of the current conversation."""
        if self._conversation:
            self._write("\n]}")
            self._conversation, self._first = 0, False

    def _entry(self, text: str) -> None:
        self._write(f"{'' if self._first else ','}\n{text}")
        self._first = False

    def _write(self, text: str) -> None:
        data = text.encode()
        self._length += len(data)
        self._gzip.write(data)


def compressed(name: str, content: bytes, summary: str) -> File:
    """Return a file, compressed if it is too large for platforms."""
    if len(content) <= LARGEST:
        return File(name, content, summary)
    return File(f"{name}.gz", gzip.compress(content), f"{summary}, compressed")


def _text(entry: Json) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _vote(vote: Vote) -> Json:
    place, person = _place(vote.place), vote.person
    return {"at": _time(vote.at), "place": place, "person": person, "model": vote.model, "good": vote.good}


def _message(item: HistoryItem, bot: str) -> dict[str, Json]:
    if item.role == "assistant":
        return {"at": _time(item.at), "by": bot, "model": item.model, "text": item.text}
    return {"at": _time(item.at), "by": item.name, "person": item.person, "text": item.text}


def _place(place: Place) -> Json:
    return {
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "thread": place.thread,
        "name": place.name,
        "direct": place.direct,
    }


def _usage_total(total: UsageTotal) -> Json:
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
