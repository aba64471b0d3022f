"""What a file is by its first bytes: a name's ending and a declared type may be wrong."""

from __future__ import annotations

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""How the kinds of pictures begin that models read; WebP's mark is in its middle."""


def picture_kind(content: bytes) -> str:
    """A picture's media type; "" for what is none, or one that models do not read."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in PICTURES.items() if content.startswith(mark)), "")
