"""Which turns reach the model, within its context, and how they read to it."""

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

PICTURES, UNREADABLE = "(Attached pictures:", "(Attached, but not readable for you:"
"""How the last lines of a question begin that name what came along: what was seen, and what was not."""

ANSWER_SHARE = 4
"""A quarter of the window is kept for the answer unless the model's max_tokens says otherwise; half of it at most."""


async def surroundings(services: Services, accepted: Accepted, most: int) -> tuple[Sequence[Message], str]:
    """What was said around the request and is no turn of ours: what was overheard and, where that is not all, told.

    With why the platform withholds some of what was said since the last turn, "" where it does not.
    """
    request = accepted.request
    if not most or request.place.direct:
        return (), ""
    messages = await services.retention.overheard(request, most)
    heard = {message.id for message in messages}
    begun = request.place.thread if request.addressed and len(heard) < most else ""
    if not heard.issuperset(filter(None, (begun, request.replies_to))):
        told = await _platform_context(services.adapters, accepted, most)
        known = {message.id for message in told}
        messages = [*told, *(message for message in messages if message.id not in known)][-most:]
    known_turns = await services.conversations.known_messages(request.place, [message.id for message in messages])
    since = takewhile(lambda message: message.id not in known_turns, reversed(messages))
    withheld = next((message.withheld for message in since if message.withheld), "")
    return [message for message in messages if message.id not in known_turns and message.text], withheld


async def _platform_context(adapters: Mapping[str, Adapter], accepted: Accepted, most: int) -> Sequence[Message]:
    """What the platform says was said before; nothing where it cannot tell."""
    request = accepted.request
    adapter = adapters.get(request.place.platform)
    try:
        return well_formed(tuple(await platforms.context(adapter, request, most)))
    except PlatformError as error:
        log.warning("Request %d is answered without what was said before: %s", accepted.id, error)
        return ()


async def prompt_for(
    catalogue: Catalogue, model: str, settings: Settings, system: Utterance, said: Sequence[Utterance]
) -> tuple[Prompt, int]:
    """Return the system prompt with the newest utterances that fit, and its tokens.

    Raises ContextTooLong when none fits.
    """
    backend = catalogue.backends[model]
    longest = catalogue.sections[model].sampling(Sampling(None, settings.answer_tokens)).max_tokens
    reserve = min(longest or backend.context // ANSWER_SHARE, backend.context // 2)
    room = min(backend.context - reserve, settings.context_tokens or backend.context)
    return await _newest_that_fit(backend, system, list(said), room)


def utterances(
    turns: Sequence[Turn], place: Place, around: Sequence[Message], pictures: tuple[Media, ...]
) -> Sequence[Utterance]:
    """Return the turns as a model reads them; the messages `around` and the `pictures` belong to the last one."""
    said = [_utterance(turn, place) for turn in _answered(turns)]
    if around:
        said[-1] = Utterance("user", f"{_context_text(around)}\n\n{said[-1].text}")
    if pictures:
        said[-1] = replace(said[-1], images=pictures)
    return said


def _answered(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Without questions that no answer came to; many templates take nothing but question and answer in turn."""
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


def question_turn(request: Request, seen: Sequence[Attachment] = ()) -> Turn:
    """A request as a turn: its words, the names of the pictures that were seen with it and of what was not read."""
    unread = [attachment for attachment in request.attachments if attachment not in seen]
    remarks = (_remark(PICTURES, seen), _remark(UNREADABLE, unread))
    text = "\n".join(filter(None, (request.text, *remarks)))
    return Turn(0, None, "user", request.person.id, request.person.name, text)


def reworded(said: str, text: str) -> str:
    """What a question says whose words are others now; the lines at its end about what came along stay."""
    remarks = takewhile(lambda line: line.startswith((PICTURES, UNREADABLE)), reversed(said.split("\n")))
    return "\n".join(filter(None, (text, *reversed(list(remarks)))))


def _remark(about: str, attachments: Sequence[Attachment]) -> str:
    names = ", ".join(attachment.name for attachment in attachments)
    return f"{about} {names})" if attachments else ""


async def _newest_that_fit(backend: Backend, system: Utterance, said: list[Utterance], room: int) -> tuple[Prompt, int]:
    """Drop the oldest until the rest fits into `room` tokens."""
    while True:
        while len(said) > 1 and said[0].role == "assistant":  # an answer whose question was dropped
            del said[0]
        prompt = (system, *said)
        tokens = await backend.count(prompt)
        if tokens <= room:
            return prompt, tokens
        if len(said) <= 1:
            raise ContextTooLong(
                f"That is too long for this model: about {tokens:,} tokens, and it can read {room:,}. "
                "Shorten it, or choose another model with /model."
            )
        surplus = 1 - room / tokens
        said = said[max(1, min(int(len(said) * surplus), len(said) - 1)) :]


def _utterance(turn: Turn, place: Place) -> Utterance:
    """A turn as the model reads it; where several people may write, a question begins with its writer's name.

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
