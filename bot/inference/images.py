"""Decoding of picture files to pixels, with Pillow."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from bot.inference.errors import InferenceError
from bot.utils.media_types import MOST_PIXELS, OPENED


def opened(data: bytes) -> Image.Image:
    """Return a picture in RGB, rotated by its EXIF orientation. Raises InferenceError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=OPENED)
            if image.width * image.height > MOST_PIXELS:
                raise InferenceError("failed", f"This picture is too large: {image.width:,} × {image.height:,} pixels.")
            return ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError as error:
        raise InferenceError(
            "failed", f"This picture is too large: it has more than {MOST_PIXELS:,} pixels."
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        message = "I can't read this picture. Send it as PNG, JPEG, GIF, WebP, BMP or TIFF."
        raise InferenceError("failed", message) from error
