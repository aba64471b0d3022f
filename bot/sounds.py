"""Sounds by their bytes: a name's ending and a declared type may be wrong."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[bytes, str] = {
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

ENDINGS: Mapping[str, str] = {"audio/mpeg": "mp3", "audio/mp4": "m4a"}


def kind_of(content: bytes) -> str:
    """A sound's media type; MP3 for what has no mark, as it may begin anywhere."""
    if content[4:8] == b"ftyp":
        return "audio/mp4"
    return next((kind for mark, kind in KINDS.items() if content.startswith(mark)), "audio/mpeg")


def ending(content: bytes) -> str:
    """How the name of a file with this sound ends."""
    kind = kind_of(content)
    return ENDINGS.get(kind, kind.removeprefix("audio/"))
