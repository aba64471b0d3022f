"""Who may do what: one table, from which test_permissions.py makes its tests and tests/documents.py its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Who = Literal[
    "member",
    "denied",
    "guest",
    "allowed guest",
    "administrator",
    "named administrator",
    "former administrator",
]

Needs = Literal["anyone", "member", "administrator"]
Surface = Literal["mention", "command", "button", "form"]

WHO: Mapping[Who, str] = {
    "member": "a member of the workspace",
    "denied": "a member for whom a rule denies the bot",
    "guest": "a guest, or somebody from another workspace",
    "allowed guest": "a guest whom a rule allows the bot",
    "administrator": "an administrator by the platform's word",
    "named administrator": "an administrator by config.toml",
    "former administrator": "an administrator until a moment ago",
}

MAY: Mapping[Needs, frozenset[Who]] = {
    "anyone": frozenset(WHO),
    "member": frozenset(WHO) - {"denied", "guest"},
    "administrator": frozenset({"administrator", "named administrator"}),
}

SOMEBODY = "somebody else"
"""Stands for a person of the platform."""

EVERYWHERE: tuple[Surface, ...] = ("command", "mention")


@dataclass(frozen=True, slots=True)
class Row:
    """One action: the command with its arguments, what one must be, and the surfaces where it can be done.

    `values` are what a form is filled in with; `platforms` where it exists at all.
    """

    what: str
    command: str
    needs: Needs
    arguments: Mapping[str, str] = field(default_factory=dict)
    surfaces: tuple[Surface, ...] = EVERYWHERE
    values: Mapping[str, str] = field(default_factory=dict)


ROWS = (
    Row("talk with the bot", "chat", "member", {"text": "Hello"}, ("mention",)),
    Row("ask a model", "ask", "member", {"text": "Hello"}),
    Row("have a task done", "sentiment", "member", {"text": "Hello"}),
    Row("have one's question answered again", "retry", "member", {}, ("command", "mention", "button")),
    Row("choose the model of one's conversation", "model", "member", {"name": "main"}),
    Row("begin afresh", "new", "member"),
    Row("see what models there are", "models list", "member"),
    Row("see one model", "models info", "member", {"name": "main"}),
    Row("search the Hub", "models search", "administrator", {"words": "small"}),
    Row("add a model", "models add", "administrator", {"model": "maker/small"}),
    Row("download a model", "models pull", "administrator", {"name": "main"}),
    Row("load a model", "models load", "administrator", {"name": "main"}),
    Row("unload a model", "models unload", "administrator", {"name": "main"}),
    Row("remove a model", "models remove", "administrator", {"name": "main"}),
    Row("get help", "help", "anyone"),
    Row("stop one's answer", "stop", "anyone"),
    Row("see the settings", "config show", "member"),
    Row("set something for oneself", "config set", "member", {"key": "language", "value": "Thai", "scope": "me"}),
    Row(
        "set something for a channel",
        "config set",
        "administrator",
        {"key": "language", "value": "Thai", "scope": "channel"},
    ),
    Row(
        "set something for the workspace, in a form",
        "config set",
        "administrator",
        {"key": "speak"},
        ("form",),
        {"value": "threads", "scope": "workspace"},
    ),
    Row("take a change back", "config reset", "administrator", {"key": "language", "scope": "channel"}),
    Row("export the settings", "config export", "administrator"),
    Row("import settings", "config import", "administrator", {"toml": "[workspace]"}),
    Row("see the personas", "persona list", "member"),
    Row("choose a persona for oneself", "persona use", "member", {"name": "none", "scope": "me"}),
    Row("choose a persona for a channel", "persona use", "administrator", {"name": "none", "scope": "channel"}),
    Row("make a persona", "persona make", "administrator", {"name": "pirate", "prompt": "You are a pirate."}),
    Row(
        "make a persona, in a form",
        "persona make",
        "administrator",
        {"name": "parrot"},
        ("form",),
        {"prompt": "You are a parrot."},
    ),
    Row("delete a persona", "persona delete", "administrator", {"name": "pirate"}),
    Row("see what one may use", "access show", "member"),
    Row("make a rule", "access allow", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("take a rule back", "access remove", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("see what is limited", "limits show", "member"),
    Row("see one's own usage", "usage show", "member"),
    Row("set a limit", "limits set", "administrator", {"amount": "1000", "of": "requests", "per": "day"}),
    Row("take a limit back", "limits remove", "administrator", {"of": "requests", "per": "day"}),
    Row("see everybody's usage", "usage people", "administrator"),
    Row("see it as a picture", "usage chart", "administrator"),
    Row("export it", "usage csv", "administrator"),
    Row("read the audit", "audit show", "administrator"),
    Row("export the audit", "audit export", "administrator"),
    Row("choose where changes are announced", "audit channel", "administrator"),
    Row("be told what is kept", "privacy", "anyone"),
    Row("get one's own data", "export me", "anyone"),
    Row("get a channel's", "export channel", "administrator"),
    Row("get the workspace's", "export everything", "administrator"),
    Row("have a person forgotten", "forget person", "administrator", {"who": SOMEBODY}),
    Row("have a channel forgotten", "forget channel", "administrator"),
    Row("have everything forgotten", "forget everything", "administrator"),
    Row("have one's conversation forgotten", "forget conversation", "anyone", {"sure": "yes"}),
    Row("be forgotten", "forget me", "anyone", {"sure": "yes"}),
)
