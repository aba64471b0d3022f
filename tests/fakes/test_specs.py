"""Discord's own document judges the adapter's calls and the fake server's answers."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable

import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.world import Json
from tests.specs import discord, trim
from tests.specs.openapi import CONSTRAINTS, DOCUMENT, as_object, schemas

CHANNEL, MESSAGE = "/channels/1/messages", "/channels/1/messages/2"
CALLBACK = "/interactions/1/token/callback"
COMMANDS = "/applications/1/commands"

BUTTON: Json = {"type": 2, "style": 2, "label": "Stop", "custom_id": "stop"}
MENU: Json = {"type": 3, "custom_id": "pick", "options": [{"label": "One", "value": "1"}]}
SENT: Json = {
    "content": "Hello",
    "nonce": "1-0",
    "enforce_nonce": True,
    "flags": 4,
    "allowed_mentions": {"parse": [], "replied_user": False},
    "message_reference": {"message_id": "12", "fail_if_not_exists": False},
    "components": [{"type": 1, "components": [BUTTON]}, {"type": 1, "components": [MENU]}],
}
FIELD: Json = {"type": 18, "label": "Text", "component": {"type": 4, "style": 1, "custom_id": "text", "value": "a"}}
MODAL: Json = {"type": 9, "data": {"custom_id": "form", "title": "Ask", "components": [FIELD]}}
CHOICES: Json = {"type": 8, "data": {"choices": [{"name": "a", "value": "a"}]}}
OPTION: Json = {"name": "text", "type": 3, "description": "What to ask", "required": True}
COMMAND: Json = {"name": "ask", "type": 1, "description": "Ask", "options": [OPTION], "contexts": [0, 1]}


def put(*path: str | int, to: object) -> Callable[[object], None]:
    """Put a value into a body, at a path."""

    def change(body: object) -> None:
        at = body
        for step in path[:-1]:
            at = at[step]  # type: ignore[index]  # a list or an object, according to the table
        at[path[-1]] = to  # type: ignore[index]  # as above

    return change


def drop(*path: str | int) -> Callable[[object], None]:
    """Remove a part of a body."""

    def change(body: object) -> None:
        at = body
        for step in path[:-1]:
            at = at[step]  # type: ignore[index]  # a list or an object, according to the table
        del at[path[-1]]  # type: ignore[attr-defined]  # as above

    return change


CAUGHT = {
    "4,001 characters": (CHANNEL, SENT, put("content", to="x" * 4001)),
    "flags as text": (CHANNEL, SENT, put("flags", to="4")),
    "the id of a message as a number": (CHANNEL, SENT, put("message_reference", "message_id", to=12)),
    "a nonce of 26 characters": (CHANNEL, SENT, put("nonce", to="n" * 26)),
    "an unknown kind of mention": (CHANNEL, SENT, put("allowed_mentions", "parse", to=["everybody"])),
    "a misspelt field": (CHANNEL, SENT, put("contents", to="x")),
    "a misspelt field of a button": (CHANNEL, SENT, put("components", 0, "components", 0, "labels", to="x")),
    "a button of style 9": (CHANNEL, SENT, put("components", 0, "components", 0, "style", to=9)),
    "a button's label of 81": (CHANNEL, SENT, put("components", 0, "components", 0, "label", to="x" * 81)),
    "a custom_id of 101": (CHANNEL, SENT, put("components", 0, "components", 0, "custom_id", to="x" * 101)),
    "six buttons in a row": (CHANNEL, SENT, put("components", 0, "components", to=[BUTTON] * 6)),
    "a menu without entries": (CHANNEL, SENT, put("components", 1, "components", 0, "options", to=[])),
    "an unknown callback": (CALLBACK, MODAL, put("type", to=99)),
    "a form's title of 46": (CALLBACK, MODAL, put("data", "title", to="x" * 46)),
    "a form's label without a component": (CALLBACK, MODAL, drop("data", "components", 0, "component")),
    "26 completions": (CALLBACK, CHOICES, put("data", "choices", to=[{"name": "a", "value": "a"}] * 26)),
    "a completion without a value": (CALLBACK, CHOICES, drop("data", "choices", 0, "value")),
    "a command's description of 101": (COMMANDS, [COMMAND], put(0, "description", to="x" * 101)),
    "an unknown option": (COMMANDS, [COMMAND], put(0, "options", 0, "type", to=99)),
    "an unknown context": (COMMANDS, [COMMAND], put(0, "contexts", to=[7])),
    "a thread's name of 101": (f"{MESSAGE}/threads", {"name": "a"}, put("name", to="x" * 101)),
    "a thread without a name": (f"{MESSAGE}/threads", {"name": "a"}, drop("name")),
    "a direct message to nobody": ("/users/@me/channels", {"recipient_id": "1"}, put("recipient_id", to="Ada")),
}
"""Bodies that are right until they are changed."""

MISSED = {
    "2,001 characters: the document says 4,000": (CHANNEL, SENT, put("content", to="x" * 2001)),
    "six fields in a form": (CALLBACK, MODAL, put("data", "components", to=[FIELD] * 6)),
    "a command's name with a blank": (COMMANDS, [COMMAND], put(0, "name", to="a b")),
    "two commands of one name": (COMMANDS, [COMMAND, COMMAND], put(0, "description", to="Other")),
}
"""Bodies that the document allows and Discord refuses: the fake server's own rules cover these."""


