"""What people wrote, made readable: mentions become names, or, in a command, whom an option means."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bot.interfaces.messages import Subject, SubjectKind

_TOKEN = re.compile(r"<(@!?|@&|#|a?:\w+:)(\d+)>")
_UNKNOWN: Mapping[str, str] = {"@": "@someone", "@!": "@someone", "@&": "@role", "#": "#channel"}
_KINDS: Mapping[str, SubjectKind] = {"@": "person", "@!": "person", "@&": "role", "#": "channel"}


def readable(content: str, names: Mapping[str, str], own: Collection[str] = ()) -> str:
    """`content` with `<@1>`, `<@&1>` and `<#1>` as the names given by id; the ids in `own` are the bot's and vanish."""

    def name(found: re.Match[str]) -> str:
        mark, key = found[1], found[2]
        if key in own:
            return ""
        if mark.endswith(":"):
            return mark.removeprefix("a")  # a custom emoji
        return f"{mark[0]}{names[key]}" if key in names else _UNKNOWN[mark]

    return _TOKEN.sub(name, content).strip()


def with_subjects(content: str, names: Mapping[str, str], own: Collection[str] = ()) -> str:
    """`content` with what is mentioned as options of a command hold it, quoted: `"person:1|Ada"`."""

    def subject(found: re.Match[str]) -> str:
        mark, key = found[1], found[2]
        if key in own or mark not in _KINDS:
            return "" if key in own else found[0]
        return f'"{Subject(_KINDS[mark], key, names.get(key, "").replace(chr(34), ""))}"'

    return _TOKEN.sub(subject, content).strip()
