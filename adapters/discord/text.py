"""What people wrote, made readable: mentions become names, those of the bot itself go."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_TOKEN = re.compile(r"<(@!?|@&|#|a?:\w+:)(\d+)>")
_UNKNOWN: Mapping[str, str] = {"@": "@someone", "@!": "@someone", "@&": "@role", "#": "#channel"}


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
