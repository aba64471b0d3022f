"""A platform and a model in memory, for tests of only the core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass, field

from bot.interfaces.adapter import Audience, DraftLog, Intake
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Attachment, Message, Person, Place, Request
from bot.interfaces.prompts import Prompt, Sampling
from bot.interfaces.replies import Answer, Chunk, Done, Status, Text, Thought, Usage


def _do_nothing() -> None:
    """Do nothing, as a callback for changes."""


@dataclass
class MemoryDraft:
    """A draft with its chunks and its finished answers; finish() raises its `failures` first.

    `changed` is called at its end, as those of the adapter and the model are for each draft and prompt.
    """

    request: Request
    log: DraftLog
    failures: list[PlatformError]
    chunks: list[Chunk] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    wrote: asyncio.Event = field(default_factory=asyncio.Event)
    updated: asyncio.Event = field(default_factory=asyncio.Event)
    changed: Callable[[], None] = _do_nothing

    def write(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.updated.set()
        if isinstance(chunk, Text):
            self.wrote.set()

    async def finish(self, answer: Answer) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if not self.log.parts:
            await self.log.creating(0, answer.text)
            await self.log.created(0, f"answer-{self.log.request_id}")
        self.answers.append(answer)
        self.finished.set()
        self.changed()

    async def abandon(self) -> None:
        pass

    @property
    def text(self) -> str:
        """Return the finished answer's text."""
        return self.answers[-1].text

    @property
    def positions(self) -> list[int]:
        """Return the positions in the queue that were shown."""
        return [chunk.position for chunk in self.chunks if isinstance(chunk, Status) and chunk.position]


@dataclass
class MemoryAdapter:
    """An adapter with its `drafts` in the order of their creation.

    `people` are the people, by id, whose rights have changed since they asked. `posts` are the bot's own messages.
    `files` are the contents of attachments by name. `context_messages` surround every request, `history_messages` are
    the last messages of every place, and requests point at `referenced_message`. `audiences` are those of channels
    that not everybody reads. Nobody may read the `closed` places.
    """

    name: str = "discord"
    drafts: list[MemoryDraft] = field(default_factory=list)
    failures: list[PlatformError] = field(default_factory=list)
    context_messages: Sequence[Message] = ()
    history_messages: Sequence[Message] = ()
    referenced_message: Message | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    posts: list[tuple[Place, str, str]] = field(default_factory=list)
    read: list[tuple[Place, int]] = field(default_factory=list)
    audiences: dict[str, Audience] = field(default_factory=dict)
    closed: set[Place] = field(default_factory=set)
    changed: Callable[[], None] = _do_nothing

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        connected("in memory")
        await asyncio.Event().wait()

    async def stop_intake(self) -> None:
        pass

    def draft(self, request: Request, log: DraftLog) -> MemoryDraft:
        self.drafts.append(MemoryDraft(request, log, self.failures, changed=self.changed))
        self.changed()
        return self.drafts[-1]

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        return self.context_messages[-limit:]

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        if attachment.name not in self.files:
            raise Gone("The file is gone.")
        if len(self.files[attachment.name]) > limit:
            raise Forbidden("It is too big.")
        return self.files[attachment.name]

    async def pointed(self, request: Request) -> Message | None:
        return self.referenced_message

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        self.read.append((request.place, since_ms))
        return self.history_messages[-limit:]

    async def whois(self, request: Request) -> Person:
        return self.people.get(request.person.id, request.person)

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        return [place for place in places if place not in self.closed]

    async def audience(self, place: Place) -> Audience:
        return self.audiences.get(place.channel, "everybody")

    async def post(self, place: Place, text: str, key: str) -> None:
        if key not in [known for _, _, known in self.posts]:
            self.posts.append((place, text, key))

    async def check(self) -> str:
        return "in memory"

    async def aclose(self) -> None:
        pass


Script = Callable[[Prompt], AsyncGenerator[Text | Thought | Status | Done, None]]


async def echo(prompt: Prompt) -> AsyncGenerator[Text | Thought | Status | Done, None]:
    """Repeat the last message."""
    for word in prompt[-1].text.split(" "):
        yield Text(f"{word} ")
    yield Done("complete", Usage(len(prompt), 1))


@dataclass
class MemoryBackend:
    """A model that runs `script` and stores every prompt. A token is a word."""

    script: Script = echo
    context: int = 1_000
    destination: str = "a test"
    prompts: list[Prompt] = field(default_factory=list)
    sampled: list[Sampling] = field(default_factory=list)
    closed_early: int = 0
    changed: Callable[[], None] = _do_nothing

    async def count(self, prompt: Prompt) -> int:
        return sum(len(utterance.text.split()) for utterance in prompt)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Text | Thought | Status | Done, None]:
        self.prompts.append(prompt)
        self.sampled.append(sampling)
        self.changed()
        try:
            async for chunk in self.script(prompt):
                yield chunk
        except GeneratorExit:
            self.closed_early += 1
            raise

    async def prepare(self) -> None:
        pass

    async def check(self) -> str:
        return "fine"

    async def aclose(self) -> None:
        pass
