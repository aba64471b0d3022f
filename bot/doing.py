"""Taking a task's steps with a model: one that is made for it, or one that converses and is told in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from bot import jobs
from bot.cutting import weight
from bot.errors import ContextTooLong
from bot.inference import kinds
from bot.inference.kinds import Chat, Count, Counted, Job, Written
from bot.magic import picture_kind
from bot.means import Means
from bot.ports import Accepted
from bot.services import Services
from bot.spending import Spending
from bot.task import Apart, Do, Given, Heard, Steps, Task, Upload
from bot.thinking import Thinking
from bot.types import Done, Media, Note, Prompt, Reply, Sampling, Status, Text, Thought, Usage, Utterance

SMALLEST_ROOM = 40
"""Tokens; where a model refuses even that much, cutting a text smaller does not help."""

Event: TypeAlias = Status | Text | Thought | Note | kinds.Answer


class Purse:
    """What one act spends on a model: one request, however many calls it takes."""

    def __init__(self, services: Services, accepted: Accepted, model: str) -> None:
        self.accepted = accepted
        self.model = model
        self._reserve = partial(services.budget.reserve, accepted, model)
        self._calls: list[Spending] = []

    def reserve(self, tokens: int, asked: Sampling, room: int) -> Spending:
        """Hold what the next call may use. Raises Denied."""
        self._calls.append(self._reserve(tokens, asked, room, further=any(call.counted for call in self._calls)))
        return self._calls[-1]


async def do(services: Services, accepted: Accepted, task: Task, means: Means, given: Given) -> Reply:
    """Take the steps; where the model reads less at once than was thought, once more with smaller pieces."""
    purse = Purse(services, accepted, means.model)
    while True:
        said = False
        way = _tell if means.told else _have_it_done
        try:
            async with aclosing(way(services, purse, task, given)) as chunks:
                async for chunk in chunks:
                    said = said or isinstance(chunk, Text)
                    yield chunk
            return
        except ContextTooLong:
            if said or given.room < 2 * SMALLEST_ROOM:
                raise
            given = replace(given, room=given.room // 2)


async def _have_it_done(services: Services, purse: Purse, task: Task, given: Given) -> Reply:
    """By a model that is made for it; all of its jobs are one call of it."""
    backend, tokens = services.backends[purse.model], weight(given.text)
    spending = purse.reserve(tokens, Sampling(), 1)
    with spending:
        async with aclosing(take(task.steps(given), partial(jobs.run, backend))) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Done):
                    used = chunk.usage
                    spending.take(replace(chunk, usage=Usage(used.prompt_tokens or tokens, used.completion_tokens)))
                    for sentence in spending.crossed:
                        yield Note(sentence)
                yield chunk


async def _tell(services: Services, purse: Purse, task: Task, given: Given) -> Reply:
    """By a model that converses; each of its answers is a call of it."""
    assert task.told
    asking = partial(_told, services, purse, given.file)
    async with aclosing(take(task.told(given), asking)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _told(
    services: Services, purse: Purse, file: Upload | None, job: Job[kinds.Answer]
) -> AsyncGenerator[Event, None]:
    """One answer of a model that converses, within what may be used. Raises BackendError or Denied."""
    backend, settings = services.backends[purse.model], services.settings(purse.accepted.request)
    if isinstance(job, Count):
        yield Counted(await backend.count(_prompt(job.messages)), backend.context)
        return
    assert isinstance(job, Chat), f"{type(job).__name__} is for models that are made for it"
    images = (Media(picture_kind(file.data) or file.media_type, file.data),) if file else ()
    prompt, asked = _prompt(job.messages, images), Sampling(settings.temperature, settings.answer_tokens)
    tokens = await backend.count(prompt)
    if tokens >= backend.context:
        raise ContextTooLong(f"That is too long for {purse.model}, which reads {backend.context:,} tokens at once.")
    spending, end = purse.reserve(tokens, asked, backend.context - tokens), Done()
    thinking = Thinking(shown=settings.thinking)
    with spending:
        async with aclosing(backend.stream(prompt, spending.sampling(asked))) as pieces:
            async for piece in pieces:
                spending.take(piece)
                if isinstance(piece, Done):
                    end = piece
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


async def take(steps: Steps[None], run: Callable[[Job[kinds.Answer]], AsyncGenerator[Event, None]]) -> Reply:
    """Take each step, and tell the next what came of it."""
    usage, cut_off = Usage(), False
    try:
        step = next(steps)
        while True:
            heard = Heard()
            match step:
                case Do(job, aloud, before):
                    pieces: list[str] = []
                    async with aclosing(run(job)) as events:
                        async for event in events:
                            if isinstance(event, kinds.Answer):
                                heard = Heard("".join(pieces), event)
                            elif isinstance(event, Text):
                                if before and not pieces:
                                    yield Text(before)
                                pieces.append(event.text)
                            if isinstance(event, Status | Note) or (aloud and isinstance(event, Text | Thought)):
                                yield event
                    if isinstance(heard.answer, Written):
                        usage = _sum(usage, heard.answer)
                        cut_off = cut_off or (aloud and heard.answer.reason == "length")
                case Apart(call):
                    await asyncio.to_thread(call)
                case _:
                    yield step
            step = steps.send(heard)
    except StopIteration:
        yield Done("length" if cut_off else "complete", usage)


def _sum(usage: Usage, written: Written) -> Usage:
    prompt, completion = usage.prompt_tokens + written.prompt_tokens, usage.completion_tokens
    return Usage(prompt, completion + written.completion_tokens)
