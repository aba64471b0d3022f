"""Drafts: created once, edited within the rate limits, finished. Under `run_fast`, sleeping takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import pytest

from adapters.shared.paced_draft import FILES, REST_FILE, TEXT_PARTS, CallKind, Control, PacedDraft
from adapters.shared.private_draft import HIDDEN, NOT_SHOWN, HiddenDraft, PrivateDraft
from adapters.shared.rate_limiter import RateLimit, RateLimiter
from bot.interfaces.adapter import DraftLog
from bot.interfaces.errors import Forbidden, Gone, PlatformError, ShouldersError, StoreError
from bot.interfaces.replies import Answer, Choice, Choices, File, Item, Menu, Note, Part, Private, Status, Text
from tests.clock import now, run_fast

STOP = Choice("Stop", "stop", {"request": "1"})
RETRY = Choice("Retry", "retry", {"request": "1"})
PICK = Menu("Model", "config set", "value", (Item("large", "Large"),), {"key": "model"})
CHART = File("chart.png", b"\x89PNG" * 100, "Tokens by day")


@dataclass
class Log:
    """A DraftLog in memory."""

    parts: Sequence[Part] = ()
    events: list[str] = field(default_factory=list)
    request_id: int = 1
    resumed: bool = False
    failures: list[ShouldersError] = field(default_factory=list)

    async def creating(self, index: int, text: str) -> None:
        if self.failures:
            raise self.failures.pop()
        self.events.append(f"creating {index}")

    async def created(self, index: int, message: str) -> None:
        self.events.append(f"created {index} {message}")


@dataclass
class Wall:
    """A platform in memory that remembers every call and fails on demand."""

    limit: int = 100
    appends: bool = False
    largest: int = 1_000
    room: int = 1_000
    messages: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    calls: list[tuple[float, str]] = field(default_factory=list)
    failures: list[PlatformError] = field(default_factory=list)
    arrives_all_the_same: bool = False
    statuses: list[str | None] = field(default_factory=list)
    files: dict[str, Sequence[File]] = field(default_factory=dict)
    takes_files: bool = True

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        message = f"m{len(self.messages)}"
        if self.failures and self.arrives_all_the_same:
            self.messages[message] = text
        self._call(f"create {text}")
        self._show(message, text, choices)
        return message

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        self._call(f"edit {text}")
        self._show(message, text, choices)

    async def find(self, part: Part, after: str) -> str:
        return next((message for message, text in self.messages.items() if text == part.text), "")

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        self._call(f"upload {[file.name for file in files]}")
        if not self.takes_files:
            raise Forbidden("The bot may not attach files there.")
        self.files[message] = files
        return message

    async def delete(self, message: str) -> None:
        self._call(f"delete {message}")
        del self.messages[message]

    async def status(self, status: Status | None) -> None:
        self.statuses.append(status.text if status else None)

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        return ["channel"]

    def _call(self, what: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append((now(), what))

    def _show(self, message: str, text: str, choices: Sequence[Control]) -> None:
        assert len(text) <= self.limit
        self.messages[message] = text
        self.buttons[message] = tuple(choice.label for choice in choices)


def draft_on(wall: Wall, log: DraftLog) -> PacedDraft:
    return PacedDraft(wall, log, RateLimiter(lambda _name: RateLimit(1, 1)))


def test_outdated_previews_are_skipped() -> None:
    wall, log = Wall(limit=1_000), Log()

    async def write() -> None:
        draft = draft_on(wall, log)
        for word in range(100):
            draft.write(Text(f"{word} "))
            await asyncio.sleep(0.05)
        await draft.finish(Answer("all of it"))

    run_fast(write())
    assert wall.messages == {"m0": "all of it"}
    assert len(wall.calls) <= 7, "about one call a second, of a hundred pieces in five seconds"
    assert log.events == ["creating 0", "created 0 m0"]


def test_the_stop_button_goes_when_the_answer_ends() -> None:
    wall = Wall()

    async def write() -> tuple[tuple[str, ...], ...]:
        draft = draft_on(wall, Log())
        draft.write(Choices((STOP,)))
        draft.write(Text("Hello"))
        await asyncio.sleep(0.1)
        while_writing = wall.buttons["m0"]
        await draft.finish(Answer("Hello", choices=(RETRY,)))
        return while_writing, wall.buttons["m0"]

    assert run_fast(write()) == (("Stop",), ("Retry",))


def test_a_long_waits_message_becomes_the_answer() -> None:
    wall = Wall()

    async def write() -> tuple[str, ...]:
        draft = draft_on(wall, Log())
        draft.write(Choices((STOP,)))
        for percent in range(100):
            draft.write(Status(f"{percent} %", long=True))
            await asyncio.sleep(0.1)
        while_waiting = wall.buttons["m0"]
        await draft.finish(Answer("There it is."))
        return while_waiting

    assert run_fast(write()) == ("Stop",)
    assert wall.messages == {"m0": "There it is."}
    assert 8 < len(wall.calls) < 13, "at the platform's pace"


def test_long_answers_fill_several_messages() -> None:
    wall = Wall()

    async def write() -> None:
        draft = draft_on(wall, Log())
        for number in range(30):
            draft.write(Text(f"line number {number}\n"))
            await asyncio.sleep(0.3)
        await draft.finish(
            Answer("\n".join(f"line number {number}" for number in range(30)), ("Broke off.",), (RETRY,))
        )

    run_fast(write())
    *full, last = wall.messages
    assert len(full) >= 4
    assert wall.messages[last].endswith("> Broke off.")
    assert [wall.buttons[message] for message in full] == [()] * len(full)
    assert wall.buttons[last] == ("Retry",)
    assert "\n".join(wall.messages.values()).count("line number 17") == 1


def test_the_queue_is_shown_until_text_comes() -> None:
    wall = Wall()

    async def write() -> tuple[str, str]:
        draft = draft_on(wall, Log())
        draft.write(Status("Waiting: 2 answers before this one.", 2))
        await asyncio.sleep(0.1)
        waiting = wall.messages["m0"]
        draft.write(Status("Thinking…"))
        await asyncio.sleep(2)
        thinking = wall.messages["m0"]
        draft.write(Text("Here"))
        await draft.finish(Answer("Here"))
        return waiting, thinking

    assert run_fast(write()) == ("_Waiting: 2 answers before this one._", "_Thinking…_")
    assert wall.messages == {"m0": "Here"}
    assert wall.statuses[-1] is None


def test_native_streams_get_raw_prefixes() -> None:
    wall = Wall(appends=True)

    async def write() -> None:
        draft = draft_on(wall, Log())
        for piece in ("```py\n", "x = 1\n", "y = 2\n", "```"):
            draft.write(Text(piece))
            await asyncio.sleep(1.1)
        await draft.finish(Answer("```py\nx = 1\ny = 2\n```"))

    run_fast(write())
    texts = [what.split(" ", 1)[1] for _, what in wall.calls]
    assert all(after.startswith(before) for before, after in pairwise(texts))


def test_a_passing_failure_is_tried_again() -> None:
    wall = Wall(failures=[PlatformError("502"), PlatformError("502")])
    run_fast(draft_on(wall, Log()).finish(Answer("There")))
    assert wall.messages == {"m0": "There"}


def test_a_lost_response_sends_no_second_message() -> None:
    wall = Wall(failures=[PlatformError("connection lost")], arrives_all_the_same=True)
    run_fast(draft_on(wall, Log()).finish(Answer("Once")))
    assert wall.messages == {"m0": "Once"}


def test_a_deleted_channel_is_reported_at_once() -> None:
    with pytest.raises(Gone):
        run_fast(draft_on(Wall(failures=[Gone("deleted")]), Log()).finish(Answer("Nobody there")))


def test_a_resumed_draft_edits_and_deletes_old_parts() -> None:
    wall = Wall(messages={"m0": "half of it", "m1": "and mo", "m2": "sent but not noted"})
    log = Log(parts=(Part(0, "h", "m0"), Part(1, "and", "m1"), Part(2, "sent but not noted")), resumed=True)
    run_fast(draft_on(wall, log).finish(Answer("all of it")))
    assert wall.messages == {"m0": "all of it"}
    assert not any(what.startswith("create") for _, what in wall.calls)


def test_a_failing_preview_does_not_cost_the_answer() -> None:
    wall = Wall(failures=[PlatformError("500")])

    async def write() -> None:
        draft = draft_on(wall, Log())
        draft.write(Text("Hello"))
        await asyncio.sleep(0.1)
        await draft.finish(Answer("Hello there"))

    run_fast(write())
    assert wall.messages == {"m0": "Hello there"}


def test_a_short_database_failure_loses_nothing() -> None:
    wall, log = Wall(), Log(failures=[StoreError("locked")])

    async def write() -> str:
        draft = draft_on(wall, log)
        draft.write(Text("Hel"))
        await asyncio.sleep(0.1)
        draft.write(Text("lo"))
        await asyncio.sleep(2)
        preview = wall.messages["m0"]
        log.failures.append(StoreError("locked"))
        await draft.finish(Answer("Hello there " * 20))
        return preview

    assert run_fast(write()) == "Hello"
    assert "".join(wall.messages.values()).count("there") == 20


def private_draft_on(public: Wall, hidden: Wall, log: Log, **how: bool) -> PrivateDraft:
    return PrivateDraft(draft_on(public, log), HiddenDraft(partial(draft_on, hidden), log), **how)


def test_a_public_answer_makes_no_hidden_draft() -> None:
    public, made = Wall(), list[DraftLog]()

    def make(log: DraftLog) -> PacedDraft:
        made.append(log)
        return draft_on(Wall(), log)

    run_fast(PrivateDraft(draft_on(public, Log()), HiddenDraft(make, Log())).finish(Answer("for all")))
    assert (list(public.messages.values()), made) == (["for all"], [])


def test_menus_and_buttons_are_under_the_last_message() -> None:
    wall = Wall()
    run_fast(draft_on(wall, Log()).finish(Answer("word " * 30, choices=(RETRY, PICK))))
    assert list(wall.buttons.values()) == [(), ("Retry", "Model")]


def test_files_are_sent_once_with_the_last_message() -> None:
    wall, log = Wall(failures=[PlatformError("502")]), Log()
    run_fast(draft_on(wall, log).finish(Answer("word " * 30, files=(CHART,))))
    assert wall.files == {"m1": (CHART,)}
    assert log.events[-2:] == [f"creating {FILES}", f"created {FILES} m1"]
    parts = (*(Part(index, text, f"m{index}") for index, text in enumerate(wall.messages.values())),)
    again = Log((*parts, Part(FILES, "chart.png", "m1")), resumed=True)
    wall.files.clear()
    run_fast(draft_on(wall, again).finish(Answer("word " * 30, files=(CHART,))))
    assert wall.files == {}, "they are there already"


def test_files_without_text_show_their_names() -> None:
    wall = Wall()
    run_fast(draft_on(wall, Log()).finish(Answer("", files=(CHART,))))
    assert (wall.messages, wall.files) == ({"m0": "chart.png"}, {"m0": (CHART,)})


def test_too_large_a_file_is_only_named() -> None:
    wall = Wall(largest=500)
    run_fast(draft_on(wall, Log()).finish(Answer("Here:", files=(CHART, File("all.csv", b"x" * 501)))))
    assert wall.files == {"m0": (CHART,)}
    assert "all.csv has" in wall.messages["m0"]


def test_many_files_fill_several_messages() -> None:
    wall, log = Wall(room=500), Log()
    files = (CHART, *(File(f"{number}.csv", b"x" * 200) for number in range(3)))
    run_fast(draft_on(wall, log).finish(Answer("Here:", choices=(RETRY,), files=files)))
    assert wall.messages == {"m0": "Here:", "m1": "0.csv\n1.csv", "m2": "2.csv"}
    assert {message: [file.name for file in held] for message, held in wall.files.items()} == {
        "m0": ["chart.png"],
        "m1": ["0.csv", "1.csv"],
        "m2": ["2.csv"],
    }
    assert list(wall.buttons.values()) == [(), (), ("Retry",)]
    known = [Part(index, text, f"m{index}") for index, text in enumerate(wall.messages.values())]
    again = Log((*known, Part(FILES, "chart.png", "m0"), Part(FILES + 1, "0.csv\n1.csv", "m1")), resumed=True)
    wall.files.clear()
    run_fast(draft_on(wall, again).finish(Answer("Here:", choices=(RETRY,), files=files)))
    assert list(wall.files) == ["m2"], "what was sent before a crash is not sent again"


def test_the_messages_with_files_are_limited() -> None:
    wall = Wall(room=500)
    files = tuple(File(f"{number}.csv", b"x" * 400) for number in range(7))
    run_fast(draft_on(wall, Log()).finish(Answer("Here:", files=files)))
    assert len(wall.files) == 5
    for number in (5, 6):
        assert f"> {number}.csv is not shown" in "\n".join(wall.messages.values())


@pytest.mark.parametrize("private", [False, True])
def test_a_long_answer_ends_in_a_file(private: bool) -> None:
    public, hidden, log = Wall(largest=10**6, room=10**6), Wall(largest=10**6, room=10**6), Log()
    text = "```py\n" + "".join(f"x{number} = {number}\n" for number in range(5_000)) + "```"
    answer = Answer(text, ("A note.",), (RETRY,), private=private)

    async def write() -> int:
        draft = private_draft_on(public, hidden, log)
        draft.write(Text(text))
        await asyncio.sleep(100)
        previews = len(public.messages)
        await draft.finish(answer)
        return previews

    assert run_fast(write()) == 24, "previews show no more of it"
    wall = hidden if private else public
    assert len(wall.messages) == 25
    *full, last = wall.messages.values()
    assert f"{TEXT_PARTS} messages" in f"{full[-1]}{last}"
    assert REST_FILE in f"{full[-1]}{last}"
    assert list(wall.buttons.values())[-1] == ("Retry",)
    ((file,),) = wall.files.values()
    shown = "".join(part.replace("```py\n", "").replace("```", "").partition("\n>")[0] for part in full)
    rest = file.content.decode()
    assert (file.name, rest.startswith("```py\nx")) == (REST_FILE, True)
    lines = [line for line in f"{shown}\n{rest}".splitlines() if line.startswith("x")]
    assert lines == [f"x{number} = {number}" for number in range(5_000)]
    indices = [int(event.split()[1]) for event in log.events if event.startswith("creating")]
    assert len(indices) == len(set(indices)), "no part takes the place of the files or of a hidden part"


def test_refused_files_become_a_note() -> None:
    wall = Wall(takes_files=False)
    run_fast(draft_on(wall, Log()).finish(Answer("Here:", files=(CHART,))))
    assert wall.messages["m0"].startswith("Here:\n\n> chart.png")
    assert wall.messages["m0"].endswith(" The bot may not attach files there.")


def test_an_answer_that_becomes_private_is_hidden() -> None:
    public, hidden, log = Wall(), Wall(), Log()

    async def write() -> None:
        draft = private_draft_on(public, hidden, log)
        draft.write(Status("Waiting: 1 answer before this one.", 1))
        await asyncio.sleep(0.1)
        assert public.messages == {"m0": "_Waiting: 1 answer before this one._"}
        draft.write(Private())
        draft.write(Note("You may not do this."))
        await asyncio.sleep(3)
        assert "may not" not in str(public.calls)
        await draft.finish(Answer("", ("You may not do this.",), private=True))

    run_fast(write())
    assert (public.messages, hidden.messages) == ({}, {"m0": "> You may not do this."})
    assert log.events[-2:] == [f"creating {HIDDEN}", f"created {HIDDEN} m0"]


def test_after_a_crash_a_private_answer_finishes_once() -> None:
    public, hidden = Wall(messages={"m0": "_Waiting_"}), Wall(messages={"h0": "You"})
    log = Log(parts=(Part(0, "_Waiting_", "m0"), Part(HIDDEN, "You")), resumed=True)
    run_fast(private_draft_on(public, hidden, log).finish(Answer("You may not.", private=True)))
    assert (public.messages, hidden.messages) == ({}, {"h0": "You may not."})


def test_a_private_answer_has_hidden_previews() -> None:
    public, hidden = Wall(), Wall()

    async def write() -> str:
        draft = private_draft_on(public, hidden, Log(), private=True)
        draft.write(Private())
        draft.write(Text("Half"))
        await asyncio.sleep(0.1)
        half = hidden.messages["m0"]
        await draft.finish(Answer("Half and half."))
        return half

    assert run_fast(write()) == "Half"
    assert (public.calls, hidden.messages) == ([], {"m0": "Half and half."})


def test_a_refused_private_answer_stays_hidden() -> None:
    public, hidden = Wall(), Wall(failures=[Forbidden("Allow it.")])
    draft = private_draft_on(public, hidden, Log(), private=True, explain_refusal=True)
    run_fast(draft.finish(Answer("A secret.")))
    assert public.messages == {"m0": f"{NOT_SHOWN} Allow it."}
    with pytest.raises(Forbidden):
        run_fast(
            private_draft_on(Wall(), Wall(failures=[Forbidden("closed")]), Log(), private=True).finish(Answer("A"))
        )


def test_private_text_follows_the_deletion_of_public_parts() -> None:
    public, hidden = Wall(messages={"m0": "_Waiting_"}, failures=[Forbidden("no")]), Wall()
    log = Log(parts=(Part(0, "_Waiting_", "m0"),), resumed=True)
    with pytest.raises(Forbidden):
        run_fast(private_draft_on(public, hidden, log).finish(Answer("A secret.", private=True)))
    assert hidden.calls == []


def test_hidden_parts_of_a_public_answer_are_deleted() -> None:
    public, hidden = Wall(), Wall(messages={"h0": "You"})
    log = Log(parts=(Part(HIDDEN, "You", "h0"),), resumed=True)
    run_fast(private_draft_on(public, hidden, log).finish(Answer("Hello.")))
    assert (public.messages, hidden.messages) == ({"m0": "Hello."}, {})
