"""Tasks on pictures, done with Pillow. Only the child process `python -m bot.utils.files` imports this module."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bot.utils.media_types import MOST_PIXELS, OPENED

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6")
"""Colours of the boxes; each label has one."""

LONGEST_SIDE = 2_048
"""Longest side of a picture with boxes, in pixels."""

QUALITY = 88
"""JPEG quality, from 0 to 100."""

SMALLER = 0.7
"""Factor by which a picture's sides shrink in each step, until it has few enough bytes."""

Options: TypeAlias = Mapping[str, object]
_Box: TypeAlias = tuple[str, float, float, float, float, float]


class Unreadable(Exception):
    """The picture cannot be used; the message is a sentence for people."""


def boxed(data: bytes, options: Options) -> bytes:
    """Return the picture as PNG with the labelled boxes of `options`. Raises Unreadable."""
    boxes = cast("Sequence[_Box]", options["boxes"])
    picture = _open(data)
    width, height = cast("tuple[int, int] | None", options["size"]) or picture.size
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    x_scale, y_scale = picture.width / width, picture.height / height
    drawing, line = ImageDraw.Draw(picture), max(2, picture.width // 300)
    font = ImageFont.load_default(max(12, picture.width // 40))
    labels = list(dict.fromkeys(label for label, *_ in boxes))
    for label, score, left, top, right, bottom in reversed(boxes):  # the first box is the likeliest: it comes on top
        colour = COLOURS[labels.index(label) % len(COLOURS)]
        corner = (left * x_scale, top * y_scale)
        # Pillow raises for a box with its right edge left of its left one, or upside down
        edges = (*corner, max(right * x_scale, corner[0]), max(bottom * y_scale, corner[1]))
        drawing.rectangle(edges, outline=colour, width=line)
        text = f"{label} {score:.0%}"
        drawing.rectangle(drawing.textbbox(corner, text, font=font), fill=colour)
        drawing.text(corner, text, fill="white", font=font)
    return _encode(picture, "PNG")


def fitted(data: bytes, options: Options) -> bytes:
    """Return the picture as JPEG within the pixels and bytes of `options`. Raises Unreadable."""
    side, most = cast("int", options["side"]), cast("int", options["most"])
    picture = _open(data)
    while True:
        picture.thumbnail((side, side))
        if len(encoded := _encode(picture, "JPEG")) <= most:
            return encoded
        side = int(max(picture.size) * SMALLER)


TASKS: Mapping[str, Callable[[bytes, Options], bytes]] = {"boxed": boxed, "fitted": fitted}


def _open(data: bytes) -> Image.Image:
    """Return the picture, rotated by its EXIF orientation and with white behind it. Raises Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=OPENED) as file:
                if file.width * file.height > MOST_PIXELS:
                    raise Unreadable("The picture is too large.")
                picture = ImageOps.exif_transpose(file)
                if not picture.has_transparency_data:
                    return picture.convert("RGB")
                transparent = picture.convert("RGBA")
                white = Image.new("RGBA", transparent.size, "white")
                return Image.alpha_composite(white, transparent).convert("RGB")
    except Image.DecompressionBombError:
        raise Unreadable("The picture is too large.") from None
    except (OSError, ValueError, SyntaxError):
        raise Unreadable("The picture cannot be read.") from None


def _encode(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=QUALITY)
    return buffer.getvalue()
