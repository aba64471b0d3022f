"""The model that does a task: one that is made for it, or a chat model that is instructed; each under one budget."""

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
"""Tokens; where a model refuses even that much, cutting a text smaller does not help."""

SHORT = 512
"""Tokens that are enough for what writes little."""

BYTES_OF_SOUND = 700
"""For one token of what is said in it: three a second, at the rate of a voice message."""

TaskEvents: TypeAlias = AsyncGenerator[Chunk | Completion | jobs.JobAnswer, None]
"""Work on one job: what is shown, text as it comes, and at the end its answer or the end of a completion."""


class TaskModel(Protocol):
    """A model that does the jobs of one task."""

    @property
    def name(self) -> str:
        """The model that was asked last."""

    def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Do a job within what may be used. Raises BackendError, UserError or Denied."""


def task_model(
    services: Services, accepted: Accepted, task: Task, route: TaskRoute, file: Upload | None = None
) -> TaskModel:
    """Return the model of a route; a chat model gets the file as a picture."""
    if route.instructed:
        return InstructedModel(services, accepted, task, route.model, file)
    return SpecialisedModel(services, accepted, route.model)


class TaskBudget:
    """What one act spends on models: one request, however many calls it takes."""

    def __init__(self, services: Services, accepted: Accepted) -> None:
        self._reserve = partial(services.budget.reserve, accepted)
        self._calls: list[Reservation] = []

    def reserve(self, model: str, tokens: int, asked: Sampling, room: int) -> Reservation:
        """Hold what the next call may use. Raises Denied."""
        further = any(call.counted for call in self._calls)
        self._calls.append(self._reserve(model, tokens, asked, room, further=further))
        return self._calls[-1]


class SpecialisedModel:
    """A model that is made for the task."""

    def __init__(self, services: Services, accepted: Accepted, name: str) -> None:
        self.name = name
        self._backend = services.backends[name]
        self._budget = TaskBudget(services, accepted)

    async def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Do a job; what the model does not say that it used is estimated."""
        tokens, most = token_weight(" ".join(_words(job))), _most(job)
        call = self._budget.reserve(self.name, tokens, Sampling(max_tokens=most), most)
        bound = call.sampling(Sampling()).max_tokens
        if bound and isinstance(job, Complete | Describe | Rewrite):
            job = replace(job, max_tokens=bound)
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
    """What a model is given to read, as far as it is text."""
    for value in (getattr(job, field.name) for field in fields(job)):  # type: ignore[arg-type]  # each kind is one
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, str))


def _most(job: Job[jobs.JobAnswer]) -> int:
    """Tokens that a model may write for a job; where nobody bounds it, about as many as it should need."""
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
    """A chat model that is instructed to do the task, with those of its fallbacks that can do it, too."""

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
            final=(ContextTooLong,),  # smaller pieces help, another model need not
        )

    @property
    def name(self) -> str:
        """The model that was asked last."""
        return self._model.name

    def do(self, job: Job[jobs.JobAnswer]) -> TaskEvents:
        """Answer an instruction, or count its tokens."""
        if isinstance(job, Count):
            return _count(self._services.backends[self.name], _prompt(job.messages))
        assert isinstance(job, WriteAnswer), f"{type(job).__name__} is for models that are made for it"
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
        """Return the words and their tokens. Raises ContextTooLong."""
        backend = self.services.backends[model]
        tokens = await backend.count(self.words)
        if tokens >= backend.context:
            raise ContextTooLong(f"That is too long for {model}, which reads {backend.context:,} tokens at once.")
        return self.words, tokens
