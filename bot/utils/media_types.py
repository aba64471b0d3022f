"""What a file is by its first bytes: a name's ending and a declared type may be wrong."""

from __future__ import annotations

from collections.abc import Mapping

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""How the kinds of pictures begin that models read; WebP's mark is in its middle."""

SOUNDS: Mapping[bytes, str] = {
    b"RIFF": "audio/wav",
    b"OggS": "audio/ogg",
    b"fLaC": "audio/flac",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"\xff\xf3": "audio/mpeg",
    b"\xff\xf1": "audio/aac",
    b"\x1aE\xdf\xa3": "audio/webm",
}
"""How the kinds of sounds begin; MP4's mark comes after its length."""

OPENED = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""What Pillow is allowed to open, in its words; for others it may start a program."""

MOST_PIXELS = 50_000_000
"""A picture that has more is refused before it is unpacked: a small file can hold one that fills the memory."""

ENDINGS: Mapping[str, str] = {"audio/mpeg": "mp3", "audio/mp4": "m4a"}


def picture_kind(content: bytes) -> str:
    """A picture's media type; "" for what is none, or one that models do not read."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in PICTURES.items() if content.startswith(mark)), "")


def sound_kind(content: bytes) -> str:
    """A sound's media type; MP3 for what has no mark, as it may begin anywhere."""
    if content[4:8] == b"ftyp":
        return "audio/mp4"
    return next((kind for mark, kind in SOUNDS.items() if content.startswith(mark)), "audio/mpeg")


def sound_ending(content: bytes) -> str:
    """How the name of a file with this sound ends."""
    kind = sound_kind(content)
    return ENDINGS.get(kind, kind.removeprefix("audio/"))
