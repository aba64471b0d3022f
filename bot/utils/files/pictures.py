"""Pictures, by Pillow: drawn on, and made small. Only the process of `python -m bot.utils.files` imports this."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bot.utils.media_types import MOST_PIXELS, OPENED

COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#f032e6")
LONGEST_SIDE = 2_048

QUALITY = 88
SMALLER = 0.7
"""What is still too many bytes is made so much smaller again."""

Options: TypeAlias = Mapping[str, object]
_Box: TypeAlias = tuple[str, float, float, float, float, float]


class Unreadable(Exception):
    """A sentence for people."""


def boxed(data: bytes, options: Options) -> bytes:
    """The picture as PNG with labelled boxes."""
    boxes = cast("Sequence[_Box]", options["boxes"])
    picture = _opened(data)
    wide_then, high_then = cast("tuple[int, int] | None", options["size"]) or picture.size
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    across, down = picture.width / wide_then, picture.height / high_then
    drawing, wide = ImageDraw.Draw(picture), max(2, picture.width // 300)
    font = ImageFont.load_default(max(12, picture.width // 40))
    labels = list(dict.fromkeys(label for label, *_ in boxes))
    for label, score, left, top, right, bottom in reversed(boxes):
        colour = COLOURS[labels.index(label) % len(COLOURS)]
        corner = (left * across, top * down)
        edges = (*corner, max(right * across, corner[0]), max(bottom * down, corner[1]))
        drawing.rectangle(edges, outline=colour, width=wide)
        text = f"{label} {score:.0%}"
        drawing.rectangle(drawing.textbbox(corner, text, font=font), fill=colour)
        drawing.text(corner, text, fill="white", font=font)
    return _written(picture, "PNG")


def fitted(data: bytes, options: Options) -> bytes:
    """The picture as JPEG in so many pixels and bytes."""
    side, most = cast("int", options["side"]), cast("int", options["most"])
    picture = _opened(data)
    while True:
        picture.thumbnail((side, side))
        if len(made := _written(picture, "JPEG")) <= most:
            return made
        side = int(max(picture.size) * SMALLER)


TASKS: Mapping[str, Callable[[bytes, Options], bytes]] = {"boxed": boxed, "fitted": fitted}


def _opened(data: bytes) -> Image.Image:
    """The picture, turned as its camera was held, on white where it is transparent. Raises Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=OPENED) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise Unreadable("The picture is too large.")
                picture = ImageOps.exif_transpose(opened)
                if not picture.has_transparency_data:
                    return picture.convert("RGB")
                seen = picture.convert("RGBA")
                white = Image.new("RGBA", seen.size, "white")
                return Image.alpha_composite(white, seen).convert("RGB")
    except Image.DecompressionBombError:
        raise Unreadable("The picture is too large.") from None
    except (OSError, ValueError, SyntaxError):
        raise Unreadable("The picture cannot be read.") from None


def _written(picture: Image.Image, kind: str) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, quality=QUALITY)
    return written.getvalue()