def judged(path: str, body: object, method: str = "") -> list[str]:
    """Ask the judge about a request."""
    found: list[str] = []
    discord.Judge(found.append).request(method or ("PUT" if path == COMMANDS else "POST"), path, body)
    return found


@pytest.mark.parametrize("what", CAUGHT)
def test_the_judge_notices(what: str) -> None:
    path, body, change = CAUGHT[what]
    changed = copy.deepcopy(body)
    assert judged(path, changed) == []
    change(changed)
    assert judged(path, changed) != []


@pytest.mark.parametrize("what", MISSED)
def test_the_judge_does_not_know(what: str) -> None:
    path, body, change = MISSED[what]
    changed = copy.deepcopy(body)
    change(changed)
    assert judged(path, changed) == []


def test_the_judge_notices_wrong_calls() -> None:
    assert judged("/channels/1/messags", SENT) != []
    assert judged(CHANNEL, None) != []
    assert judged("/channels/1/typing", {"a": 1}) != []
    found: list[str] = []
    judge = discord.Judge(found.append)
    judge.request("GET", CHANNEL, None, {"limit": "100", "before": "1"})
    judge.request("POST", CHANNEL, SENT, files=True)
    assert found == []
    judge.request("GET", CHANNEL, None, {"limit": "101"})
    judge.request("GET", CHANNEL, None, {"until": "1"})
    judge.request("POST", f"{MESSAGE}/threads", {"name": "a"}, files=True)
    assert [one.split(": ", 1)[1] for one in found] == [
        "$: 101 is greater than the maximum of 100",
        "the query's until is unknown",
        "takes no files",
    ]


def test_the_judge_notices_wrong_answers() -> None:
    found: list[str] = []
    judge = discord.Judge(found.append)
    judge.answer("GET", CHANNEL, 404, {"code": 10003, "message": "Unknown Channel"})
    judge.answer("POST", "/channels/1/typing", 204, None)
    judge.answer("GET", CHANNEL, 502, "<html>")
    assert found == []
    judge.answer("GET", CHANNEL, 404, {"message": "Unknown Channel"})
    judge.answer("POST", f"{MESSAGE}/threads", 200, {})
    judge.answer("GET", "/gateway/bot", 200, {"url": "wss://gateway", "shards": 1})
    assert len(found) == 3


def test_the_judge_notices_wrong_events() -> None:
    found: list[str] = []
    judge = discord.Judge(found.append)
    judge.event("MESSAGE_DELETE", {"id": "1", "channel_id": "2", "guild_id": "3"})
    assert found == []
    judge.event("MESSAGE_DELETE", {"id": "1", "channel": "2"})
    judge.event("MESSAGE_DELETED", {"id": "1"})
    assert len(found) == 3


def test_remembered_verdicts_are_those_of_fresh_looks() -> None:
    """Whatever differs in a way that the document can tell is looked at again."""
    bodies = [(path, body) for path, body, _ in CAUGHT.values()]
    for path, body, change in CAUGHT.values():
        changed = copy.deepcopy(body)
        change(changed)
        bodies.append((path, changed))
    first = [_places(*one) for one in bodies]
    discord.document.cache_clear()
    assert [_places(*one) for one in reversed(bodies)] == first[::-1]


def _places(path: str, body: object) -> list[str]:
    """List where something is wrong; what is quoted is the first value of its shape."""
    return [": ".join(complaint.split(": ")[:2]) for complaint in judged(path, body)]


def test_every_keyword_of_the_document_is_known() -> None:
    components = as_object(as_object(json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"])["schemas"])
    assert {key for schema in components.values() for part in schemas(schema) for key in part} <= CONSTRAINTS


def test_the_document_is_what_the_script_keeps() -> None:
    """A route or an event that is new needs the whole document once more."""
    routes = [(method, pattern) for method, pattern, _ in FakeDiscord().rest.routes]
    written = DOCUMENT.read_text(encoding="utf-8")
    assert trim.text(trim.trimmed(json.loads(written), routes)) == written
    operations = [operation.name for _, operation in discord.document().operations]
    examples = [(name.split(" ")[0], re.sub(r"\{\w+\}", "1", name.split(" ")[1])) for name in operations]
    for method, pattern in routes:
        assert any(method == one and pattern.fullmatch(path) for one, path in examples), pattern.pattern


@pytest.mark.parametrize("known", discord.KNOWN, ids=lambda known: known.broken)
def test_every_known_difference_is_there(known: discord.Difference) -> None:
    assert re.fullmatch(known.what, known.broken)
    names = [operation.name for _, operation in discord.document().operations]
    assert any(
        re.fullmatch(known.where, f"{prefix}{name}")
        for name in names
        for prefix in ("", "the answer 429 to ", "the answer 200 to ")
    )


async def test_a_violation_fails_the_test() -> None:
    async with FakeDiscord() as fake:
        fake.judge.event("MESSAGE_DELETE", {})
        assert fake.violations == [
            "Discord's document on MESSAGE_DELETE: $: 'channel_id' is a required property",
            "Discord's document on MESSAGE_DELETE: $: 'id' is a required property",
        ]
