"""Slack's mark-up: people's text becomes readable, and the bot's Markdown becomes Slack's older form."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from adapters.slack.outgoing.markdown import FENCED, harmless
from bot.interfaces.messages import Subject

_CONTROL = re.compile(r"<([@#!]?)([^<>|\n]+)(?:\|([^<>\n]*))?>")
_USER = re.compile(r"<@([UW]\w+)(?:\|[^<>]*)?>")
_TO_OTHERS = re.compile(r"<!(?:channel|here|everyone|subteam)")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))

_MARKS = (
    (re.compile(r"^#{1,6} +(.+?)[ #]*$", re.MULTILINE), r"*\1*"),
    (re.compile(r"\*\*(.+?)\*\*"), r"*\1*"),
    (re.compile(r"^(\s*)[-*] ", re.MULTILINE), r"\1• "),
)


def mentioned(text: str) -> Collection[str]:
    """Return the ids of mentioned people."""
    return _USER.findall(text)


def is_to_others(text: str, me: str) -> bool:
    """Return whether a message mentions other people."""
    return bool(_TO_OTHERS.search(text)) or any(user != me for user in mentioned(text))


def mentioned_ids(text: str) -> Collection[str]:
    """Return the ids of mentioned people, channels and user groups without a label; those of people always."""
    ids = [(key, label) for mark, key, label in _CONTROL.findall(text) if _subject(mark, key, "") is not None]
    return [key.removeprefix("subteam^") for key, label in ids if not label or key[0] in "UW"]


def readable(text: str, names: Mapping[str, str], me: str, *, subjects: bool = False) -> str:
    """Return typed text as people see it: mentions are names, and those of the bot are removed.

    With `subjects`, mentions are quoted values of a command's options.
    """

    def say(found: re.Match[str]) -> str:
        mark, key, label = found[1], found[2].removeprefix("subteam^"), found[3] or ""
        if mark == "@" and key == me:
            return ""
        subject = _subject(mark, found[2], names.get(key) or label.lstrip("@"))
        if subject is not None:
            return f'"{str(subject).replace(chr(34), "")}"' if subjects else subject.label
        if mark:
            return label or f"@{key}"
        target = key.removeprefix("mailto:")
        return f"{label} ({target})" if label and label not in target else target

    plain = _CONTROL.sub(say, text)
    for entity, character in _ENTITIES:
        plain = plain.replace(entity, character)
    return plain.strip()


def _subject(mark: str, key: str, name: str) -> Subject | None:
    """Return the subject of a mention; None for a call to everybody in the channel, and for a link."""
    if mark == "@":
        return Subject("person", key, name or "someone")
    if mark == "#":
        return Subject("channel", key, name or "channel")
    if mark == "!" and key.startswith("subteam^"):
        return Subject("role", key.removeprefix("subteam^"), name or "a group")
    return None


def mrkdwn(text: str) -> str:
    """Return the bot's Markdown as Slack's older mark-up."""
    text, pieces, at = escaped(harmless(text)), list[str](), 0
    for block in FENCED.finditer(text):
        _, *code = block[0].rstrip("`~ \t\n").split("\n")  # the language is not shown
        pieces += [_marked(text[at : block.start()]), "\n".join(["```", *code, "```"])]
        at = block.end()
    return "".join([*pieces, _marked(text[at:])])


def _marked(text: str) -> str:
    for markdown, mark in _MARKS:
        text = markdown.sub(mark, text)
    return text


def escaped(text: str) -> str:
    """Return a text in which Slack finds no mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def letters(text: str) -> str:
    """Return the letters and digits of a text, for comparisons in spite of Slack's mark-up."""
    return re.sub(r"[\W_]+", "", text)
