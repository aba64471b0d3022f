"""The pictures that come with a question, as far as the model that answers can see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import PlatformError
from bot.magic import picture_kind
from bot.services import Services
from bot.types import Attachment, Media, Request

LARGEST = 8 << 20
"""Bytes of one picture: what models' servers take, and what does not hold up other answers while it is sent."""
MOST = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What came with a request: the pictures that a model gets, and a sentence about each thing that it does not."""

    seen: tuple[Attachment, ...] = ()
    pictures: tuple[Media, ...] = ()
    notes: tuple[str, ...] = ()


async def look_at(services: Services, model: str, request: Request) -> Look:
    """Fetch the pictures of a request for a model that sees."""
    if not request.attachments:
        return Look()
    if not services.catalogue.sections[model].sees:
        return Look(notes=(f"{model} cannot read attachments: {_names(request.attachments)}.",))
    seen, pictures, notes = list[Attachment](), list[Media](), list[str]()
    for attachment in request.attachments:
        picture = await _picture(services, request, attachment) if len(seen) < MOST else f"{MOST} are the most."
        if isinstance(picture, Media):
            seen.append(attachment)
            pictures.append(picture)
        else:
            notes.append(f"{_names([attachment])} cannot be read. {picture}")
    return Look(tuple(seen), tuple(pictures), tuple(notes))


async def _picture(services: Services, request: Request, attachment: Attachment) -> Media | str:
    """The picture, or why there is none."""
    if not attachment.media_type.startswith("image/"):
        return "Only pictures can."
    try:
        content = await services.adapters[request.place.platform].fetch(request, attachment, LARGEST)
    except PlatformError as error:
        return error.message
    kind = picture_kind(content)
    return Media(kind, content) if kind else "Pictures can as PNG, JPEG, GIF or WebP."


def _names(attachments: Sequence[Attachment]) -> str:
    return ", ".join(f"“{attachment.name}”" for attachment in attachments)
