"""Taking a task's steps with a model: one that is made for it, or one that converses and is told in words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import fields, replace
from functools import partial
from typing import TypeAlias

from bot.administration.limits.budget import UNBOUNDED
from bot.administration.limits.reservation import Reservation
from bot.backends import dispatch
from bot.chat.answer_length import bounded
from bot.chat.reasoning import ReasoningDisplay
from bot.interfaces import jobs
from bot.interfaces.errors import ContextTooLong, UserError
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
from bot.interfaces.replies import Done, File, Note, Reply, Status, Text, Thought, Usage, Used
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.tasks.engine.routing import TaskRoute
from bot.tasks.engine.task import JobStep, StepResult, Steps, Task, TaskInput, ThreadStep, Upload
from bot.utils.chunking import token_weight
from bot.utils.media_types import picture_kind
from bot.utils.token_estimate import estimate

SMALLEST_ROOM = 40
"""Tokens; where a model refuses even that much, cutting a text smaller does not help."""

SHORT = 512
"""Tokens that are enough for what writes little."""

LARGEST = 24 << 20
"""Bytes of a file in an answer."""

BYTES_OF_SOUND = 700
"""For one token of what is said in it: three a second, at the rate of a voice message."""

Event: TypeAlias = Status | Text | Thought | Note | jobs.JobAnswer


class TaskBudget:
    """What one act spends on a model: one request, however many calls it takes."""

    def __init__(self, services: Services, accepted: Accepted, model: str) -> None:
        self.accepted = accepted
        self.model = model
        self._reserve = partial(services.budget.reserve, accepted, model)
        self._calls: list[Reservation] = []

    def reserve(self, tokens: int, asked: Sampling, room: int) -> Reservation:
        """Hold what the next call may use. Raises Denied."""
        self._calls.append(self._reserve(tokens, asked, room, further=any(call.counted for call in self._calls)))
        return self._calls[-1]


async def run_task(services: Services, accepted: Accepted, task: Task, means: TaskRoute, given: TaskInput) -> Reply:
    """Take the steps; where the model reads less at once than was thought, once more with smaller pieces."""
    purse = TaskBudget(services, accepted, means.model)
    steps, ask = (task.told, _told) if means.told else (task.steps, _made)
    assert steps
    while True:
        said = False
        try:
            async with aclosing(take(steps(given), partial(ask, services, purse, given.file))) as chunks:
                async for chunk in chunks:
                    said = said or isinstance(chunk, Text)
                    yield chunk
            return
        except ContextTooLong:
            if said or given.room < 2 * SMALLEST_ROOM:
                raise
            given = replace(given, room=given.room // 2)


async def _made(
    services: Services, purse: TaskBudget, _file: Upload | None, job: Job[jobs.JobAnswer]
) -> AsyncGenerator[Event, None]:
    """One job of a model that is made for it, within what may be used. Raises BackendError, UserError or Denied."""
    tokens, most = token_weight(" ".join(_words(job))), _most(job)
    spending = purse.reserve(tokens, Sampling(max_tokens=most), most)
    bound = spending.sampling(Sampling()).max_tokens
    if bound and isinstance(job, Complete | Describe | Rewrite):
        job = replace(job, max_tokens=bound)
    with spending:
        async with aclosing(dispatch.run_job(services.backends[purse.model], job)) as events:
            async for event in events:
                if isinstance(event, Text):
                    spending.take(event)
                elif isinstance(event, jobs.JobAnswer):
                    spending.take(Done(usage=_used(event, tokens)))
                yield event
    for sentence in spending.crossed:
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
            return min(SHORT + len(data) // BYTES_OF_SOUND, UNBOUNDED)
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


async def _told(
    services: Services, purse: TaskBudget, file: Upload | None, job: Job[jobs.JobAnswer]
) -> AsyncGenerator[Event, None]:
    """One answer of a model that converses, within what may be used. Raises BackendError or Denied."""
    backend, settings = services.backends[purse.model], services.settings(purse.accepted.request)
    if isinstance(job, Count):
        yield Counted(await backend.count(_prompt(job.messages)), backend.context)
        return
    assert isinstance(job, WriteAnswer), f"{type(job).__name__} is for models that are made for it"
    images = (Media(picture_kind(file.data) or file.media_type, file.data),) if file else ()
    prompt, asked = _prompt(job.messages, images), Sampling(settings.temperature, settings.answer_tokens)
    tokens = await backend.count(prompt)
    if tokens >= backend.context:
        raise ContextTooLong(f"That is too long for {purse.model}, which reads {backend.context:,} tokens at once.")
    spending, end = purse.reserve(tokens, asked, backend.context - tokens), Done()
    thinking = ReasoningDisplay(shown=settings.thinking)
    with spending:
        async with aclosing(bounded(backend.stream(prompt, spending.sampling(asked)))) as pieces:
            async for piece in pieces:
                spending.take(piece)
                if isinstance(piece, Done):
                    end = piece
                if isinstance(piece, Used):
                    continue
                for chunk in thinking.drawn(piece):
                    if isinstance(chunk, Text | Thought | Status):
                        yield chunk
    for sentence in spending.crossed:
        yield Note(sentence)
    used, cut_off = end.usage, end.reason == "length"
    yield Written("length" if cut_off else "complete", used.prompt_tokens, used.completion_tokens)


def _prompt(messages: Sequence[tuple[str, str]], images: tuple[Media, ...] = ()) -> Prompt:
    return tuple(
        Utterance("system", text) if role == "system" else Utterance("user", text, images) for role, text in messages
    )


async def take(steps: Steps[None], run: Callable[[Job[jobs.JobAnswer]], AsyncGenerator[Event, None]]) -> Reply:
    """Take each step, and tell the next what came of it."""
    usage, cut_off = Usage(), False
    try:
        step = next(steps)
        while True:
            heard = StepResult()
            match step:
                case JobStep(job, aloud, before):
                    pieces: list[str] = []
                    async with aclosing(run(job)) as events:
                        async for event in events:
                            if isinstance(event, jobs.JobAnswer):
                                heard = StepResult("".join(pieces), event)
                            elif isinstance(event, Text):
                                if before and not pieces:
                                    yield Text(before)
                                pieces.append(event.text)
                            if isinstance(event, Status | Note) or (aloud and isinstance(event, Text | Thought)):
                                yield event
                    if isinstance(heard.answer, Written):
                        usage = _sum(usage, heard.answer)
                        cut_off = cut_off or (aloud and heard.answer.reason == "length")
                case ThreadStep(call):
                    await call()
                case File(content=content) if len(content) > LARGEST:
                    raise UserError(f"What came of it is too large for a file: {len(content) >> 20} MiB.")
                case _:
                    yield step
            step = steps.send(heard)
    except StopIteration:
        yield Done("length" if cut_off else "complete", usage)


def _sum(usage: Usage, written: Written) -> Usage:
    prompt, completion = usage.prompt_tokens + written.prompt_tokens, usage.completion_tokens
    return Usage(prompt, completion + written.completion_tokens)
