"""Asking a model and streaming what it says: shared by the commands that talk (chat, ask, retry)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

from bot.administration.limits.reservation import Reservation
from bot.chat.answer_length import bounded
from bot.chat.buttons import opinion_choices, retry_choice, stop_choice
from bot.chat.images import select_images
from bot.chat.prompt import PICTURES, prompt_for, question_turn, surroundings
from bot.chat.reasoning import ReasoningDisplay
from bot.interfaces.errors import BackendError, Denied, Refused
from bot.interfaces.messages import Request, Turn
from bot.interfaces.prompts import Prompt, Sampling
from bot.interfaces.replies import Choices, Chunk, Done, ModelAsked, Note, Reply, Status, Text, Used
from bot.interfaces.store import Accepted
from bot.services import Services

LENGTH_NOTE = "The answer reached its length limit. Write “go on” for the rest."


EMPTY_NOTE = "⚠️ The model returned an empty answer. Try again, or ask in other words."


BLIND_NOTE = "The pictures are not looked at again: they are not kept. Ask anew with them."


UNBEGUN_NOTE = (
    "⚠️ The model reached its length limit before it began to answer, probably by thinking. A larger `answer_tokens` "
    "helps, or `max_tokens` in its table."
)


def answer_question(services: Services, accepted: Accepted, chosen: str = "") -> Reply:
    """Ask this request's question, as the next turn of its conversation."""
    return _answer(services, accepted, None, question_turn(accepted.request), chosen)


def answer_again(services: Services, accepted: Accepted, turn: int) -> Reply:
    """Answer a question that is a turn already."""
    return _answer(services, accepted, turn, None)


async def _answer(
    services: Services, accepted: Accepted, parent: int | None, question: Turn | None, chosen: str = ""
) -> Reply:
    """Answer `question` as a new turn or, where there is none, turn `parent`. Failing models may have a fallback."""
    if question:
        parent = await _parent(services, accepted)
    conversation = await services.store.conversation(accepted.conversation)
    first = services.model(accepted.request, chosen, conversation.model)
    settings = services.settings(accepted.request)
    sampling = Sampling(settings.temperature, settings.answer_tokens)
    yield Choices((stop_choice(accepted.id),))
    yield Status("Thinking…")
    around, withheld = await surroundings(services, accepted) if question else ((), "")
    if withheld:
        yield Note(withheld)
    before = list(await services.store.turns(accepted.conversation, parent)) if parent is not None else []
    if question is None and before and PICTURES in before[-1].text:
        yield Note(BLIND_NOTE)
    thinking = ReasoningDisplay(shown=settings.thinking)
    for model, fallback in _candidates(services, accepted.request, first):
        async with services.room.share(accepted.request) as share:
            look = await select_images(services, model, accepted.request, share)
            question = question and question_turn(accepted.request, look.seen)
            yield ModelAsked(model, parent, question)
            for sentence in look.notes:
                yield Note(sentence)
            thinking.end()
            said = False
            try:
                turns = [*before, question] if question else before
                prompt, tokens = await prompt_for(services, model, accepted.request, turns, around, look.pictures)
                async with aclosing(_stream(services, accepted, model, prompt, tokens, sampling)) as pieces:
                    async for piece in pieces:
                        said = said or (isinstance(piece, Text) and bool(piece.text.strip()))
                        for chunk in thinking.drawn(piece):
                            yield chunk
                return
            except BackendError as error:
                if said or not fallback:
                    raise
                yield Note(f"{model} did not answer: {error.message} {fallback} answers instead.")
            except Denied as error:
                if model == first:
                    raise
                await services.administration.refused(accepted.request, error.message)
                raise Refused(error.message) from None  # the first model's failure was told to everybody already


async def _stream(
    services: Services, accepted: Accepted, model: str, prompt: Prompt, tokens: int, sampling: Sampling
) -> Reply:
    """Ask one model, within what may be used. Raises BackendError, or Denied where that is too little."""
    backend, done = services.backends[model], Done()
    timed = services.catalogue.speeds.watch(model)
    spending = services.budget.reserve(accepted, model, tokens, sampling, backend.context - tokens)
    try:
        with spending:
            async with aclosing(bounded(backend.stream(prompt, spending.sampling(sampling)))) as pieces:
                async for piece in pieces:
                    spending.take(piece)
                    timed(piece)
                    if isinstance(piece, Done):
                        done = piece
                    elif not isinstance(piece, Used):
                        yield piece
    except BackendError:
        for sentence in spending.crossed:
            yield Note(sentence)
        raise
    for chunk in _ending(services, accepted, done, spending):
        yield chunk


def _candidates(services: Services, request: Request, model: str) -> Iterator[tuple[str, str]]:
    """The model and its fallbacks in order, each with the one that comes after it, "" at the end.

    What this person may not use here is passed over: its own fallback comes instead.
    """
    chain = [model]
    while (fallback := services.catalogue.sections[chain[-1]].fallback) and fallback not in chain:
        chain.append(fallback)
    usable = [model, *(name for name in chain[1:] if services.policy.model_refusal(request, name) is None)]
    return zip(usable, [*usable[1:], ""], strict=True)


def _ending(services: Services, accepted: Accepted, done: Done, spending: Reservation) -> Iterator[Chunk]:
    """What follows the model's last word."""
    opinions = opinion_choices(accepted.id) if services.settings(accepted.request).feedback else ()
    yield Choices(opinions if spending.said else (retry_choice(accepted),))
    if not spending.said:
        yield Note(UNBEGUN_NOTE if done.reason == "length" else EMPTY_NOTE)
    elif done.reason == "length":
        yield Note(spending.shortened or LENGTH_NOTE)
    yield from map(Note, spending.crossed)
    yield done if spending.said else replace(done, reason="failed")


async def _parent(services: Services, accepted: Accepted) -> int | None:
    """The turn that the question follows: of the message replied to, else the conversation's newest.

    A private question may follow a turn that all see, and stays in its own conversation.
    """
    request = accepted.request
    if request.replies_to:
        whose = request.person.id if request.private else ""
        turn = await services.store.turn_of_message(request.place, request.replies_to, whose)
        if turn is not None:
            return turn
    turns = await services.store.turns(accepted.conversation, limit=1)
    return turns[-1].id if turns else None
