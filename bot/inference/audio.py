"""Conversion of audio files to samples and back, by FFmpeg's libraries (PyAV).

Chat platforms send ogg, m4a, webm, mp3 and wav.
"""

from __future__ import annotations

import io
import wave
from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from bot.inference.errors import InferenceError

Samples = NDArray[np.float32]

LONGEST_SECONDS = 4 * 3600
"""Longest recording that is read in windows."""

LONGEST_WHOLE_SECONDS = 30 * 60
"""Longest recording that is read into memory as a whole."""

_LONGEST_FRAME_SECONDS = 60
"""Longest audio frame. Real ones are far shorter; a file with a very low rate of samples would expand in memory."""

_NO_SOUND = "This file has no sound. Attach a recording or a video with sound."


class AudioReader:
    """Reader of a file's sound in parts: one channel of numbers from -1 to 1, `rate` a second."""

    def __init__(self, data: bytes, rate: int) -> None:
        """Open the file. Raises InferenceError for a file without sound or with a stated length that is too long."""
        self.rate = rate
        self.seconds = 0.0
        """Length of the part that was read, in seconds."""
        self.stated = 0.0
        """Length that the file states, in seconds; 0 if it states none."""
        self._parts = self._decode(data)
        self._buffer: deque[Samples] = deque([next(self._parts, np.zeros(0, np.float32))])
        if not len(self._buffer[0]):
            raise InferenceError("failed", _NO_SOUND)

    def read(self, count: int) -> Samples:
        """Return the next `count` samples, fewer only at the end.

        Raises InferenceError for a damaged file and for a recording longer than LONGEST_SECONDS.
        """
        parts: list[Samples] = []
        while count > 0 and (part := self._buffer.popleft() if self._buffer else next(self._parts, None)) is not None:
            parts.append(part[:count])
            if len(part) > count:
                self._buffer.append(part[count:])
            count -= len(parts[-1])
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        self.seconds += len(samples) / self.rate
        if self.seconds > LONGEST_SECONDS:
            raise _too_long(LONGEST_SECONDS)
        return samples

    def _decode(self, data: bytes) -> Iterator[Samples]:
        try:
            with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
                if not file.streams.audio:
                    raise InferenceError("failed", _NO_SOUND)
                self.stated = file.duration / av.time_base if file.duration else 0.0
                if self.stated > LONGEST_SECONDS:
                    raise _too_long(LONGEST_SECONDS)
                resampler = av.AudioResampler(format="flt", layout="mono", rate=self.rate)
                for frame in file.decode(audio=0):
                    if Fraction(frame.samples, frame.sample_rate or 1) > _LONGEST_FRAME_SECONDS:
                        raise InferenceError("failed", "The sound in this file has too few samples a second.")
                    for part in resampler.resample(frame):
                        yield part.to_ndarray()[0]
                for part in resampler.resample(None):
                    yield part.to_ndarray()[0]
        except av.FFmpegError as error:
            raise InferenceError("failed", "I can't read this audio file. Convert it to mp3, wav or ogg.") from error


def decoded(data: bytes, rate: int) -> Samples:
    """Return all samples of a file. Raises InferenceError, also for more than LONGEST_WHOLE_SECONDS."""
    sound = AudioReader(data, rate)
    if sound.stated > LONGEST_WHOLE_SECONDS:
        raise _too_long(LONGEST_WHOLE_SECONDS)
    samples = sound.read(LONGEST_WHOLE_SECONDS * rate)
    if len(sound.read(1)):
        raise _too_long(LONGEST_WHOLE_SECONDS)
    return samples


def _too_long(most: int) -> InferenceError:
    duration = f"{most // 3600} hours" if most >= 3600 else f"{most // 60} minutes"
    return InferenceError("failed", f"This recording is longer than {duration}. Send a shorter part of it.")


def wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a WAV file of one channel with 16 bits a sample, from samples between -1 and 1."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
