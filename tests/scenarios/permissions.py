"""The table of permissions: test_permissions.py makes its tests from it, tests/documents.py its document."""

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
    "denied former administrator",
]

Needs = Literal["anyone", "member", "administrator"]
Surface = Literal["mention", "command", "button", "menu", "form", "shortcut", "page", "completion"]
Platform = Literal["discord", "slack"]
Whose = Literal["one's own", "another's"]

WHO: Mapping[Who, str] = {
    "member": "a member of the workspace",
    "denied": "a member for whom a rule denies the bot",
    "guest": "a guest, or a person from another workspace; only on Slack",
    "allowed guest": "a guest for whom a rule permits the bot",
    "administrator": "an administrator on the platform; a rule that denies the bot has no effect",
    "named administrator": "an administrator in config.toml; a rule that denies the bot has no effect",
    "former administrator": "a member who has just lost the right; the platform has not reported it yet",
    "denied former administrator": "the same person, for whom a rule denies the bot",
}

MAY: Mapping[Needs, frozenset[Who]] = {
    "anyone": frozenset(WHO),
    "member": frozenset(WHO) - {"denied", "guest", "denied former administrator"},
    "administrator": frozenset({"administrator", "named administrator"}),
}

SOMEBODY = "somebody else"
"""A placeholder for a person of the platform."""

EVERYWHERE: tuple[Surface, ...] = ("command", "mention")

CLOSED_MODEL = "spare"
"""The model that a rule denies to everybody."""

NO_PAGE = "Discord does not give bots a page of their own"
NOT_COMPLETED = "Slack does not complete the arguments of commands"


@dataclass(frozen=True, slots=True)
class Row:
    """One action: a command with its arguments, the right that it needs, and its surfaces.

    `values` fill in a form. `label` is the label of a button, a menu or a shortcut, or the completed option; a menu
    stands under the answer to the command `under`. `lacking` is the reason why a platform is not in `platforms`.
    """

    action: str
    command: str
    needs: Needs
    arguments: Mapping[str, str] = field(default_factory=dict)
    surfaces: tuple[Surface, ...] = EVERYWHERE
    values: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    under: str = ""
    whose: Whose = "one's own"
    platforms: tuple[Platform, ...] = ("discord", "slack")
    lacking: str = ""


