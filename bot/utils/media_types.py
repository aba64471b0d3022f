"""Media types of files by their first bytes, because a name's ending and a declared type may be wrong."""

from __future__ import annotations

from collections.abc import Mapping

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""First bytes of the picture formats that models read. WebP is missing: its mark begins at the ninth byte."""

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
"""First bytes of the sound formats. MP4 is missing: its mark comes after a length of four bytes."""

OPENED = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""Formats that Pillow is allowed to open, by its names. For some others it starts a program."""

MOST_PIXELS = 50_000_000
"""Most pixels of a picture. The limit is checked before decoding: a small file can decode to a picture of any size."""

ENDINGS: Mapping[str, str] = {"audio/mpeg": "mp3", "audio/mp4": "m4a"}
"""Endings of file names that differ from the media type's second half."""


def picture_kind(content: bytes) -> str:
    """Return a picture's media type; "" for any other file and for formats that models do not read."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in PICTURES.items() if content.startswith(mark)), "")


def sound_kind(content: bytes) -> str:
    """Return a sound's media type; MP3 for unknown first bytes, because an MP3 stream may begin without a mark."""
    if content[4:8] == b"ftyp":
        return "audio/mp4"
    return next((kind for mark, kind in SOUNDS.items() if content.startswith(mark)), "audio/mpeg")


def sound_ending(content: bytes) -> str:
    """Return the ending of a file name for this sound, without a dot."""
    kind = sound_kind(content)
    return ENDINGS.get(kind, kind.removeprefix("audio/"))
