"""Speech synthesis by VITS models, such as Meta's MMS for a thousand languages; one sentence at a time."""

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
"""The white space between two sentences or lines."""

_PAUSE_SECONDS = 0.25
"""Silence between two sentences."""


class TextToSpeech(LoadedModel):
    """A model that reads a text aloud."""

    auto = "AutoModelForTextToWaveform"
    unit = "seconds of sound"

    @classmethod
    def auto_class(cls, config: PreTrainedConfig, _source: ModelSource) -> str:
        """Return the Auto class of VITS. Raises InferenceError for others: they need a vocoder or a voice besides."""
        if config.model_type != "vits":
            raise InferenceError(
                "unsupported", f"I can speak only with VITS models; this is a {config.model_type} model."
            )
        return cls.auto

    def do(self, work: Work) -> JobAnswer:
        """Return the sound of all sentences, with pauses between them. Raises InferenceError."""
        job = work.job
        assert isinstance(job, Speak)
        config = self.network.config
        voices = max(1, config.num_speakers)
        if job.voice and job.voice not in map(str, range(voices)):
            numbers = f"{voices} voices, by the numbers from 0 to {voices - 1}" if voices > 1 else "one voice"
            raise InferenceError("failed", f"This model has {numbers}; it has no voice “{job.voice}”.")
        rate: int = config.sampling_rate
        pause = np.zeros(int(_PAUSE_SECONDS * rate), dtype=np.float32)
        parts: list[NDArray[np.float32]] = []
        sentences = list(filter(str.strip, _SENTENCES.split(job.text)))
        for number, sentence in enumerate(sentences, 1):
            if work.stop.is_set():
                raise InferenceError("failed", "Stopped.")
            if len(sentences) > 1:
                work.report(f"Speaking sentence {number} of {len(sentences)}")
            inputs = self.tokenizer(sentence, return_tensors="pt").to(self.device)
            if inputs["input_ids"].shape[1]:
                voice = {"speaker_id": int(job.voice or 0)} if voices > 1 else {}
                speech = self.network(**inputs, **voice).waveform[0].float().cpu().numpy()
                parts += [pause, speech] if parts else [speech]
        if not parts:
            raise InferenceError("failed", "This text has nothing that the model can pronounce. Send words.")
        samples = np.concatenate(parts)
        self.produced = round(len(samples) / rate)
        return Sound(audio.wav(samples, rate), rate, round(len(samples) / rate, 2))
