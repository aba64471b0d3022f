"""The requests for a chat completion that OpenAI refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tests.fakes import media

Body: TypeAlias = Mapping[str, object]

FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "stream": bool,
    "stream_options": dict,
    "temperature": (int, float),
    "max_tokens": int,
    "max_completion_tokens": int,
}
ROLES = ("system", "developer", "user", "assistant")
NAME = re.compile(r"[^\s<|\\/>]{1,64}")


def violations(body: Body) -> Sequence[str]:
    """Everything that OpenAI refuses in a request, worst first."""
    found = [f"unknown field {name}" for name in body if name not in FIELDS]
    found += [
        f"wrong type of {name}" for name, value in body.items() if not isinstance(value, FIELDS.get(name, object))
    ]
    found += [f"missing {name}" for name in ("model", "messages", "stream") if not body.get(name)]
    if "max_tokens" in body and "max_completion_tokens" in body:
        found.append("both max_tokens and max_completion_tokens")
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        found += wrong_in_message(message)
    return found


def wrong_in_message(message: Mapping[str, object]) -> Sequence[str]:
    """Return the faults of one message."""
    found = [f"unknown field messages.{name}" for name in message if name not in ("role", "content", "name")]
    if message.get("role") not in ROLES:
        found.append(f"bad role {message.get('role')}")
    content = message.get("content")
    if isinstance(content, list) and content and message.get("role") == "user":
        found += [wrong for part in content for wrong in wrong_in_part(part)]
    elif not isinstance(content, str):
        found.append("missing content")
    if not NAME.fullmatch(str(message.get("name", "x"))):
        found.append(f"bad name {message['name']}")
    return found


def wrong_in_part(part: Mapping[str, object]) -> Sequence[str]:
    """Return the faults of one part of a message's content."""
    match part:
        case {"type": "text", "text": str()}:
            return [f"unknown field content.{name}" for name in part if name not in ("type", "text")]
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return [] if media.is_picture(url) else ["bad image_url"]
        case _:
            return ["bad content"]
