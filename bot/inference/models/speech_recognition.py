"""Speech recognition by Whisper: a long recording is read in windows, each from the last sentence's end on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import AutoProcessor, PreTrainedConfig

from bot.inference.audio import AudioReader, Samples
from bot.inference.errors import InferenceError
from bot.inference.models.base import SAFE, LoadedModel, stopping
from bot.inference.protocol import ModelSource
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Segment, Transcribe, Transcript
from bot.utils import languages


@dataclass(slots=True)
class _Recording:
    """A recording in progress: `samples` are the next ones to transcribe, and begin at `start` seconds."""

    sound: AudioReader
    samples: Samples
    language: str = ""
    start: float = 0.0
    segments: list[Segment] = field(default_factory=list)


class SpeechRecognizer(LoadedModel):
    """A model that transcribes recordings window by window; several recordings take turns."""

    auto = "AutoModelForSpeechSeq2Seq"
    unit = "seconds of sound"
    capacity = 8

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: ModelSource) -> str:
        """Return the Auto class of Whisper. Raises InferenceError for others, which report times differently."""
        if config.model_type != "whisper":
            raise InferenceError(
                "unsupported", f"Speech is recognised by Whisper models, not by {config.model_type} ones."
            )
        return cls.auto

    def open(self) -> None:
        """Load the processor, and read its rate of samples and length of a window."""
        self._processor = AutoProcessor.from_pretrained(self.folder, **SAFE)
        self.tokenizer = self._processor.tokenizer
        self._rate: int = self._processor.feature_extractor.sampling_rate
        self._seconds: float = self._processor.feature_extractor.chunk_length
        self._recordings: dict[int, _Recording] = {}

    def step(self, works: Sequence[Work]) -> int:
        """Transcribe one window of each recording, so that a long one delays nobody. Return the seconds of sound."""
        self.produced = 0
        for work in works:
            with work.isolated(), self.computation():
                self._continue(work)
        running = {work.number for work in works if not work.ended}
        self._recordings = {number: item for number, item in self._recordings.items() if number in running}
        return self.produced

    def _continue(self, work: Work) -> None:
        """Transcribe the next window, and end the work after the last one or once it is stopped."""
        job = work.job
        assert isinstance(job, Transcribe)
        recording = self._recordings.get(work.number)
        if recording is None:
            sound = AudioReader(job.data, self._rate)
            recording = self._recordings[work.number] = _Recording(sound, sound.read(self._window + 1))
            recording.language = self._language(job, torch.from_numpy(recording.samples))
        if not work.stop.is_set() and len(recording.samples):
            self._transcribe_window(work, recording)
        if work.stop.is_set() or not len(recording.samples):
            segments, seconds = recording.segments, round(recording.sound.seconds, 2)
            text = " ".join(segment.text for segment in segments if segment.text)
            work.end(Transcript(text, tuple(segments) if job.timestamps else (), seconds, recording.language))

    @property
    def _window(self) -> int:
        """Return the number of samples in a window."""
        return int(self._seconds * self._rate)

    def _transcribe_window(self, work: Work, recording: _Recording) -> None:
        """Write the text of a window, and move on to the end of its last whole sentence."""
        last, offset = len(recording.samples) <= self._window, recording.start
        if offset:
            stated = recording.sound.stated
            work.report(
                f"Transcribed {min(offset / stated, 1):.0%}" if stated else f"Transcribed {offset:.0f} seconds so far"
            )
        found = self._transcribe(work, torch.from_numpy(recording.samples), recording.language)
        # the window's end may cut off the last segment: the next window begins with it
        whole = found if last or len(found) < 2 else found[:-1]
        for start, end, text in whole:
            begin, finish = (round(min(offset + moment, recording.sound.seconds), 2) for moment in (start, end))
            recording.segments.append(Segment(begin, finish, text.strip()))
            work.write(text if len(recording.segments) > 1 else text.lstrip())
        step = self._seconds if last or len(found) < 2 or whole[-1][1] <= 0 else whole[-1][1]
        done = min(int(step * self._rate), len(recording.samples))
        self.produced += round(done / self._rate)
        recording.start += done / self._rate
        rest = recording.samples[done:]
        recording.samples = np.concatenate((rest, recording.sound.read(self._window + 1 - len(rest))))

    def _transcribe(self, work: Work, samples: torch.Tensor, language: str) -> list[tuple[float, float, str]]:
        """Return the segments of one window: start and end in seconds from its beginning, and text."""
        job = work.job
        assert isinstance(job, Transcribe)
        ids = self.network.generate(
            self._features(samples),
            return_timestamps=True,
            stopping_criteria=stopping(work.stop),
            **({"language": language, "task": "translate" if job.into_english else "transcribe"} if language else {}),
        )[0]
        decoded = self.tokenizer.decode(ids, skip_special_tokens=True, output_offsets=True)
        offsets = [(*part["timestamp"], part["text"]) for part in decoded["offsets"]]
        spoken = [(start, self._seconds if end is None else end, text) for start, end, text in offsets if text.strip()]
        return spoken or ([(0.0, self._seconds, decoded["text"])] if decoded["text"].strip() else [])

    def _features(self, samples: torch.Tensor) -> torch.Tensor:
        window = samples[: int(self._seconds * self._rate)].numpy()
        features = self._processor(window, sampling_rate=self._rate, return_tensors="pt").input_features
        on_device: torch.Tensor = features.to(self.device, self.network.dtype)
        return on_device

    def _language(self, job: Transcribe, samples: torch.Tensor) -> str:
        """Return Whisper's code of the requested language, or of the recognised one; "" for a model of one language.

        Raises InferenceError for a language that the model does not know.
        """
        known: dict[str, int] = getattr(self.network.generation_config, "lang_to_id", None) or {}
        if not known:
            return ""
        names = sorted(name.strip("<|>") for name in known)
        if job.language:
            if code := languages.nearest(job.language, names):
                return code
            requested, supported = languages.name(job.language), ", ".join(map(languages.name, names))
            raise InferenceError(
                "unsupported", f"This model does not know the language {requested!r}. It knows: {supported}."
            )
        token = int(self.network.detect_language(self._features(samples))[0])
        return next(name.strip("<|>") for name, number in known.items() if number == token)
