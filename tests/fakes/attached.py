"""The content and the media types of attached files, by their names."""

from __future__ import annotations

import mimetypes

from tests.fakes.media import PNG


def content_of(name: str) -> bytes:
    """Return a picture for a name that ends in .png, else text; 20 MiB more for a name that begins with "huge"."""
    content = PNG if name.endswith(".png") else b"abc"
    return content + bytes(20 << 20) if name.startswith("huge") else content


def kind_of(name: str) -> str:
    """Return the media type that platforms report."""
    return mimetypes.guess_type(name)[0] or "text/plain"
