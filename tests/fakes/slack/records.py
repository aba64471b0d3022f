"""Keeps one example of each shape of what goes to and from the stand-in Slack, for `make check-slack`.

Only where SHOULDERS_SLACK_RECORDS names a folder; each process writes a file of its own, one JSON object a line.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, TypeAlias

import orjson

Kind: TypeAlias = Literal["call", "form", "answer", "event", "envelope", "acknowledgement"]

FOLDER = "SHOULDERS_SLACK_RECORDS"
LONGEST = 60
"""Types do not care for how a text goes on."""

FREE = frozenset({"text", "name", "value", "title", "filename", "markdown_text", "user_name", "channel_name", "handle"})
"""Fields whose texts are anybody's words."""

_WORD = re.compile(r"[a-z][a-z_.]{0,39}")
_seen: set[bytes] = set()


def record(kind: Kind, name: str, value: object) -> None:
    """Note what was sent or answered; `name` is the method's, the event's or the envelope's."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    shape = orjson.dumps([kind, name, _shape(value, "")], option=orjson.OPT_SORT_KEYS)
    if shape in _seen:
        return
    _seen.add(shape)
    line = orjson.dumps({"kind": kind, "name": name, "value": _short(value)}, option=orjson.OPT_APPEND_NEWLINE)
    with (Path(folder) / f"{os.getpid()}.jsonl").open("ab") as file:
        file.write(line)


def _shape(value: object, key: str) -> object:
    """Keep what types can tell apart: fields and their kinds, and words that may be one of a few."""
    if isinstance(value, dict):
        return {name: _shape(item, name) for name, item in value.items()}
    if isinstance(value, list):
        each = {orjson.dumps(_shape(item, key), option=orjson.OPT_SORT_KEYS).decode() for item in value}
        return sorted(each)
    if isinstance(value, str) and key not in FREE and _WORD.fullmatch(value):
        return value
    return type(value).__name__


def _short(value: object) -> object:
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return value[:LONGEST] if isinstance(value, str) else value
