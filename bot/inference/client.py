"""Client of the models' process: runs jobs on local models, and reports failures as errors for people."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar

from bot.inference.process import ModelProcess, ProcessDied
from bot.inference.protocol import (
    FailureKind,
    InferenceRequest,
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
    """Client for all local models. Every method raises BackendError; closing a generator stops its job."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process

    async def run(self, source: ModelSource, job: Job[A]) -> AsyncGenerator[Status | Text | A]:
        """Yield a job's progress and its text, then its answer. Loads the model if necessary."""
        async with aclosing(self._events(lambda number: Run(number, source, job))) as events:
            async for event in events:
                match event:
                    case JobProgress():
                        yield Status(event.text, event.position)
                    case TextPiece():
                        yield Text(event.text)
                    case JobEnded():
                        yield event.answer  # type: ignore[misc]  # the answer's class belongs to the job's class

    async def answer(self, source: ModelSource, job: Job[A]) -> A:
        """Run a job and return only its answer."""
        return (await self.text(source, job))[1]

    async def text(self, source: ModelSource, job: Job[A]) -> tuple[str, A]:
        """Run a job and return the whole text that it wrote, and its answer."""
        text = ""
        async with aclosing(self.run(source, job)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Text):
                    text += chunk.text
                elif not isinstance(chunk, Status):
                    return text, chunk
        raise Unavailable("The model did not answer. Try again; the bot's log has more about it.")

    async def warm(self, source: ModelSource, skill: Skill) -> AsyncGenerator[Status | Ready]:
        """Load a model for a skill; yield the progress, then the loaded model's description."""
        async with aclosing(self._events(lambda number: Warm(number, source, skill))) as events:
            async for event in events:
                if isinstance(event, JobProgress):
                    yield Status(event.text)
                elif isinstance(event, JobEnded) and isinstance(event.answer, Ready):
                    yield event.answer

    async def unload(self, source: ModelSource) -> Inventory:
        """Unload a model as soon as its running jobs have ended, and return the models that are loaded now."""
        return await self._inventory(lambda number: Unload(number, source))

    async def look(self) -> Inventory:
        """Return the loaded models and their memory. Never starts the process."""
        return await self._inventory(ListLoaded) if self._process.alive else Inventory((), 0, 0)

    async def _inventory(self, make: Callable[[int], InferenceRequest]) -> Inventory:
        async with aclosing(self._events(make)) as events:
            async for event in events:
                if isinstance(event, JobEnded) and isinstance(event.answer, Inventory):
                    return event.answer
        raise Unavailable("The models' process did not answer. Try again.")

    @property
    def generation(self) -> int:
        """Return the number of the process's current start, 0 while it is not running. A restart unloads all models."""
        return self._process.starts if self._process.alive else 0

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        await self._process.aclose()

    async def _events(
        self, make: Callable[[int], InferenceRequest]
    ) -> AsyncGenerator[JobProgress | TextPiece | JobEnded]:
        """Yield the events of one request. Raises BackendError for a failure and for the process's end."""
        began = False
        try:
            async with aclosing(self._process.ask(make)) as events:
                async for event in events:
                    if isinstance(event, JobFailed):
                        raise (BrokenOff if began else _ERRORS[event.kind])(event.message)
                    began = began or isinstance(event, TextPiece)
                    yield event
        except ProcessDied as died:
            advice = (
                f"Try again in {died.pause:.0f} seconds." if died.pause else "It starts again with the next question."
            )
            error = BrokenOff if began else Unavailable
            raise error(f"{died.message} {advice}", retry_after=died.pause or None) from died
