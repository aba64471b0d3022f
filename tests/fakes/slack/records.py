"""Records of the fake Slack's traffic, one example of each shape, for `make check-slack`.

They are written only if SHOULDERS_SLACK_RECORDS names a folder. Each process writes its own file, one JSON object in
each line.
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
"""A type does not depend on the end of a text, so longer texts are cut here."""

FREE = frozenset({"text", "name", "value", "title", "filename", "markdown_text", "user_name", "channel_name", "handle"})
"""Fields with free text."""

_WORD = re.compile(r"[a-z][a-z_.]{0,39}")
_seen: set[bytes] = set()


def record(kind: Kind, name: str, value: object) -> None:
    """Record a call or an answer; `name` is the method's, the event's or the envelope's."""
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
    """Return the value's shape for the types: fields, their kinds, and words that may belong to an enumeration."""
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
