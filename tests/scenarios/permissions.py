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
    "denied former administrator",
]

Needs = Literal["anyone", "member", "administrator"]
Surface = Literal["mention", "command", "button", "menu", "form", "shortcut", "page", "completion"]
Platform = Literal["discord", "slack"]
Whose = Literal["one's own", "another's"]

WHO: Mapping[Who, str] = {
    "member": "a member of the workspace",
    "denied": "a member for whom a rule denies the bot",
    "guest": "a guest, or somebody from another workspace; on Slack alone",
    "allowed guest": "the same, whom a rule allows the bot",
    "administrator": "an administrator by the platform's word, whom a rule denies the bot in vain",
    "named administrator": "an administrator by config.toml, whom a rule denies the bot in vain",
    "former administrator": "an administrator until a moment ago, of which the platform did not tell yet",
    "denied former administrator": "the same, for whom a rule denies the bot",
}

MAY: Mapping[Needs, frozenset[Who]] = {
    "anyone": frozenset(WHO),
    "member": frozenset(WHO) - {"denied", "guest", "denied former administrator"},
    "administrator": frozenset({"administrator", "named administrator"}),
}

SOMEBODY = "somebody else"
"""Stands for a person of the platform."""

EVERYWHERE: tuple[Surface, ...] = ("command", "mention")

CLOSED_MODEL = "spare"
"""The model that a rule denies everybody."""

NO_PAGE = "Discord gives bots no page"
NOT_COMPLETED = "what is typed on Slack is not completed"


@dataclass(frozen=True, slots=True)
class Row:
    """One action: the command with its arguments, what one must be, and the surfaces where it can be done.

    `values` are what a form is filled in with. `label` is what a button, a menu or a shortcut is called, or the option
    that is completed; a menu stands under the answer to the command `under`. It is done on the `platforms`; `lacking`
    says why one of them is missing.
    """

    what: str
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
    Row("have a task done", "sentiment", "member", {"text": "Hello"}),
    Row("have a task done on a message", "sentiment", "member", {}, ("shortcut",), label="Sentiment"),
    Row("have one's question answered again", "retry", "member", {}, (*EVERYWHERE, "button"), label="Retry"),
    Row(
        "have another's question answered again",
        "retry",
        "administrator",
        {},
        ("button",),
        label="Retry",
        whose="another's",
    ),
    Row("say whether an answer was good", "feedback", "member", {}, ("button",), label="👍"),
    Row("choose the model of one's conversation", "model", "member", {"name": "main"}),
    Row("begin afresh", "new", "member"),
    Row(
        "have a model's name completed",
        "ask",
        "member",
        {},
        ("completion",),
        label="model",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("see what models there are", "models list", "member"),
    Row("see one model", "models info", "member", {"name": "main"}),
    Row("search the Hub", "models search", "administrator", {"words": "small"}),
    Row("add a model", "models add", "administrator", {"model": "maker/small"}),
    Row("download a model", "models pull", "administrator", {"name": "main"}),
    Row("load a model", "models load", "administrator", {"name": "main"}),
    Row("unload a model", "models unload", "administrator", {"name": "main"}),
    Row("remove a model", "models remove", "administrator", {"name": "main"}),
    Row("get help", "help", "anyone"),
    Row("stop one's answer", "stop", "anyone", {}, (*EVERYWHERE, "button"), label="Stop"),
    Row("stop another's answer", "stop", "administrator", {}, ("button",), label="Stop", whose="another's"),
    Row("see the settings", "config show", "member"),
    Row("see the settings", "config show", "member", {}, ("page",), platforms=("slack",), lacking=NO_PAGE),
    Row(
        "have a setting's name completed",
        "config show",
        "member",
        {},
        ("completion",),
        label="key",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("set something for oneself", "config set", "member", {"key": "language", "value": "Thai", "scope": "me"}),
    Row(
        "set something for oneself, from a menu",
        "config set",
        "member",
        {"key": "language"},
        ("menu",),
        {"value": "Thai"},
        label="Change how you are answered…",
        under="config show",
    ),
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
    Row("see what a persona says", "persona show", "member", {"name": "owl"}),
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
    Row("see what one may use", "access show", "member"),
    Row("make a rule", "access allow", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("make a rule about a model", "access deny", "administrator", {"who": "everyone", "what": CLOSED_MODEL}),
    Row("take a rule back", "access remove", "administrator", {"who": "everyone", "what": "/ask"}),
    Row("see what is limited", "limits show", "member"),
    Row("see one's own usage", "usage show", "member"),
    Row("set a limit", "limits set", "administrator", {"amount": "1000", "of": "requests", "per": "day"}),
    Row("take a limit back", "limits remove", "administrator", {"of": "requests", "per": "day"}),
    Row("see everybody's usage", "usage people", "administrator"),
    Row("see it as a picture", "usage chart", "administrator"),
    Row("export it", "usage csv", "administrator"),
    Row("read the audit", "audit show", "administrator"),
    Row(
        "have what was done completed",
        "audit show",
        "administrator",
        {},
        ("completion",),
        label="action",
        platforms=("discord",),
        lacking=NOT_COMPLETED,
    ),
    Row("export the audit", "audit export", "administrator"),
    Row("choose where changes are announced", "audit channel", "administrator"),
    Row("be told what is kept", "privacy", "anyone"),
    Row("get one's own data", "export me", "anyone"),
    Row("get a channel's", "export channel", "administrator"),
    Row("get the workspace's", "export everything", "administrator"),
    Row(
        "have another's conversation forgotten",
        "forget conversation",
        "administrator",
        {"sure": "yes"},
        whose="another's",
    ),
    Row("have a person forgotten", "forget person", "administrator", {"who": SOMEBODY}),
    Row("have a channel forgotten", "forget channel", "administrator"),
    Row("have everything forgotten", "forget everything", "administrator"),
    Row("have one's conversation forgotten", "forget conversation", "anyone", {"sure": "yes"}),
    Row("be forgotten", "forget me", "anyone", {"sure": "yes"}),
)
