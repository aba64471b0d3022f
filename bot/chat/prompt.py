"""Make the prompt: the turns and messages that fit into the model's context, in the form that it reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from bot.administration import platforms
from bot.administration.settings import Settings
from bot.catalogue import Catalogue
from bot.interfaces.adapter import Adapter
from bot.interfaces.backend import Backend
from bot.interfaces.errors import ContextTooLong, PlatformError
from bot.interfaces.messages import Attachment, Message, Place, Request, Turn
from bot.interfaces.prompts import Media, Prompt, Sampling, Utterance
from bot.interfaces.store import Accepted
from bot.services import Services
from bot.utils.unicode_text import well_formed

log = logging.getLogger(__name__)

IMAGES_REMARK, UNREAD_REMARK = "(Attached pictures:", "(Attached, but not readable for you:"
"""The first words of a question's last lines, which name its attachments: the images read, and the rest."""

ANSWER_SHARE = 4
"""The answer gets a quarter of the context window, or the model's max_tokens up to half of it."""


async def surroundings(services: Services, accepted: Accepted, most: int) -> tuple[Sequence[Message], str]:
    """Return the messages around the request that are not turns: the stored ones and, if some lack, the platform's.

    The second value is the reason why the platform withholds messages since the last turn, "" if it does not.
    """
    request = accepted.request
    if not most or request.place.direct:
        return (), ""
    messages = await services.retention.overheard(request, most)
    stored_ids = {message.id for message in messages}
    thread_start = request.place.thread if request.addressed and len(stored_ids) < most else ""
    if not stored_ids.issuperset(filter(None, (thread_start, request.replies_to))):
        fetched = await _platform_context(services.adapters, accepted, most)
        fetched_ids = {message.id for message in fetched}
        messages = [*fetched, *(message for message in messages if message.id not in fetched_ids)][-most:]
    known_turns = await services.conversations.known_messages(request.place, [message.id for message in messages])
    since = takewhile(lambda message: message.id not in known_turns, reversed(messages))
    withheld = next((message.withheld for message in since if message.withheld), "")
    return [message for message in messages if message.id not in known_turns and message.text], withheld


async def _platform_context(adapters: Mapping[str, Adapter], accepted: Accepted, most: int) -> Sequence[Message]:
    """Return the platform's earlier messages; empty if it cannot return them."""
    request = accepted.request
    adapter = adapters.get(request.place.platform)
    try:
        return well_formed(tuple(await platforms.context(adapter, request, most)))
    except PlatformError as error:
        log.warning("Request %d is answered without the earlier messages: %s", accepted.id, error)
        return ()


async def prompt_for(
    catalogue: Catalogue, model: str, settings: Settings, system: Utterance, said: Sequence[Utterance]
) -> tuple[Prompt, int]:
    """Return the system prompt with the newest utterances that fit, and its tokens.

    Raises ContextTooLong if none fits.
    """
    backend = catalogue.backends[model]
    longest = catalogue.sections[model].sampling(Sampling(None, settings.answer_tokens)).max_tokens
    reserve = min(longest or backend.context // ANSWER_SHARE, backend.context // 2)
    room = min(backend.context - reserve, settings.context_tokens or backend.context)
    return await _newest_that_fit(backend, system, list(said), room)


def utterances(
    turns: Sequence[Turn], place: Place, around: Sequence[Message], images: tuple[Media, ...]
) -> Sequence[Utterance]:
    """Return the turns as a model reads them; the messages `around` and the `images` belong to the last one."""
    said = [_utterance(turn, place) for turn in _answered(turns)]
    if around:
        said[-1] = Utterance("user", f"{_context_text(around)}\n\n{said[-1].text}")
    if images:
        said[-1] = replace(said[-1], images=images)
    return said


def _answered(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Return the turns without unanswered questions; many templates only accept alternating roles."""
    following = [*(turn.role for turn in turns[1:]), "assistant"]
    return [turn for turn, after in zip(turns, following, strict=True) if turn.role != after or after == "assistant"]


def system_prompt(services: Services, request: Request, settings: Settings) -> Utterance:
    """Return the system prompt in force, its placeholders filled, then the persona's and the language."""
    place = request.place
    where = place.name or ("a direct message" if place.direct else "a channel")
    today = datetime.now().astimezone().strftime("%A, %d %B %Y")
    name = services.config.bot.name
    prompt = settings.system_prompt.format(name=name, platform=place.platform.capitalize(), place=where, date=today)
    persona = services.administration.persona(place, settings.persona)
    language = f"Answer in {settings.language}." if settings.language else ""
    return Utterance("system", "\n\n".join(filter(None, (prompt, persona.prompt if persona else "", language))))


def question_turn(request: Request, images: Sequence[Attachment] = ()) -> Turn:
    """Return a request as a turn: its text, the names of the images that the model reads, and of the other files."""
    unread = [attachment for attachment in request.attachments if attachment not in images]
    remarks = (_remark(IMAGES_REMARK, images), _remark(UNREAD_REMARK, unread))
    text = "\n".join(filter(None, (request.text, *remarks)))
    return Turn(0, None, "user", request.person.id, request.person.name, text)


def edited_question(before: str, text: str) -> str:
    """Return an edited question; the lines at its end about attachments stay."""
    remarks = takewhile(lambda line: line.startswith((IMAGES_REMARK, UNREAD_REMARK)), reversed(before.split("\n")))
    return "\n".join(filter(None, (text, *reversed(list(remarks)))))


def _remark(about: str, attachments: Sequence[Attachment]) -> str:
    names = ", ".join(attachment.name for attachment in attachments)
    return f"{about} {names})" if attachments else ""


async def _newest_that_fit(backend: Backend, system: Utterance, said: list[Utterance], room: int) -> tuple[Prompt, int]:
    """Return the newest utterances that fit into `room` tokens. Raises ContextTooLong if none does."""
    while True:
        while len(said) > 1 and said[0].role == "assistant":  # an answer whose question was dropped
            del said[0]
        prompt = (system, *said)
        tokens = await backend.count(prompt)
        if tokens <= room:
            return prompt, tokens
        if len(said) <= 1:
            raise ContextTooLong(
                f"The message is too long for this model: about {tokens:,} tokens, and it can read {room:,}. "
                "Shorten it, or choose another model with `/model`."
            )
        surplus = 1 - room / tokens
        said = said[max(1, min(int(len(said) * surplus), len(said) - 1)) :]


def _utterance(turn: Turn, place: Place) -> Utterance:
    """Return a turn as the model reads it; if several people may write, a question begins with its writer's name.

    The name stands in the content because OpenAI's `name` field refuses most display names. Further lines are indented,
    so that nobody can write a line that reads as someone else's.
    """
    if turn.role != "user" or place.direct:
        return Utterance(turn.role, turn.text)
    return Utterance("user", _by_name(turn.name, turn.text))


def _by_name(name: str, text: str) -> str:
    safe_name = " ".join(name.replace(":", " ").split()) or "Someone"
    return f"{safe_name}: " + "\n  ".join(text.splitlines())


def _context_text(around: Sequence[Message]) -> str:
    lines = "\n".join(_by_name(message.author, message.text) for message in around)
    return f"Said here before, for context:\n{lines}"
