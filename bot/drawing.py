"""Drawing on pictures. Slow enough to be called in a thread; Pillow is loaded at the first use."""

from __future__ import annotations

import io
from collections.abc import Sequence

from bot.errors import UserError
from bot.inference.kinds import Box
from bot.magic import MOST_PIXELS, OPENED

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6")
LONGEST_SIDE = 2_048


def boxed(data: bytes, boxes: Sequence[Box], size: tuple[int, int] | None = None) -> bytes:
    """The picture as PNG with labelled boxes drawn on it, whose pixels are those of a picture of that size, or its own.

    Raises UserError for what is no picture.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=OPENED) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UserError("The picture is too large.")
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except Image.DecompressionBombError:
        raise UserError("The picture is too large.") from None
    except (OSError, ValueError):
        raise UserError("The picture cannot be read.") from None
    wide_then, high_then = size or picture.size
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    across, down = picture.width / wide_then, picture.height / high_then
    drawing, wide = ImageDraw.Draw(picture), max(2, picture.width // 300)
    font = ImageFont.load_default(max(12, picture.width // 40))
    labels = list(dict.fromkeys(box.label for box in boxes))
    for box in reversed(boxes):
        colour = COLOURS[labels.index(box.label) % len(COLOURS)]
        corner = (box.left * across, box.top * down)
        drawing.rectangle(
            (*corner, max(box.right * across, corner[0]), max(box.bottom * down, corner[1])), outline=colour, width=wide
        )
        text = f"{box.label} {box.score:.0%}"
        drawing.rectangle(drawing.textbbox(corner, text, font=font), fill=colour)
        drawing.text(corner, text, fill="white", font=font)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
