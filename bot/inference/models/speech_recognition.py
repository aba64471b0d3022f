"""Speech recognition by Whisper: long sound is heard in windows, each beginning where the last one ended."""

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
from bot.interfaces.jobs import TimedText, Transcribe, TranscribedText
from bot.utils import languages


@dataclass(slots=True)
class _Recording:
    """One file on its way: what was read of it and is not heard yet begins at `at` seconds."""

    sound: AudioReader
    samples: Samples
    language: str = ""
    at: float = 0.0
    segments: list[TimedText] = field(default_factory=list)


class SpeechRecognizer(LoadedModel):
    """Writes what it hears window by window; several recordings take turns."""

    auto = "AutoModelForSpeechSeq2Seq"
    unit = "seconds of sound"
    capacity = 8

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: ModelSource) -> str:
        """Whisper alone: others cut time in their own ways."""
        if config.model_type != "whisper":
            raise InferenceError(
                "unsupported", f"Speech is recognised by Whisper models, not by {config.model_type} ones."
            )
        return cls.auto

    def open(self) -> None:
        """AudioReader to features, tokens to text."""
        self._processor = AutoProcessor.from_pretrained(self.folder, **SAFE)
        self.tokenizer = self._processor.tokenizer
        self._rate: int = self._processor.feature_extractor.sampling_rate
        self._seconds: float = self._processor.feature_extractor.chunk_length
        self._recordings: dict[int, _Recording] = {}

    def step(self, works: Sequence[Work]) -> int:
        """Hear one window of each, so that a long recording holds up nobody."""
        self.made = 0
        for work in works:
            with work.failing_alone(), self.at_work():
                self._turn(work)
        going = {work.number for work in works if not work.ended}
        self._recordings = {number: kept for number, kept in self._recordings.items() if number in going}
        return self.made

    def _turn(self, work: Work) -> None:
        job = work.job
        assert isinstance(job, Transcribe)
        recording = self._recordings.get(work.number)
        if recording is None:
            sound = AudioReader(job.data, self._rate)
            recording = self._recordings[work.number] = _Recording(sound, sound.read(self._window + 1))
            recording.language = self._language(job, torch.from_numpy(recording.samples))
        if not work.stop.is_set() and len(recording.samples):
            self._listen(work, recording)
        if work.stop.is_set() or not len(recording.samples):
            segments, heard = recording.segments, round(recording.sound.seconds, 2)
            text = " ".join(segment.text for segment in segments if segment.text)
            work.end(TranscribedText(text, tuple(segments) if job.timestamps else (), heard, recording.language))

    @property
    def _window(self) -> int:
        """In samples."""
        return int(self._seconds * self._rate)

    def _listen(self, work: Work, recording: _Recording) -> None:
        """Hear a window; the next one begins where the last sentence of this one ended."""
        last, at = len(recording.samples) <= self._window, recording.at
        if at:
            stated = recording.sound.stated
            work.tell(f"Heard {min(at / stated, 1):.0%} of it" if stated else f"Heard {at:.0f} seconds of it")
        heard = self._hear(work, torch.from_numpy(recording.samples), recording.language)
        # The last segment may be cut off by the window's end: the next window begins with it.
        whole = heard if last or len(heard) < 2 else heard[:-1]
        for start, end, text in whole:
            begin, finish = (round(min(at + moment, recording.sound.seconds), 2) for moment in (start, end))
            recording.segments.append(TimedText(begin, finish, text.strip()))
            work.write(text if len(recording.segments) > 1 else text.lstrip())
        step = self._seconds if last or len(heard) < 2 or whole[-1][1] <= 0 else whole[-1][1]
        done = min(int(step * self._rate), len(recording.samples))
        self.made += round(done / self._rate)
        recording.at += done / self._rate
        rest = recording.samples[done:]
        recording.samples = np.concatenate((rest, recording.sound.read(self._window + 1 - len(rest))))

    def _hear(self, work: Work, samples: torch.Tensor, language: str) -> list[tuple[float, float, str]]:
        """What is said in one window, with its times."""
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
        moved: torch.Tensor = features.to(self.device, self.network.dtype)
        return moved

    def _language(self, job: Transcribe, samples: torch.Tensor) -> str:
        known: dict[str, int] = getattr(self.network.generation_config, "lang_to_id", None) or {}
        if not known:
            return ""
        names = sorted(name.strip("<|>") for name in known)
        if job.language:
            if found := languages.nearest(job.language, names):
                return found
            asked, all_of_them = languages.name(job.language), ", ".join(map(languages.name, names))
            raise InferenceError(
                "unsupported", f"This model does not know the language {asked!r}. It knows: {all_of_them}."
            )
        heard = int(self.network.detect_language(self._features(samples))[0])
        return next(name.strip("<|>") for name, number in known.items() if number == heard)
