"""Picture files to pixels."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from bot.inference.failures import Failure

_MOST_PIXELS = 50_000_000
"""What has more is refused before it is unpacked: a small file can hold a picture that fills the memory."""


def opened(data: bytes) -> Image.Image:
    """A picture, turned as its camera was held. Raises Failure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > _MOST_PIXELS:
                raise Failure("failed", f"This picture is too large: {image.width} × {image.height} pixels.")
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Failure("failed", "This is no picture that can be read.") from error
