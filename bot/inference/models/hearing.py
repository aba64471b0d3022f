"""Speech recognition by Whisper: long sound is heard in windows, each beginning where the last one ended."""

from __future__ import annotations

import torch
from transformers import AutoProcessor, PreTrainedConfig

from bot import languages
from bot.inference import sound
from bot.inference.failures import Failure
from bot.inference.kinds import Answer, Segment, Transcribe, Transcript
from bot.inference.lanes import Work
from bot.inference.models.loaded import SAFE, Loaded, stopping
from bot.inference.protocol import Source


class Transcriber(Loaded):
    """Writes what it hears window by window."""

    auto = "AutoModelForSpeechSeq2Seq"
    unit = "seconds of sound"

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: Source) -> str:
        """Whisper alone: others cut time in their own ways."""
        if config.model_type != "whisper":
            raise Failure("unsupported", f"Speech is recognised by Whisper models, not by {config.model_type} ones.")
        return cls.auto

    def open(self) -> None:
        """Sound to features, tokens to text."""
        self._processor = AutoProcessor.from_pretrained(self.folder, **SAFE)
        self.tokenizer = self._processor.tokenizer
        self._rate: int = self._processor.feature_extractor.sampling_rate
        self._seconds: float = self._processor.feature_extractor.chunk_length

    def do(self, work: Work) -> Answer:
        """Listen from beginning to end."""
        job = work.job
        assert isinstance(job, Transcribe)
        samples = torch.from_numpy(sound.decoded(job.data, self._rate))
        language = self._language(job, samples)
        segments: list[Segment] = []
        at, length = 0.0, len(samples) / self._rate
        while at < length and not work.stop.is_set():
            if length > self._seconds:
                work.tell(f"Heard {at / length:.0%} of it")
            heard = self._hear(work, samples[int(at * self._rate) :], language)
            last = length - at <= self._seconds
            # The last segment may be cut off by the window's end: the next window begins with it.
            whole = heard if last or len(heard) < 2 else heard[:-1]
            for start, end, text in whole:
                begin, finish = (round(min(at + moment, length), 2) for moment in (start, end))
                segments.append(Segment(begin, finish, text.strip()))
                work.write(text if len(segments) > 1 else text.lstrip())
            at += self._seconds if last or len(heard) < 2 or whole[-1][1] <= 0 else whole[-1][1]
        self.made = round(length)
        text = " ".join(segment.text for segment in segments if segment.text)
        return Transcript(text, tuple(segments) if job.timestamps else (), round(length, 2), language)

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
            raise Failure("unsupported", f"This model does not know the language {asked!r}. It knows: {all_of_them}.")
        heard = int(self.network.detect_language(self._features(samples))[0])
        return next(name.strip("<|>") for name, number in known.items() if number == heard)
