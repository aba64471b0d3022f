"""The types of Slack that judge each recorded shape."""

from __future__ import annotations

from collections.abc import Mapping

IMPORTS = (
    "import type * as W from '@slack/web-api';",
    "import type * as T from '@slack/types';",
    "import type * as B from '@slack/bolt';",
    "import type { Manifest } from '@slack/web-api/dist/types/request/manifest';",
    "type Blocks = { blocks: T.AnyBlock[]; attachments: T.MessageAttachment[] };",
    "type Plain<A> = A extends string ? `${A}` : A extends object ? "
    "{ [K in keyof A]: (K extends keyof Blocks ? Blocks[K] : Plain<A[K]>) | null } : A;",
    "type Event<Name extends string> = Extract<T.SlackEvent, { type: Name }>;",
)

"""Types of answers are made from examples: they have enumerations for words, know no null and only some blocks."""

ENVELOPES: Mapping[str, str] = {
    "events_api": "B.EnvelopedEvent",
    "slash_commands": "B.SlashCommand",
    "block_actions": "B.BlockAction",
    "message_action": "B.MessageShortcut",
    "view_submission": "B.ViewSubmitAction",
}
"""Types of the payloads that Socket Mode carries, by their names."""

ACKNOWLEDGEMENTS: Mapping[str, str] = {
    "slash_commands": "B.RespondArguments",
    "view_submission": "B.ViewResponseAction",
}
"""Types of the answers to an envelope."""


def type_of(kind: str, name: str) -> str:
    """Return the type's name in TypeScript."""
    if kind in ("call", "form"):
        return "B.RespondArguments" if name == "response_url" else f"W.{pascal(name)}Arguments"
    if kind == "answer":
        return f"Plain<W.{pascal(name)}Response>"
    if kind == "event":
        return f"Event<'{name}'>"
    if kind == "envelope":
        return ENVELOPES.get(name, "never")
    if kind == "acknowledgement":
        return ACKNOWLEDGEMENTS.get(name, "never")
    if kind == "manifest":
        return "Manifest"
    return f"T.{name}"


def pascal(method: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in method.split("."))
