"""Language models: several texts are written side by side, newcomers join between two tokens, the finished leave."""

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
"""So many tokens of a prompt are read at a time; between two chunks the others write on."""

_REMEMBERED = 256_000_000
"""Bytes that what was read of conversations may take, or a quarter of the weights."""


class _Generation:
    """One text in the making: what the network has read of it (`ids` up to `read`), and how it goes on."""

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
        """How many tokens."""
        return len(self.ids) - self.prompt

    def go_on(self, logits: torch.Tensor, ends: Sequence[int]) -> None:
        """Choose the next token and tell what it says; the text may end with it."""
        token = self.sampler.choose(self.ids, logits)
        self.ids.append(token)
        if token in ends:
            self.end("complete")
            return
        self.work.write(self._detokeniser.push(token))
        if self.written >= self._most:
            self.end("length")

    def end(self, reason: FinishReason) -> None:
        """Say what is left to say, and that it is done."""
        self.work.write(self._detokeniser.finish())
        self.work.end(Written(reason, self.prompt, self.written))


class CausalLM(LoadedModel):
    """A causal language model."""

    auto = "AutoModelForCausalLM"
    unit = "tokens"

    def prepare(self) -> None:
        """What is worked out once."""
        config = self.network.generation_config
        stated = config.eos_token_id
        marks = [*(stated if isinstance(stated, list) else [stated]), self.tokenizer.eos_token_id]
        self._ends = sorted({mark for mark in marks if mark is not None})
        self._knows = inspect.signature(self.network.forward).parameters
        self._memories = PrefixCache(self.source.at_once, max(_REMEMBERED, self.bytes // 4))
        self._texts: dict[int, _Generation] = {}
        self._together: list[_Generation] = []
        self._cache: DynamicCache | None = None
        self.capacity = self.source.at_once
        self.tools = templates.tells_of_tools(self.tokenizer)

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """Count or cut."""
        if isinstance(job, Tokens):
            return cut(self.tokenizer, job.text, job.most, self.context)
        assert isinstance(job, Count)
        return Counted(len(self._encode(job.messages)), self.context)

    def step(self, works: Sequence[Work]) -> int:
        """A chunk of the oldest prompt that is not read yet, and a token for all who are beyond that."""
        for work in works:
            if work.stop.is_set():
                self._stop(work)
            elif work.number not in self._texts:
                with work.failing_alone():
                    self._texts[work.number] = self._begin(work)
        self._leave()
        try:
            count = self._write()
            reading = next((text for text in self._texts.values() if text.read < text.prompt), None)
            if reading:
                with reading.work.failing_alone():
                    self._read(reading)
        except BaseException:
            self._texts, self._together, self._cache = {}, [], None
            raise
        self._leave()
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
            what = "conversation" if isinstance(job, WriteAnswer) else "text"
            raise InferenceError(
                "context-too-long", f"The {what} has {len(ids)} tokens; this model can read {self.context}."
            )
        if not ids:
            raise InferenceError("failed", "There is no text to go on from.")
        sampler = Sampler(self.network.generation_config, job.temperature)
        text = _Generation(work, ids, min(job.max_tokens or room, room), sampler, Detokeniser(self._decode))
        text.cache = self._memories.take(ids)
        text.read = kv_cache.length(text.cache) if text.cache is not None else 0
        return text

    def _read(self, text: _Generation) -> None:
        """Read on in the prompt; at its end the text takes its place beside the others."""
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
            self._together.append(text)
        text.go_on(logits[0], self._ends)

    def _write(self) -> int:
        """One more token for every text whose prompt is read; how many those are."""
        alone = [text for text in self._texts.values() if text.cache is not None and text.read >= text.prompt]
        for text in alone:
            with text.work.failing_alone():
                self._advance([text], text.cache)
        if self._together:
            self._advance(self._together, self._cache)
        return len(alone) + len(self._together)

    def _advance(self, texts: Sequence[_Generation], cache: DynamicCache) -> None:
        longest = max(text.read for text in texts)
        lengths = torch.tensor([[text.read] for text in texts])
        known = torch.arange(longest) >= longest - lengths
        mask = torch.cat([known, torch.ones(len(texts), 1, dtype=torch.bool)], dim=1).long()
        latest = torch.tensor([[text.ids[-1]] for text in texts])
        logits = self._compute(latest, mask, lengths, cache)
        for text, scores in zip(texts, logits, strict=True):
            text.read += 1
            with text.work.failing_alone():
                text.go_on(scores, self._ends)

    def _compute(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        """The network's opinion on what follows each text, shaped (texts, vocabulary)."""
        optional = {"position_ids": positions.to(self.device), "logits_to_keep": 1}
        with self.at_work():
            out = self.network(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                past_key_values=cache,
                use_cache=True,
                **{name: value for name, value in optional.items() if name in self._knows},
            )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _new_cache(self) -> DynamicCache:
        """One that can be merged, where the network has attention alone; sliding windows are in its mask."""
        config = self.network.config.get_text_config()
        kinds = set(getattr(config, "layer_types", None) or ())
        attention = kinds <= {"full_attention", "sliding_attention", "chunked_attention"}
        return DynamicCache() if attention else DynamicCache(config=config)

    def _leave(self) -> None:
        """Forget the texts that have ended, but for what the next question may build on."""
        self._texts = {number: text for number, text in self._texts.items() if not text.work.ended}
        staying = [index for index, text in enumerate(self._together) if not text.work.ended]
        if len(staying) == len(self._together):
            return
        for index, text in enumerate(self._together):
            if text.work.ended:
                self._memories.keep(text.ids, kv_cache.taken(self._cache, index, text.read))
        self._together = [self._together[index] for index in staying]
        if staying:
            kv_cache.keep(self._cache, staying, max(text.read for text in self._together))
        else:
            self._cache = None

    def _encode(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """The prompt's token ids, in the model's own format."""
        defused = [(role, self.defused(text)) for role, text in messages]
        return self._ids(templates.render(self.tokenizer, defused), special=False)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
