"""Select the images of a question that its model can read."""

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

LARGEST_IMAGE = 8 << 20
"""The most bytes of an attached image."""

LARGEST_SENT = 1 << 20
"""The most bytes of an image in a prompt: a larger one is scaled down first."""

LONGEST_SIDE = 2_048
"""The pixels of a scaled image's longer side; models do not use more."""

MOST_IMAGES = 8
"""The most images of one question."""


@dataclass(frozen=True, slots=True)
class ImageSelection:
    """The attachments that a model receives as images, and a note about each of the others."""

    sent: tuple[Attachment, ...] = ()
    images: tuple[Media, ...] = ()
    notes: tuple[str, ...] = ()


async def select_images(services: Services, model: str, request: Request, share: Share) -> ImageSelection:
    """Fetch the images of a request for a model that reads them; their memory counts in the request's share."""
    if not request.attachments:
        return ImageSelection()
    if not services.catalogue.sections[model].sees:
        return ImageSelection(
            notes=(f"{model} cannot read attachments, so the answer is without {_names(request.attachments)}.",)
        )
    await share.take(LARGEST_IMAGE + LARGEST_SENT * min(MOST_IMAGES, len(request.attachments)))
    sent, images, notes = list[Attachment](), list[Media](), list[str]()
    for attachment in request.attachments:
        image = (
            await _image(services.adapters, request, attachment)
            if len(sent) < MOST_IMAGES
            else f"I can read at most {MOST_IMAGES} images of a question."
        )
        if isinstance(image, Media):
            sent.append(attachment)
            images.append(image)
        else:
            notes.append(f"I cannot read {_names([attachment])}. {image}")
    share.keep(sum(len(image.content) for image in images))
    return ImageSelection(tuple(sent), tuple(images), tuple(notes))


async def _image(adapters: Mapping[str, Adapter], request: Request, attachment: Attachment) -> Media | str:
    """Return the image, or a sentence about the reason why there is none."""
    if not attachment.media_type.startswith("image/"):
        return "I can only read images."
    try:
        content = await adapters[request.place.platform].fetch(request, attachment, LARGEST_IMAGE)
        if picture_kind(content) and len(content) > LARGEST_SENT:
            content = await fitted(content, LONGEST_SIDE, LARGEST_SENT)
    except (PlatformError, UserError) as error:
        return error.message
    kind = picture_kind(content)
    return Media(kind, content) if kind else "Use a PNG, JPEG, GIF or WebP image."


def _names(attachments: Sequence[Attachment]) -> str:
    return ", ".join(f"“{attachment.name}”" for attachment in attachments)
