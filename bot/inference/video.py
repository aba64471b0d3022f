"""Decoding of video files to pictures, by FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import io
from threading import Event

import av
from PIL import Image

from bot.inference.errors import InferenceError
from bot.utils.media_types import MOST_PIXELS

MOST_FRAMES = 100_000
"""Most frames of a video; to decode more would take too long."""

_LONGEST_SIDE = 1_024
"""Longest side of a picture, in pixels; models use far smaller ones."""


def frames(data: bytes, count: int, stop: Event) -> list[Image.Image]:
    """Return `count` pictures at equal distances in a video. Raises InferenceError, also once `stop` is set."""
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            if not file.streams.video:
                raise InferenceError("failed", "This file has no pictures. Send a video.")
            if file.streams.video[0].width * file.streams.video[0].height > MOST_PIXELS:
                raise InferenceError("failed", "The pictures of this video are too large.")
            total = sum(packet.size > 0 for packet in file.demux(video=0))
        if total > MOST_FRAMES:
            raise InferenceError(
                "failed", f"This video is too long: it has {total:,} frames of at most {MOST_FRAMES:,}."
            )
        numbers = [number * (total - 1) // max(count - 1, 1) for number in range(count)]
        pictures: dict[int, Image.Image] = {}
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            for number, frame in enumerate(file.decode(video=0)):
                if stop.is_set():
                    raise InferenceError("failed", "Stopped.")
                if number in numbers and frame.width * frame.height <= MOST_PIXELS:
                    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
                    pictures[number] = picture
    except av.FFmpegError as error:
        raise InferenceError("failed", "I can't read this video. Convert it to mp4.") from error
    if not pictures:
        raise InferenceError("failed", "This file has no pictures. Send a video.")
    # frames that could not be decoded are replaced by their nearest neighbours
    return [pictures[min(pictures, key=lambda other: abs(other - number))] for number in numbers]
