"""Audio files to samples and back, by FFmpeg's libraries (PyAV): chat platforms send ogg, m4a, webm, mp3 and wav."""

from __future__ import annotations

import io
import wave

import av
import numpy as np
from numpy.typing import NDArray

from bot.inference.failures import Failure

LONGEST_SECONDS = 4 * 3600
"""What is longer is refused: it would fill the memory."""


def decoded(data: bytes, rate: int) -> NDArray[np.float32]:
    """A file's sound, one channel of numbers from -1 to 1, `rate` of them a second. Raises Failure."""
    parts: list[NDArray[np.float32]] = []
    length = 0
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
            if not file.streams.audio:
                raise Failure("failed", "There is no sound in this file: attach one that has.")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            for frame in file.decode(audio=0):
                for part in resampler.resample(frame):
                    parts.append(part.to_ndarray()[0])
                    length += len(parts[-1])
                if length > LONGEST_SECONDS * rate:
                    raise Failure("failed", f"This file is longer than {LONGEST_SECONDS // 3600} hours.")
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except av.FFmpegError as error:
        raise Failure("failed", "This is no audio file that can be read: try it as mp3, wav or ogg.") from error
    if not parts:
        raise Failure("failed", "There is no sound in this file: attach one that has.")
    return np.concatenate(parts).astype(np.float32)


def wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """A WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
