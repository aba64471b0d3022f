"""What tasks ask of models on this machine: any kind of inference, with errors in words for people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar

from bot.inference.process import ModelProcess, ProcessDied
from bot.inference.protocol import (
    Ask,
    FailureKind,
    Inventory,
    JobEnded,
    JobFailed,
    JobProgress,
    ListLoaded,
    ModelSource,
    Ready,
    Run,
    TextPiece,
    Unload,
    Warm,
)
from bot.interfaces.errors import BackendError, BrokenOff, ContextTooLong, Refused, Unavailable
from bot.interfaces.jobs import Job, JobAnswer, Skill
from bot.interfaces.replies import Status, Text

A = TypeVar("A", bound=JobAnswer)

_ERRORS: Mapping[FailureKind, type[BackendError]] = {
    "context-too-long": ContextTooLong,
    "out-of-memory": Unavailable,
    "too-big": Refused,
    "no-such-model": Refused,
    "unsupported": Refused,
    "failed": Unavailable,
}


class InferenceClient:
    """All jobs go through here. Every method raises BackendError; closing a generator stops its job."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process

    async def run(self, source: ModelSource, job: Job[A]) -> AsyncGenerator[Status | Text | A]:
        """How far it is and the text as it comes, then the answer. The model is loaded if it is not."""
        async with aclosing(self._events(lambda number: Run(number, source, job))) as events:
            async for event in events:
                match event:
                    case JobProgress():
                        yield Status(event.text, event.position)
                    case TextPiece():
                        yield Text(event.text)
                    case JobEnded():
                        yield event.answer  # type: ignore[misc]  # each job is answered in its own kind

    async def answer(self, source: ModelSource, job: Job[A]) -> A:
        """Only the answer."""
        return (await self.text(source, job))[1]

    async def text(self, source: ModelSource, job: Job[A]) -> tuple[str, A]:
        """The whole text of a job that writes, and its answer."""
        said = ""
        async with aclosing(self.run(source, job)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Text):
                    said += chunk.text
                elif not isinstance(chunk, Status):
                    return said, chunk
        raise Unavailable("The model gave no answer. Try again; its log says more.")

    async def warm(self, source: ModelSource, skill: Skill) -> AsyncGenerator[Status | Ready]:
        """Load a model: how far that is, and what it is like."""
        async with aclosing(self._events(lambda number: Warm(number, source, skill))) as events:
            async for event in events:
                if isinstance(event, JobProgress):
                    yield Status(event.text)
                elif isinstance(event, JobEnded) and isinstance(event.answer, Ready):
                    yield event.answer

    async def unload(self, source: ModelSource) -> Inventory:
        """Forget a model, as soon as what it is doing is done; what is loaded now."""
        return await self._inventory(lambda number: Unload(number, source))

    async def look(self) -> Inventory:
        """What is loaded, and how much memory that takes. Starts nothing."""
        return await self._inventory(ListLoaded) if self._process.alive else Inventory((), 0, 0)

    async def _inventory(self, make: Callable[[int], Ask]) -> Inventory:
        async with aclosing(self._events(make)) as events:
            async for event in events:
                if isinstance(event, JobEnded) and isinstance(event.answer, Inventory):
                    return event.answer
        raise Unavailable("The models' process gave no answer. Try again.")

    @property
    def generation(self) -> int:
        """Which start of the process this is, 0 while it does not run: what was loaded ends with it."""
        return self._process.starts if self._process.alive else 0

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        await self._process.aclose()

    async def _events(self, make: Callable[[int], Ask]) -> AsyncGenerator[JobProgress | TextPiece | JobEnded]:
        """The events about one request; failures and the process's end as a BackendError."""
        said = False
        try:
            async with aclosing(self._process.ask(make)) as events:
                async for event in events:
                    if isinstance(event, JobFailed):
                        raise (BrokenOff if said else _ERRORS[event.kind])(event.message)
                    said = said or isinstance(event, TextPiece)
                    yield event
        except ProcessDied as died:
            again = (
                f"Try again in {died.pause:.0f} seconds." if died.pause else "It starts again with the next question."
            )
            error = BrokenOff if said else Unavailable
            raise error(f"{died.message} {again}", retry_after=died.pause or None) from died
