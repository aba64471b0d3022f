"""Speech synthesis by VITS models (among them Meta's MMS, for a thousand languages): one sentence after the other."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedConfig

from bot.inference import audio
from bot.inference.errors import InferenceError
from bot.inference.models.base import LoadedModel
from bot.inference.protocol import ModelSource
from bot.inference.scheduler import Work
from bot.interfaces.jobs import JobAnswer, Sound, Speak

_SENTENCES = re.compile(r"(?<=[.!?…。！？])\s+|\n+")

_PAUSE_SECONDS = 0.25


class TextToSpeech(LoadedModel):
    """Says a text aloud."""

    auto = "AutoModelForTextToWaveform"
    unit = "seconds of sound"

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: ModelSource) -> str:
        """VITS alone: others need a vocoder, or a recording of the voice, that is not in their files."""
        if config.model_type != "vits":
            raise InferenceError("unsupported", f"Speech is made by VITS models, not by {config.model_type} ones.")
        return cls.auto

    def do(self, work: Work) -> JobAnswer:
        """Sentence by sentence, with pauses between them."""
        job = work.job
        assert isinstance(job, Speak)
        config = self.network.config
        voices = max(1, config.num_speakers)
        if job.voice and job.voice not in map(str, range(voices)):
            numbers = f"{voices} voices, by the numbers from 0 to {voices - 1}" if voices > 1 else "one voice"
            raise InferenceError("failed", f"This model has {numbers}; “{job.voice}” is none.")
        rate: int = config.sampling_rate
        pause = np.zeros(int(_PAUSE_SECONDS * rate), dtype=np.float32)
        parts: list[NDArray[np.float32]] = []
        sentences = list(filter(str.strip, _SENTENCES.split(job.text)))
        for number, sentence in enumerate(sentences, 1):
            if work.stop.is_set():
                raise InferenceError("failed", "It was stopped.")
            if len(sentences) > 1:
                work.tell(f"Speaking sentence {number} of {len(sentences)}")
            inputs = self.tokenizer(sentence, return_tensors="pt").to(self.device)
            if inputs["input_ids"].shape[1]:
                voice = {"speaker_id": int(job.voice or 0)} if voices > 1 else {}
                spoken = self.network(**inputs, **voice).waveform[0].float().cpu().numpy()
                parts += [pause, spoken] if parts else [spoken]
        if not parts:
            raise InferenceError("failed", "There is nothing in this text that could be said.")
        samples = np.concatenate(parts)
        self.made = round(len(samples) / rate)
        return Sound(audio.wav(samples, rate), rate, round(len(samples) / rate, 2))
