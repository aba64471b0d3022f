"""Audio files to samples and back, by FFmpeg's libraries (PyAV): chat platforms send ogg, m4a, webm, mp3 and wav."""

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
"""What is longer is refused, also where it is heard stretch by stretch."""

LONGEST_WHOLE_SECONDS = 30 * 60
"""What is longer is refused where it must be in the memory as a whole."""

_LONGEST_FRAME_SECONDS = 60
"""One packet of honest sound lasts less: a small file with slower samples would fill the memory at once."""


class AudioReader:
    """A file's sound, read stretch by stretch: one channel of numbers from -1 to 1, `rate` of them a second."""

    def __init__(self, data: bytes, rate: int) -> None:
        """Raises Failure for what is no sound, or says of itself that it is too long."""
        self.rate = rate
        self.seconds = 0.0
        """What was read so far."""
        self.stated = 0.0
        """How long the file says it is, 0 where it does not."""
        self._parts = self._decoded(data)
        self._read: deque[Samples] = deque([next(self._parts, np.zeros(0, np.float32))])
        if not len(self._read[0]):
            raise InferenceError("failed", "There is no sound in this file: attach one that has.")

    def read(self, count: int) -> Samples:
        """So many samples; fewer only at the end. Raises Failure for what cannot be read or is too long."""
        found: list[Samples] = []
        while count > 0 and (part := self._read.popleft() if self._read else next(self._parts, None)) is not None:
            found.append(part[:count])
            if len(part) > count:
                self._read.append(part[count:])
            count -= len(found[-1])
        samples = np.concatenate(found) if found else np.zeros(0, np.float32)
        self.seconds += len(samples) / self.rate
        if self.seconds > LONGEST_SECONDS:
            raise _too_long(LONGEST_SECONDS)
        return samples

    def _decoded(self, data: bytes) -> Iterator[Samples]:
        try:
            with av.open(io.BytesIO(data), "r", metadata_errors="ignore") as file:
                if not file.streams.audio:
                    raise InferenceError("failed", "There is no sound in this file: attach one that has.")
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
            raise InferenceError(
                "failed", "This is no audio file that can be read: try it as mp3, wav or ogg."
            ) from error


def decoded(data: bytes, rate: int) -> Samples:
    """All of a file's sound. Raises Failure, also for more than LONGEST_WHOLE_SECONDS."""
    sound = AudioReader(data, rate)
    if sound.stated > LONGEST_WHOLE_SECONDS:
        raise _too_long(LONGEST_WHOLE_SECONDS)
    samples = sound.read(LONGEST_WHOLE_SECONDS * rate)
    if len(sound.read(1)):
        raise _too_long(LONGEST_WHOLE_SECONDS)
    return samples


def _too_long(most: int) -> InferenceError:
    words = f"{most // 3600} hours" if most >= 3600 else f"{most // 60} minutes"
    return InferenceError("failed", f"This recording is longer than {words}: give a shorter part of it.")


def wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """A WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
