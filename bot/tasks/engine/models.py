"""The models of a task: one made for it, or an instructed chat model, each under one budget."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Protocol, TypeAlias

from bot.administration.limits.budget import DEFAULT_LENGTH
from bot.administration.limits.reservation import Reservation
from bot.backends import dispatch
from bot.chat.completion import Completion, model_with_fallbacks
from bot.interfaces import jobs
from bot.interfaces.backend import Backend
from bot.interfaces.errors import ContextTooLong
from bot.interfaces.jobs import (
    Complete,
    Count,
    Counted,
    Describe,
    Job,
    Pipe,
    Rewrite,
    Transcribe,
    Transcript,
    WriteAnswer,
    Written,
)
from bot.interfaces.prompts import Media, Prompt, Sampling, Utterance
from bot.interfaces.replies import Chunk, Done, Note, Text, Usage
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.routing import TaskRoute, can_be_instructed
from bot.tasks.engine.task import Task, Upload
from bot.utils.chunking import token_weight
from bot.utils.media_types import picture_kind
from bot.utils.token_estimate import estimate

SMALLEST_ROOM = 40
"""Tokens of the smallest chunk: if a model refuses it, smaller chunks do not help."""

SHORT = 512
"""Tokens reserved for jobs that write little."""

BYTES_OF_SOUND = 700
"""Bytes of audio for one token of speech: three tokens a second, at the rate of a voice message."""

TaskEvents: TypeAlias = AsyncGenerator[Chunk | Completion | jobs.JobAnswer, None]
"""The events of one job: chunks to show, text as it comes, and at the end its answer or a completion."""


class TaskModel(Protocol):
    """A model that runs the jobs of one task."""

    @property
    def name(self) -> str:
        """The name of the model that was asked last."""

    def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Run a job within the budget. Raises BackendError, UserError or Denied."""


def task_model(
    services: Services, accepted: Accepted, task: Task, route: TaskRoute, file: Upload | None = None
) -> TaskModel:
    """Return the model of a route; a chat model gets the file as an image."""
    if route.instructed:
        return InstructedModel(services, accepted, task, route.model, file)
    return SpecialisedModel(services, accepted, route.model)


class TaskBudget:
    """The budget of one act: it counts as one request, however many calls it makes."""

    def __init__(self, services: Services, accepted: Accepted) -> None:
        self._reserve = partial(services.budget.reserve, accepted)
        self._calls: list[Reservation] = []

    def reserve(self, model: str, tokens: int, sampling: Sampling, room: int) -> Reservation:
        """Reserve the budget of the next call. Raises Denied."""
        is_further = any(call.counted for call in self._calls)
        self._calls.append(self._reserve(model, tokens, sampling, room, further=is_further))
        return self._calls[-1]


class SpecialisedModel:
    """A model that is made for the task."""

    def __init__(self, services: Services, accepted: Accepted, name: str) -> None:
        self.name = name
        self._backend = services.backends[name]
        self._budget = TaskBudget(services, accepted)

    async def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Run a job; usage that the model does not report is estimated."""
        tokens, most_tokens = token_weight(" ".join(_words(job))), _most(job)
        call = self._budget.reserve(self.name, tokens, Sampling(max_tokens=most_tokens), most_tokens)
        limit = call.sampling(Sampling()).max_tokens
        if limit and isinstance(job, Complete | Describe | Rewrite):
            job = replace(job, max_tokens=limit)
        with call:
            async with aclosing(dispatch.run_job(self._backend, job)) as events:
                async for event in events:
                    if isinstance(event, Text):
                        call.take(event)
                    elif isinstance(event, jobs.JobAnswer):
                        call.take(Done(usage=_used(event, tokens)))
                    yield event
        for sentence in call.warnings:
            yield Note(sentence)


def _words(job: Job[jobs.JobAnswer]) -> Iterator[str]:
    """Yield the texts of a job."""
    for value in (getattr(job, field.name) for field in fields(job)):  # type: ignore[arg-type]  # each kind is one
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str))


def _most(job: Job[jobs.JobAnswer]) -> int:
    """Return the most tokens that a model may write for a job; without a bound, about as many as it needs."""
    match job:
        case Rewrite(text=text, purpose="translation", max_tokens=0):
            return 2 * token_weight(text) + SMALLEST_ROOM
        case Complete() | Describe() | Rewrite():
            return job.max_tokens or SHORT
        case Transcribe(data=data):
            return min(SHORT + len(data) // BYTES_OF_SOUND, DEFAULT_LENGTH)
        case Pipe():
            return SHORT
    return 1


def _used(answer: jobs.JobAnswer, read: int) -> Usage:
    match answer:
        case Written(prompt_tokens=prompt, completion_tokens=completion):
            return Usage(prompt or read, completion)
        case Transcript(text=text):
            return Usage(read, estimate(text))
    return Usage(read)


class InstructedModel:
    """An instructed chat model, with those of its fallbacks that can do the task, too."""

    def __init__(self, services: Services, accepted: Accepted, task: Task, name: str, file: Upload | None) -> None:
        self._services = services
        self._images = (Media(picture_kind(file.data) or file.media_type, file.data),) if file else ()
        self._model = model_with_fallbacks(
            services,
            accepted.request,
            services.settings(accepted.request),
            name,
            TaskBudget(services, accepted).reserve,
            able=partial(can_be_instructed, services, task),
            final=(ContextTooLong,),  # smaller chunks help; another model may not
        )

    @property
    def name(self) -> str:
        """The name of the model that was asked last."""
        return self._model.name

    def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Answer an instruction, or count its tokens."""
        if isinstance(job, Count):
            return _count(self._services.backends[self.name], _prompt(job.messages))
        assert isinstance(job, WriteAnswer), f"{type(job).__name__} needs a model made for it"
        return self._model.stream(InstructionPrompt(self._services, _prompt(job.messages, self._images)))


async def _count(backend: Backend, prompt: Prompt) -> TaskEvents:
    yield Counted(await backend.count(prompt), backend.context)


def _prompt(messages: Sequence[tuple[str, str]], images: tuple[Media, ...] = ()) -> Prompt:
    return tuple(
        Utterance("system", text) if role == "system" else Utterance("user", text, images) for role, text in messages
    )


@dataclass(frozen=True, slots=True)
class InstructionPrompt:
    """An instruction with a text, the same for every model."""

    services: Services
    words: Prompt

    async def opening(self, _model: str) -> Sequence[Chunk]:
        """Show nothing: a task is not a turn of a conversation."""
        return ()

    async def prompt(self, model: str) -> tuple[Prompt, int]:
        """Return the instruction and its tokens. Raises ContextTooLong."""
        backend = self.services.backends[model]
        tokens = await backend.count(self.words)
        if tokens >= backend.context:
            raise ContextTooLong(
                f"The text is too long for {model}, which reads {backend.context:,} tokens at once. Shorten it."
            )
        return self.words, tokens
