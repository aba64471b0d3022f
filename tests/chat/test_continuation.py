"""The choice of a request's conversation, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.chat.continuation import continuation, steering
from bot.interfaces.command import Command
from bot.interfaces.messages import Act, Place, Request
from bot.interfaces.store import Continuation, Privacy, Source
from tests.storage.desk import AGAIN, ANN, CHANNEL, CHAT, DIRECT, STEER, THREAD

DIRECT_THREAD = replace(DIRECT, thread="thread")
WITHIN = 900_000


def decided(place: Place, command: Command = CHAT, *, shared: bool = False, **more: object) -> Continuation:
    request = Request(Act("1", 1), place, ANN, command.name)
    return continuation(replace(request, **more), command, WITHIN, shared=shared)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("place", "sources", "within"),
    [
        (CHANNEL, ("person", "new"), WITHIN),
        (THREAD, ("place", "new"), None),
        (DIRECT, ("place", "new"), None),
        (DIRECT_THREAD, ("place", "new"), None),
    ],
)
def test_a_question_continues_or_begins(place: Place, sources: tuple[Source, ...], within: int | None) -> None:
    assert decided(place) == Continuation(sources, "public", within_ms=within)
    replied = decided(place, replies_to="m1")
    assert (replied.sources, replied.message) == (("reply", *sources), "m1")


def test_a_shared_channel_continues_anybodys_conversation() -> None:
    assert decided(CHANNEL, shared=True).sources == ("anyone", "new")


@pytest.mark.parametrize("place", [CHANNEL, THREAD])
def test_a_private_question_joins_nothing_public(place: Place) -> None:
    private = Continuation(("person", "new"), "private", within_ms=WITHIN)
    assert decided(place, private=True, replies_to="m1", shared=True) == private


def test_a_direct_message_is_not_kept_apart() -> None:
    assert decided(DIRECT, private=True) == decided(DIRECT)


@pytest.mark.parametrize(
    ("command", "private", "privacy"),
    [
        (STEER, False, "any"),
        (STEER, True, "any"),
        (AGAIN, False, "public"),
        (AGAIN, True, "private"),
        (CHAT, False, "public"),
        (CHAT, True, "private"),
    ],
)
def test_a_button_decides_before_the_place(command: Command, private: bool, privacy: Privacy) -> None:
    pressed = decided(THREAD, command, private=private, replies_to="m1", arguments={"request": "7"})
    begins: tuple[Source, ...] = ("new",) if command.converses else ()
    assert pressed == Continuation(("button", *begins), privacy, button=7)


def test_words_are_no_button() -> None:
    assert decided(CHANNEL, STEER, arguments={"request": "seven"}) == decided(CHANNEL, STEER)


@pytest.mark.parametrize(
    ("place", "sources"),
    [
        (CHANNEL, ("channel",)),
        (THREAD, ("place",)),
        (DIRECT, ("direct messages",)),
        (DIRECT_THREAD, ("place",)),
    ],
)
def test_steering_finds_the_nearest_and_begins_nothing(place: Place, sources: tuple[Source, ...]) -> None:
    assert decided(place, STEER, replies_to="m1") == Continuation(sources, "any")
    assert decided(place, AGAIN) == Continuation(sources, "public")


@pytest.mark.parametrize(
    ("place", "sources"), [(CHANNEL, ("channel",)), (THREAD, ("person",)), (DIRECT_THREAD, ("person",))]
)
def test_private_steering_finds_only_private_conversations(place: Place, sources: tuple[Source, ...]) -> None:
    assert steering(place, "private") == Continuation(sources, "private")
    assert steering(place, "private", begins=True).sources == (*sources, "new")
