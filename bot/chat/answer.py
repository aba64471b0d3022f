"""The answer to a question of a conversation: shared by the commands that talk (chat, ask, retry)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from bot.administration.settings import Settings
from bot.chat.buttons import opinion_choices, retry_choice, stop_choice
from bot.chat.completion import Completion, model_with_fallbacks
from bot.chat.images import ImageSelection, select_images
from bot.chat.prompt import PICTURES, prompt_for, question_turn, surroundings, system_prompt, utterances
from bot.chat.reasoning import ReasoningDisplay
from bot.interfaces.messages import Message, Turn
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Choices, Chunk, ModelAsked, Note, Reply, Status
from bot.interfaces.store import Accepted, ConversationStore
from bot.services import Services
from bot.utils.upload_memory import Share

LENGTH_NOTE = "The answer reached its length limit. Write “go on” for the rest."


EMPTY_NOTE = "⚠️ The model returned an empty answer. Try again, or ask in other words."


BLIND_NOTE = "The pictures are not looked at again: they are not kept. Ask anew with them."


UNBEGUN_NOTE = (
    "⚠️ The model reached its length limit before it began to answer, probably by thinking. A larger `answer_tokens` "
    "helps, or `max_tokens` in its table."
)


class ConversationPrompt:
    """A question with the turns before it and the messages around it; without a question, the newest turn is one."""

    def __init__(
        self,
        services: Services,
        accepted: Accepted,
        before: Sequence[Turn],
        parent: int | None,
        around: Sequence[Message],
        settings: Settings,
        share: Share,
        *,
        new: bool,
    ) -> None:
        self._services = services
        self._request = accepted.request
        self._settings = settings
        self._before = before
        self._parent = parent
        self._around = around
        self._share = share
        self._new = new
        self._images = ImageSelection()

    async def opening(self, model: str) -> Sequence[Chunk]:
        """Select the pictures that this model sees; those of a model that was asked before leave the memory."""
        self._share.keep(0)
        self._images = await select_images(self._services, model, self._request, self._share)
        return [ModelAsked(model, self._parent, self._question()), *map(Note, self._images.notes)]

    async def prompt(self, model: str) -> tuple[Prompt, int]:
        """Return the newest turns that fit. Raises ContextTooLong where none does."""
        question = self._question()
        turns = [*self._before, question] if question else self._before
        system = system_prompt(self._services, self._request, self._settings)
        said = utterances(turns, self._request.place, self._around, self._images.pictures)
        return await prompt_for(self._services.catalogue, model, self._settings, system, said)

    def _question(self) -> Turn | None:
        return question_turn(self._request, self._images.seen) if self._new else None


def answer_question(services: Services, accepted: Accepted, chosen: str = "") -> Reply:
    """Ask this request's question, as the next turn of its conversation."""
    return _answer(services, accepted, None, chosen)


def answer_again(services: Services, accepted: Accepted, turn: int) -> Reply:
    """Answer a question that is a turn already."""
    return _answer(services, accepted, turn, "")


async def _answer(services: Services, accepted: Accepted, turn: int | None, chosen: str) -> Reply:
    """Answer the request's question or, where it is one already, a turn."""
    new, request = turn is None, accepted.request
    parent = await _parent(services.conversations, accepted) if new else turn
    conversation = await services.conversations.conversation(accepted.conversation)
    first, settings = services.models.chat_model(request, chosen, conversation.model), services.settings(request)
    model = model_with_fallbacks(services, request, settings, first, partial(services.budget.reserve, accepted))
    yield Choices((stop_choice(accepted.id),))
    yield Status("Thinking…")
    around, withheld = await surroundings(services, accepted, settings.context_messages) if new else ((), "")
    if withheld:
        yield Note(withheld)
    before = await services.conversations.turns(accepted.conversation, parent) if parent is not None else ()
    if not new and before and PICTURES in before[-1].text:
        yield Note(BLIND_NOTE)
    drawn = ReasoningDisplay(shown=settings.thinking).drawn
    async with services.room.share(request) as share:
        prompt = ConversationPrompt(services, accepted, before, parent, around, settings, share, new=new)
        async with aclosing(model.stream(prompt)) as pieces:
            async for piece in pieces:
                for chunk in _ending(accepted, piece, settings) if isinstance(piece, Completion) else drawn(piece):
                    yield chunk


def _ending(accepted: Accepted, completion: Completion, settings: Settings) -> Iterator[Chunk]:
    """Yield what follows the model's last word."""
    done, limited = completion.done, completion.done.reason == "length"
    opinions = opinion_choices(accepted.id) if settings.feedback else ()
    yield Choices(opinions if completion.written else (retry_choice(accepted),))
    if not completion.written:
        yield Note(UNBEGUN_NOTE if limited else EMPTY_NOTE)
    elif limited:
        yield Note(completion.shortened or LENGTH_NOTE)
    yield from map(Note, completion.warnings)
    yield done if completion.written else replace(done, reason="failed")


async def _parent(store: ConversationStore, accepted: Accepted) -> int | None:
    """Return the turn that the question follows: of the message replied to, else the conversation's newest.

    A private question may follow a turn that all see, and stays in its own conversation.
    """
    request = accepted.request
    if request.replies_to:
        whose = request.person.id if request.private else ""
        turn = await store.turn_of_message(request.place, request.replies_to, whose)
        if turn is not None:
            return turn
    turns = await store.turns(accepted.conversation, limit=1)
    return turns[-1].id if turns else None
