"""Embeddings of sentences, by models with or without the files of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedConfig

from bot.inference.errors import InferenceError
from bot.inference.models.encoder import Encoder, Row, by_text, pooled
from bot.interfaces.jobs import Embed, Job, JobAnswer, Vectors


class SentenceEmbedder(Encoder):
    """A model of sentence embeddings. Pooling follows its modules.json; the default is the mean, normalised."""

    auto = "AutoModel"
    may_lack = ("pooler", "encoder.pooler", "bert.pooler")

    def prepare(self) -> None:
        """Read the files of sentence-transformers. Raises InferenceError for a module that is not supported."""
        super().prepare()
        modules = [module["type"].rpartition(".")[2] for module in _json(self.folder / "modules.json", [])]
        unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
        if unknown:
            message = f"This model needs modules that are not supported: {', '.join(sorted(unknown))}."
            raise InferenceError("unsupported", message)
        self._normalise = "Normalize" in modules or not modules
        self._pooling = _pooling(self.folder)
        stated = _json(self.folder / "sentence_bert_config.json", {}).get("max_seq_length")
        self.context = min(filter(None, (stated, self.context)), default=0)
        prompts = _json(self.folder / "config_sentence_transformers.json", {})
        self._prompt: str = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name"), "")

    def rows(self, job: Job[JobAnswer]) -> list[Row]:
        """Return the windows of each text, after the prompt. Raises InferenceError."""
        assert isinstance(job, Embed)
        prompt = job.prompt or self._prompt
        return [row for number, text in enumerate(job.texts) for row in self.windows(text, number, prompt)]

    def compute(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return each window's vector, pooled from its tokens."""
        states = self.network(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"][..., None].float()
        if self._pooling == "cls":
            vectors = states[:, 0]
        elif self._pooling == "max":
            vectors = states.masked_fill(mask == 0, float("-inf")).amax(1)
        elif self._pooling == "lasttoken":
            vectors = states[torch.arange(len(states)), inputs["attention_mask"].sum(1) - 1]
        else:
            vectors = (states * mask).sum(1) / mask.sum(1)
        on_processor: torch.Tensor = vectors.cpu()
        return on_processor

    def answer(self, job: Job[JobAnswer], rows: Sequence[Row]) -> JobAnswer:
        """Return a vector for each text: the mean of its windows."""
        if not rows:
            return Vectors(0, b"")
        texts = by_text(rows)
        vectors = torch.stack([pooled(torch.stack([row.result for row in text]), text) for text in texts])
        if self._normalise:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return Vectors(vectors.shape[1], vectors.contiguous().numpy().tobytes())


def _pooling(folder: Path) -> str:
    """Return the pooling mode: "mean", "cls", "max" or "lasttoken". Raises InferenceError for any other.

    Its file has the mode as a text or, in the older format, as a flag for each mode.
    """
    stated = _json(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean"})
    modes = [stated["pooling_mode"]] if isinstance(stated.get("pooling_mode"), str) else []
    names = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "lasttoken": "lasttoken"}
    modes += [names.get(key[13:], key[13:]) for key, chosen in stated.items() if key[:13] == "pooling_mode_" and chosen]
    if len(modes) != 1 or modes[0] not in names.values():
        raise InferenceError(
            "unsupported", f"This model needs a pooling mode that is not supported: {', '.join(modes)}."
        )
    mode: str = modes[0]
    return mode


def _json(path: Path, absent: object) -> PreTrainedConfig:
    """Return a file's JSON, `absent` without the file. The type is a stand-in for Any: transformers is not typed."""
    return json.loads(path.read_text()) if path.exists() else absent
