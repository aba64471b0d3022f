"""What is in the files that people attach, by their names."""

from __future__ import annotations

import mimetypes

from tests.fakes.media import PNG


def content_of(name: str) -> bytes:
    """A picture where the name says so; "huge" ones are longer than they say."""
    content = PNG if name.endswith(".png") else b"abc"
    return content + bytes(20 << 20) if name.startswith("huge") else content


def kind_of(name: str) -> str:
    """The media type that platforms tell."""
    return mimetypes.guess_type(name)[0] or "text/plain"
