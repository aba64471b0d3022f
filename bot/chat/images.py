"""The pictures that come with a question, as far as the model that answers can see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.interfaces.adapter import Adapter
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Attachment, Request
from bot.interfaces.prompts import Media
from bot.services import Services
from bot.utils.files import fitted
from bot.utils.media_types import picture_kind
from bot.utils.upload_memory import Share

LARGEST = 8 << 20
"""Bytes of one picture as it comes."""
SMALL = 1 << 20
"""Bytes of one picture as it is sent: a larger one is made smaller first."""
SIDE = 2_048
"""Pixels that are left of its longer side then; models look at no more."""
MOST = 8


@dataclass(frozen=True, slots=True)
class ImageSelection:
    """What came with a request: the pictures that a model gets, and a sentence about each thing that it does not."""

    seen: tuple[Attachment, ...] = ()
    pictures: tuple[Media, ...] = ()
    notes: tuple[str, ...] = ()


async def select_images(services: Services, model: str, request: Request, share: Share) -> ImageSelection:
    """Fetch the pictures of a request for a model that sees; what they take of the memory is in the request's share."""
    if not request.attachments:
        return ImageSelection()
    if not services.catalogue.sections[model].sees:
        return ImageSelection(notes=(f"{model} cannot read attachments: {_names(request.attachments)}.",))
    await share.take(LARGEST + SMALL * min(MOST, len(request.attachments)))
    seen, pictures, notes = list[Attachment](), list[Media](), list[str]()
    for attachment in request.attachments:
        picture = (
            await _picture(services.adapters, request, attachment) if len(seen) < MOST else f"{MOST} are the most."
        )
        if isinstance(picture, Media):
            seen.append(attachment)
            pictures.append(picture)
        else:
            notes.append(f"{_names([attachment])} cannot be read. {picture}")
    share.keep(sum(len(picture.content) for picture in pictures))
    return ImageSelection(tuple(seen), tuple(pictures), tuple(notes))


async def _picture(adapters: Mapping[str, Adapter], request: Request, attachment: Attachment) -> Media | str:
    """The picture, or why there is none."""
    if not attachment.media_type.startswith("image/"):
        return "Only pictures can."
    try:
        content = await adapters[request.place.platform].fetch(request, attachment, LARGEST)
        if picture_kind(content) and len(content) > SMALL:
            content = await fitted(content, SIDE, SMALL)
    except (PlatformError, UserError) as error:
        return error.message
    kind = picture_kind(content)
    return Media(kind, content) if kind else "Pictures can as PNG, JPEG, GIF or WebP."


def _names(attachments: Sequence[Attachment]) -> str:
    return ", ".join(f"“{attachment.name}”" for attachment in attachments)
