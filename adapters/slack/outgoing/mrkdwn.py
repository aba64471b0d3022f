"""Slack's mark-up: what people wrote becomes readable, and Markdown of ours its older form."""

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
    """The ids of the people mentioned."""
    return _USER.findall(text)


def is_to_others(text: str, me: str) -> bool:
    """Whether a message calls somebody else."""
    return bool(_TO_OTHERS.search(text)) or any(user != me for user in mentioned(text))


def mentioned_ids(text: str) -> Collection[str]:
    """The ids of the people, channels and user groups that are named, where their names do not stand beside them."""
    ids = [(key, label) for mark, key, label in _CONTROL.findall(text) if _subject(mark, key, "") is not None]
    return [key.removeprefix("subteam^") for key, label in ids if not label or key[0] in "UW"]


def readable(text: str, names: Mapping[str, str], me: str, *, subjects: bool = False) -> str:
    """What was typed: mentions as the names given by id, the bot's own gone, links and entities as people see them.

    With `subjects`, whom and what a mention means is written as the value of an option, between quotes.
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
    """Whom or what a mention means; None for a call to everybody who is there, and for a link."""
    if mark == "@":
        return Subject("person", key, name or "someone")
    if mark == "#":
        return Subject("channel", key, name or "channel")
    if mark == "!" and key.startswith("subteam^"):
        return Subject("role", key.removeprefix("subteam^"), name or "a group")
    return None


def mrkdwn(text: str) -> str:
    """Markdown of our own as Slack's older mark-up, for surfaces that know no other."""
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
    """For arguments that Slack reads as its own mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def letters(text: str) -> str:
    """What is left of a text whatever Slack made of its mark-up, for comparing."""
    return re.sub(r"[\W_]+", "", text)
