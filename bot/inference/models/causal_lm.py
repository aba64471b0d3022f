"""Causal language models. Several texts are generated in one batch; texts join and leave it between two tokens."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import torch
from transformers.cache_utils import DynamicCache

from bot.inference import kv_cache, templates
from bot.inference.detokenizer import Detokeniser
from bot.inference.errors import InferenceError
from bot.inference.models.base import LoadedModel, cut
from bot.inference.prefix_cache import PrefixCache
from bot.inference.sampling import Sampler
from bot.inference.scheduler import Work
from bot.interfaces.jobs import Complete, Count, Counted, FinishReason, Job, JobAnswer, Tokens, WriteAnswer, Written

_CHUNK = 256
"""Tokens of a prompt that are computed at a time. Between two chunks the other texts get their next token."""

_PREFIX_CACHE_BYTES = 256_000_000
"""Size of the prefix cache, unless a quarter of the weights is more."""


class _Generation:
    """One text of a batch. The network has computed `ids` up to `read`; `most` limits the new tokens."""

    def __init__(self, work: Work, ids: list[int], most: int, sampler: Sampler, detokeniser: Detokeniser) -> None:
        self.work = work
        self.ids = ids
        self.prompt = len(ids)
        self.read = 0
        self.sampler = sampler
        self.cache: DynamicCache | None = None
        self._most = most
        self._detokeniser = detokeniser

    @property
    def written(self) -> int:
        """Return the number of generated tokens."""
        return len(self.ids) - self.prompt

    def append(self, logits: torch.Tensor, ends: Sequence[int]) -> None:
        """Choose the next token and write its text. The work ends with a token of `ends` or at the longest length."""
        token = self.sampler.choose(self.ids, logits)
        self.ids.append(token)
        if token in ends:
            self.end("complete")
            return
        self.work.write(self._detokeniser.push(token))
        if self.written >= self._most:
            self.end("length")

    def end(self, reason: FinishReason) -> None:
        """Write the rest of the text and end the work."""
        self.work.write(self._detokeniser.finish())
        self.work.end(Written(reason, self.prompt, self.written))


class CausalLM(LoadedModel):
    """A causal language model."""

    auto = "AutoModelForCausalLM"
    unit = "tokens"

    def prepare(self) -> None:
        """Read the end tokens, and create the empty batch and the prefix cache."""
        config = self.network.generation_config
        stated = config.eos_token_id
        ends = [*(stated if isinstance(stated, list) else [stated]), self.tokenizer.eos_token_id]
        self._ends = sorted({end for end in ends if end is not None})
        self._parameters = inspect.signature(self.network.forward).parameters
        self._prefixes = PrefixCache(self.source.at_once, max(_PREFIX_CACHE_BYTES, self.bytes // 4))
        self._texts: dict[int, _Generation] = {}
        self._batch: list[_Generation] = []  # the texts that share `_cache`, in its order
        self._cache: DynamicCache | None = None
        self.capacity = self.source.at_once
        self.tools = templates.supports_tools(self.tokenizer)

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """Count a prompt's tokens, or split a text into tokens."""
        if isinstance(job, Tokens):
            return cut(self.tokenizer, job.text, job.most, self.context)
        assert isinstance(job, Count)
        return Counted(len(self._encode(job.messages)), self.context)

    def step(self, works: Sequence[Work]) -> int:
        """Generate a token for every text, then compute a chunk of the oldest unfinished prompt.

        Returns the number of generated tokens.
        """
        for work in works:
            if work.stop.is_set():
                self._stop(work)
            elif work.number not in self._texts:
                with work.isolated():
                    self._texts[work.number] = self._begin(work)
        self._drop_ended()
        try:
            count = self._write()
            reading = next((text for text in self._texts.values() if text.read < text.prompt), None)
            if reading:
                with reading.work.isolated():
                    self._read(reading)
        except BaseException:
            # the cache may be half changed: the scheduler fails all works, and the next step begins without it
            self._texts, self._batch, self._cache = {}, [], None
            raise
        self._drop_ended()
        return count

    def _stop(self, work: Work) -> None:
        if text := self._texts.get(work.number):
            text.end("stopped")
        else:
            work.end(Written("stopped"))

    def _begin(self, work: Work) -> _Generation:
        job = work.job
        assert isinstance(job, WriteAnswer | Complete)
        ids = self._encode(job.messages) if isinstance(job, WriteAnswer) else self._ids(job.text, special=True)
        room = self.context - len(ids)
        if room < 1:
            noun = "conversation" if isinstance(job, WriteAnswer) else "text"
            raise InferenceError(
                "context-too-long", f"The {noun} has {len(ids)} tokens; this model can read {self.context}."
            )
        if not ids:
            raise InferenceError("failed", "There is no text to continue. Send some.")
        sampler = Sampler(self.network.generation_config, job.temperature)
        text = _Generation(work, ids, min(job.max_tokens or room, room), sampler, Detokeniser(self._decode))
        text.cache = self._prefixes.take(ids)
        text.read = kv_cache.length(text.cache) if text.cache is not None else 0
        return text

    def _read(self, text: _Generation) -> None:
        """Compute the next chunk of a prompt. After the last one the text joins the batch and gets its first token."""
        chunk = text.ids[text.read : text.read + _CHUNK]
        if text.cache is None:
            text.cache = self._new_cache()
        whole = torch.ones(1, text.read + len(chunk), dtype=torch.long)
        positions = torch.arange(text.read, text.read + len(chunk))[None]
        logits = self._compute(torch.tensor([chunk]), whole, positions, text.cache)
        text.read += len(chunk)
        if text.read < text.prompt:
            return
        if kv_cache.mergeable(text.cache):
            self._cache = kv_cache.joined(self._cache, text.cache)
            text.cache = None
            self._batch.append(text)
        text.append(logits[0], self._ends)

    def _write(self) -> int:
        """Generate a token for every text with a complete prompt, and return the number of these texts.

        A text with a cache of its own, one that cannot be merged, is computed alone.
        """
        single = [text for text in self._texts.values() if text.cache is not None and text.read >= text.prompt]
        for text in single:
            with text.work.isolated():
                self._advance([text], text.cache)
        if self._batch:
            self._advance(self._batch, self._cache)
        return len(single) + len(self._batch)

    def _advance(self, texts: Sequence[_Generation], cache: DynamicCache) -> None:
        longest = max(text.read for text in texts)
        lengths = torch.tensor([[text.read] for text in texts])
        present = torch.arange(longest) >= longest - lengths  # False for the padding before shorter texts
        mask = torch.cat([present, torch.ones(len(texts), 1, dtype=torch.bool)], dim=1).long()
        latest = torch.tensor([[text.ids[-1]] for text in texts])
        logits = self._compute(latest, mask, lengths, cache)
        for text, scores in zip(texts, logits, strict=True):
            text.read += 1
            with text.work.isolated():
                text.append(scores, self._ends)

    def _compute(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        """Return the logits of each text's next token, of shape (texts, vocabulary)."""
        optional = {"position_ids": positions.to(self.device), "logits_to_keep": 1}
        with self.computation():
            out = self.network(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                past_key_values=cache,
                use_cache=True,
                **{name: value for name, value in optional.items() if name in self._parameters},
            )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _new_cache(self) -> DynamicCache:
        """Return an empty cache; one that can be merged for a network of only attention layers.

        Such a network applies sliding windows by its mask, so the plain cache is right for it.
        """
        config = self.network.config.get_text_config()
        kinds = set(getattr(config, "layer_types", None) or ())
        attention = kinds <= {"full_attention", "sliding_attention", "chunked_attention"}
        return DynamicCache() if attention else DynamicCache(config=config)

    def _drop_ended(self) -> None:
        """Drop the ended texts, and keep their states for the conversations' next questions."""
        self._texts = {number: text for number, text in self._texts.items() if not text.work.ended}
        staying = [index for index, text in enumerate(self._batch) if not text.work.ended]
        if len(staying) == len(self._batch):
            return
        for index, text in enumerate(self._batch):
            if text.work.ended:
                self._prefixes.keep(text.ids, kv_cache.extracted(self._cache, index, text.read))
        self._batch = [self._batch[index] for index in staying]
        if staying:
            kv_cache.keep(self._cache, staying, max(text.read for text in self._batch))
        else:
            self._cache = None

    def _encode(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """Return the prompt's token ids, in the chat template's format. Raises InferenceError."""
        defused = [(role, self.defused(text)) for role, text in messages]
        return self._ids(templates.render(self.tokenizer, defused), special=False)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
