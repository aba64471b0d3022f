"""Call a chat model under a budget, and its fallbacks if it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from bot.administration.limits.reservation import Reservation
from bot.administration.settings import Settings
from bot.catalogue import Catalogue
from bot.chat.answer_length import AnswerBounds
from bot.interfaces.errors import BackendError, Denied, Refused
from bot.interfaces.messages import Request
from bot.interfaces.prompts import Prompt, Sampling
from bot.interfaces.replies import Chunk, Done, Note, Text, Used
from bot.services import Services


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a model's answer.

    `written` is True if the answer has any text beside reasoning. `shortened` is the sentence about the limit that cut
    the answer off, or "". `warnings` are sentences about the limits that the call used up, or nearly.
    """

    done: Done
    written: bool
    shortened: str
    warnings: Sequence[str]


CompletionStream: TypeAlias = AsyncGenerator[Chunk | Completion, None]

Reserve: TypeAlias = Callable[[str, int, Sampling, int], Reservation]
"""Reserve the budget of a call by model, prompt tokens, sampling and room for the answer. Raises Denied."""


class ModelPrompt(Protocol):
    """A question that becomes a prompt for each model that is asked."""

    async def opening(self, model: str) -> Sequence[Chunk]:
        """Return the chunks to show before this model is asked."""

    async def prompt(self, model: str) -> tuple[Prompt, int]:
        """Return the prompt for this model and its tokens. Raises ContextTooLong."""


class ChatModel(Protocol):
    """A model that answers prompts; it may have fallbacks."""

    @property
    def name(self) -> str:
        """The name of the model that was asked last, or is asked first."""

    def stream(self, question: ModelPrompt) -> CompletionStream:
        """Yield the answer, then a Completion. Raises BackendError, or Denied if a limit is used up."""


class BudgetedModel:
    """One model of the catalogue, asked within its budget."""

    def __init__(self, name: str, catalogue: Catalogue, sampling: Sampling, reserve: Reserve) -> None:
        self.name = name
        self._catalogue = catalogue
        self._sampling = sampling
        self._reserve = reserve

    async def stream(self, question: ModelPrompt) -> CompletionStream:
        """Yield the answer; before an error of the model, yield notes about the limits that it used up."""
        for chunk in await question.opening(self.name):
            yield chunk
        prompt, tokens = await question.prompt(self.name)
        backend, measure = self._catalogue.backends[self.name], self._catalogue.measure_speed(self.name)
        bounds, done = AnswerBounds(), Done()
        call = self._reserve(self.name, tokens, self._sampling, backend.context - tokens)
        try:
            with call:
                async with aclosing(backend.stream(prompt, call.sampling(self._sampling))) as stream:
                    async for received in stream:
                        for piece in bounds.cut(received):
                            call.take(piece)
                            measure(piece)
                            if isinstance(piece, Done):
                                done = piece
                            elif not isinstance(piece, Used):
                                yield piece
                        if bounds.reached:
                            break
        except BackendError:
            for sentence in call.warnings:
                yield Note(sentence)
            raise
        yield Completion(done, call.has_text, call.shortened, call.warnings)


class FallbackModel:
    """Models in order: if one fails before its first word, the next one answers this question and the later ones.

    `final` errors do not have a fallback. `report` receives the message of a budget that is too small for a fallback.
    """

    def __init__(
        self,
        models: Sequence[BudgetedModel],
        report: Callable[[str], Awaitable[object]],
        final: tuple[type[BackendError], ...] = (),
    ) -> None:
        self._models = models
        self._report = report
        self._final = final
        self._failed = 0

    @property
    def name(self) -> str:
        """The name of the model that was asked last, or is asked first."""
        return self._models[self._failed].name

    async def stream(self, question: ModelPrompt) -> CompletionStream:
        """Yield the answer of the first model that does not fail."""
        while True:
            written = False
            try:
                async with aclosing(self._models[self._failed].stream(question)) as chunks:
                    async for chunk in chunks:
                        written = written or (isinstance(chunk, Text) and bool(chunk.text.strip()))
                        yield chunk
                return
            except BackendError as error:
                failed, *others = (model.name for model in self._models[self._failed :])
                if written or not others or isinstance(error, self._final):
                    raise
                self._failed += 1
                yield Note(f"{failed} did not answer: {error.message} {others[0]} answers instead.")
            except Denied as error:
                if not self._failed:
                    raise
                await self._report(error.message)
                raise Refused(error.message) from None  # everybody has seen the first model's failure already


def model_with_fallbacks(
    services: Services,
    request: Request,
    settings: Settings,
    model: str,
    reserve: Reserve,
    *,
    able: Callable[[str], bool] = lambda _model: True,
    final: tuple[type[BackendError], ...] = (),
) -> ChatModel:
    """Return a model with its fallbacks.

    If a fallback is not `able`, or this person may not use it here, its own fallback takes its place.
    """
    chain = [model]
    while (fallback := services.catalogue.sections[chain[-1]].fallback) and fallback not in chain:
        chain.append(fallback)
    others = services.policy.usable(request, [name for name in chain[1:] if able(name)])
    sampling = Sampling(settings.temperature, settings.answer_tokens)
    models = [BudgetedModel(name, services.catalogue, sampling, reserve) for name in (model, *others)]
    return (
        FallbackModel(models, partial(services.administration.audit_refusal, request), final) if others else models[0]
    )
