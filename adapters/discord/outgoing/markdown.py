"""People's text made readable: mentions become names or, in commands, subjects of options."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bot.interfaces.messages import Subject, SubjectKind

_TOKEN = re.compile(r"<(@!?|@&|#|a?:\w+:)(\d+)>")
_UNKNOWN: Mapping[str, str] = {"@": "@someone", "@!": "@someone", "@&": "@role", "#": "#channel"}
_KINDS: Mapping[str, SubjectKind] = {"@": "person", "@!": "person", "@&": "role", "#": "channel"}


def readable(content: str, names: Mapping[str, str], own: Collection[str] = ()) -> str:
    """Return `content` with `<@1>`, `<@&1>` and `<#1>` as names; mentions of the bot, in `own`, are removed."""

    def name(found: re.Match[str]) -> str:
        mark, key = found[1], found[2]
        if key in own:
            return ""
        if mark.endswith(":"):
            return mark.removeprefix("a")  # a custom emoji
        return f"{mark[0]}{names[key]}" if key in names else _UNKNOWN[mark]

    return _TOKEN.sub(name, content).strip()


def with_subjects(content: str, names: Mapping[str, str], own: Collection[str] = ()) -> str:
    """Return `content` with mentions as quoted values of a command's options: `"person:1|Ada"`."""

    def subject(found: re.Match[str]) -> str:
        mark, key = found[1], found[2]
        if key in own or mark not in _KINDS:
            return "" if key in own else found[0]
        return f'"{Subject(_KINDS[mark], key, names.get(key, "").replace(chr(34), ""))}"'

    return _TOKEN.sub(subject, content).strip()