ROWS = (
    Row("talk with the bot", "chat", "member", {"text": "Hello"}, ("mention",)),
    Row("ask a model", "ask", "member", {"text": "Hello"}),
    Row(
        "ask a model that a rule denies",
        "ask",
        "administrator",
        {"text": "Hello", "model": CLOSED_MODEL},
    ),
    Row("run a task", "sentiment", "member", {"text": "Hello"}),
    Row("run a task on a message", "sentiment", "member", {}, ("shortcut",), label="Sentiment"),
    Row("retry one's own question", "retry", "member", {}, (*EVERYWHERE, "button"), label="Retry"),
    Row(
        "retry another person's question",
        "retry",
        "administrator",
        {},
        ("button",),
        label="Retry",
        whose="another's",
    ),
    Row("rate an answer", "feedback", "member", {}, ("button",), label="👍"),
    Row("choose the model of one's conversation", "model", "member", {"name": "main"}),
    Row("start a new conversation", "new", "member"),
    Row(
        "complete a model's name",
        "ask",
        "member",
        {},
        ("completion",),
        label="model",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("list the models", "models list", "member"),
    Row("show one model", "models info", "member", {"name": "main"}),
    Row("search the Hub", "models search", "administrator", {"words": "small"}),
    Row("add a model", "models add", "administrator", {"model": "maker/small"}),
    Row("download a model", "models pull", "administrator", {"name": "main"}),
    Row("load a model", "models load", "administrator", {"name": "main"}),
    Row("unload a model", "models unload", "administrator", {"name": "main"}),
    Row("remove a model", "models remove", "administrator", {"name": "main"}),
    Row("get help", "help", "anyone"),
    Row("stop one's own answer", "stop", "anyone", {}, (*EVERYWHERE, "button"), label="Stop"),
    Row("stop another person's answer", "stop", "administrator", {}, ("button",), label="Stop", whose="another's"),
    Row("show the settings", "config show", "member"),
    Row("show the settings", "config show", "member", {}, ("page",), platforms=("slack",), lacking=NO_PAGE),
    Row(
        "complete a setting's name",
        "config show",
        "member",
        {},
        ("completion",),
        label="key",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("change a setting for oneself", "config set", "member", {"key": "language", "value": "Thai", "scope": "me"}),
    Row(
        "change a setting for oneself, from a menu",
        "config set",
        "member",
        {"key": "language"},
        ("menu",),
        {"value": "Thai"},
        label="Change your settings…",
        under="config show",
    ),
    Row(
        "change a setting for a channel",
        "config set",
        "administrator",
        {"key": "language", "value": "Thai", "scope": "channel"},
    ),
    Row(
        "change a setting for the workspace, in a form",
        "config set",
        "administrator",
        {"key": "speak"},
        ("form",),
        {"value": "threads", "scope": "workspace"},
    ),
    Row("reset a setting", "config reset", "administrator", {"key": "language", "scope": "channel"}),
    Row("export the settings", "config export", "administrator"),
    Row("import settings", "config import", "administrator", {"toml": "[workspace]"}),
    Row("list the personas", "persona list", "member"),
    Row("choose a persona for oneself", "persona use", "member", {"name": "none", "scope": "me"}),
    Row(
        "choose a persona for oneself, from a menu",
        "persona use",
        "member",
        {"name": "none"},
        ("menu",),
        label="Choose a persona…",
        under="persona list",
    ),
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
    Row("show a persona", "persona show", "member", {"name": "owl"}),
    Row("change a persona", "persona edit", "administrator", {"name": "owl", "prompt": "You are an old owl."}),
    Row(
        "change a persona, in a form",
        "persona edit",
        "administrator",
        {"name": "owl"},
        ("form",),
        {"prompt": "You are a young owl."},
    ),
    Row("delete a persona", "persona delete", "administrator", {"name": "pirate"}),
    Row("show one's own rights", "access show", "member"),
    Row("make a rule", "access allow", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("make a rule about a model", "access deny", "administrator", {"who": "everyone", "what": CLOSED_MODEL}),
    Row("remove a rule", "access remove", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("show the limits", "limits show", "member"),
    Row("show one's own usage", "usage show", "member"),
    Row("set a limit", "limits set", "administrator", {"amount": "1000", "of": "requests", "per": "day"}),
    Row("remove a limit", "limits remove", "administrator", {"of": "requests", "per": "day"}),
    Row("show everybody's usage", "usage people", "administrator"),
    Row("draw everybody's usage", "usage chart", "administrator"),
    Row("export everybody's usage", "usage csv", "administrator"),
    Row("read the audit", "audit show", "administrator"),
    Row(
        "complete an action of the audit",
        "audit show",
        "administrator",
        {},
        ("completion",),
        label="action",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("export the audit", "audit export", "administrator"),
    Row("choose the channel for announcements", "audit channel", "administrator"),
    Row("show the stored data and its retention", "privacy", "anyone"),
    Row("export one's own data", "export me", "anyone"),
    Row("export a channel's data", "export channel", "administrator"),
    Row("export the workspace's data", "export everything", "administrator"),
    Row(
        "delete another person's conversation",
        "forget conversation",
        "administrator",
        {"sure": "yes"},
        whose="another's",
    ),
    Row("delete a person's data", "forget person", "administrator", {"who": SOMEBODY}),
    Row("delete a channel's data", "forget channel", "administrator"),
    Row("delete all data", "forget everything", "administrator"),
    Row("delete one's own conversation", "forget conversation", "anyone", {"sure": "yes"}),
    Row("delete one's own data", "forget me", "anyone", {"sure": "yes"}),
)
