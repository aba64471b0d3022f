"""Answer a question of a conversation, for the commands chat, ask and retry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from bot.administration.settings import Settings
from bot.chat.buttons import rating_choices, retry_choice, stop_choice
from bot.chat.completion import Completion, model_with_fallbacks
from bot.chat.images import ImageSelection, select_images
from bot.chat.prompt import IMAGES_REMARK, prompt_for, question_turn, surroundings, system_prompt, utterances
from bot.chat.reasoning import ReasoningDisplay
from bot.interfaces.messages import Message, Turn
from bot.interfaces.prompts import Prompt
from bot.interfaces.replies import Choices, Chunk, ModelAsked, Note, Reply, Status
from bot.interfaces.store import Accepted, ConversationStore
from bot.services import Services
from bot.utils.upload_memory import Share

LENGTH_NOTE = "The answer reached its length limit. Write “go on” for the rest."

EMPTY_NOTE = "⚠️ The model returned an empty answer. Try again, or ask in other words."

IMAGES_NOT_STORED_NOTE = "I do not store images, so this answer is without them. Attach them again and ask once more."

NO_ANSWER_NOTE = (
    "⚠️ The model reached its length limit before it began to answer, probably while it was thinking. Set a larger "
    "`answer_tokens`, or a larger `max_tokens` in its table of config.toml."
)


class ConversationPrompt:
    """A question with earlier turns and the messages around it; without a new question, the newest turn is it."""

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
        is_new: bool,
    ) -> None:
        self._services = services
        self._request = accepted.request
        self._settings = settings
        self._before = before
        self._parent = parent
        self._around = around
        self._share = share
        self._new = is_new
        self._images = ImageSelection()

    async def opening(self, model: str) -> Sequence[Chunk]:
        """Select the images for this model, and release those of a model that was asked before."""
        self._share.keep(0)
        self._images = await select_images(self._services, model, self._request, self._share)
        return [ModelAsked(model, self._parent, self._question()), *map(Note, self._images.notes)]

    async def prompt(self, model: str) -> tuple[Prompt, int]:
        """Return the newest turns that fit. Raises ContextTooLong if none does."""
        question = self._question()
        turns = [*self._before, question] if question else self._before
        system = system_prompt(self._services, self._request, self._settings)
        messages = utterances(turns, self._request.place, self._around, self._images.images)
        return await prompt_for(self._services.catalogue, model, self._settings, system, messages)

    def _question(self) -> Turn | None:
        return question_turn(self._request, self._images.sent) if self._new else None


def answer_question(services: Services, accepted: Accepted, requested_model: str = "") -> Reply:
    """Return the answer to the request's question, as the next turn of its conversation."""
    return _answer(services, accepted, None, requested_model)


def answer_again(services: Services, accepted: Accepted, turn: int) -> Reply:
    """Return a new answer to a stored question."""
    return _answer(services, accepted, turn, "")


async def _answer(services: Services, accepted: Accepted, turn: int | None, requested_model: str) -> Reply:
    """Answer the request's question, or the stored question `turn`."""
    is_new, request = turn is None, accepted.request
    parent = await _parent(services.conversations, accepted) if is_new else turn
    conversation = await services.conversations.conversation(accepted.conversation)
    first, settings = (
        services.models.chat_model(request, requested_model, conversation.model),
        services.settings(request),
    )
    model = model_with_fallbacks(services, request, settings, first, partial(services.budget.reserve, accepted))
    yield Choices((stop_choice(accepted.id),))
    yield Status("Thinking…")
    around, withheld = await surroundings(services, accepted, settings.context_messages) if is_new else ((), "")
    if withheld:
        yield Note(withheld)
    before = await services.conversations.turns(accepted.conversation, parent) if parent is not None else ()
    if not is_new and before and IMAGES_REMARK in before[-1].text:
        yield Note(IMAGES_NOT_STORED_NOTE)
    draw = ReasoningDisplay(shown=settings.thinking).drawn
    async with services.room.share(request) as share:
        prompt = ConversationPrompt(services, accepted, before, parent, around, settings, share, is_new=is_new)
        async with aclosing(model.stream(prompt)) as pieces:
            async for piece in pieces:
                for chunk in _ending(accepted, piece, settings) if isinstance(piece, Completion) else draw(piece):
                    yield chunk


def _ending(accepted: Accepted, completion: Completion, settings: Settings) -> Iterator[Chunk]:
    """Yield the buttons, the notes and the end after the model's text."""
    done, is_cut_off = completion.done, completion.done.reason == "length"
    ratings = rating_choices(accepted.id) if settings.feedback else ()
    yield Choices(ratings if completion.written else (retry_choice(accepted),))
    if not completion.written:
        yield Note(NO_ANSWER_NOTE if is_cut_off else EMPTY_NOTE)
    elif is_cut_off:
        yield Note(completion.shortened or LENGTH_NOTE)
    yield from map(Note, completion.warnings)
    yield done if completion.written else replace(done, reason="failed")


async def _parent(store: ConversationStore, accepted: Accepted) -> int | None:
    """Return the turn that the question follows: of the message replied to, else the conversation's newest.

    A private question may follow a public turn, and stays in its own conversation.
    """
    request = accepted.request
    if request.replies_to:
        whose = request.person.id if request.private else ""
        turn = await store.turn_of_message(request.place, request.replies_to, whose)
        if turn is not None:
            return turn
    turns = await store.turns(accepted.conversation, limit=1)
    return turns[-1].id if turns else None
