"""Video files to pictures, by FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import io
from threading import Event

import av
from PIL import Image

from bot.inference.errors import InferenceError
from bot.utils.media_types import MOST_PIXELS

MOST_FRAMES = 100_000
"""What has more is refused: it would be decoded for too long."""

_LONGEST_SIDE = 1_024
"""Pixels; models look at far fewer."""


def frames(data: bytes, count: int, stop: Event) -> list[Image.Image]:
    """So many pictures, evenly from a video's beginning to its end. Raises Failure, also once `stop` is set."""
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            if not file.streams.video:
                raise InferenceError("failed", "There are no pictures in this file.")
            if file.streams.video[0].width * file.streams.video[0].height > MOST_PIXELS:
                raise InferenceError("failed", "The pictures of this video are too large.")
            total = sum(packet.size > 0 for packet in file.demux(video=0))
        if total > MOST_FRAMES:
            raise InferenceError("failed", f"This video is too long: {total:,} pictures, and {MOST_FRAMES:,} are read.")
        wanted = [number * (total - 1) // max(count - 1, 1) for number in range(count)]
        found: dict[int, Image.Image] = {}
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            for number, frame in enumerate(file.decode(video=0)):
                if stop.is_set():
                    raise InferenceError("failed", "Stopped.")
                if number in wanted and frame.width * frame.height <= MOST_PIXELS:
                    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
                    found[number] = picture
    except av.FFmpegError as error:
        raise InferenceError("failed", "This is no video that can be read: try it as mp4.") from error
    if not found:
        raise InferenceError("failed", "There are no pictures in this file.")
    return [found[min(found, key=lambda have: abs(have - number))] for number in wanted]
