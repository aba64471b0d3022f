"""The base class of loaded models, and helpers for generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import ClassVar

import torch
from transformers import (
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
)

from bot.inference import devices, quantization
from bot.inference.detokenizer import Detokeniser
from bot.inference.errors import InferenceError
from bot.inference.protocol import ModelSource, Ready
from bot.inference.scheduler import Report, Work
from bot.interfaces.jobs import Cut, Job, JobAnswer, Token

SAFE = {"local_files_only": True, "trust_remote_code": False}
"""Options for everything that transformers loads: no download, and no code from a repository."""

_NO_LIMIT = 1_000_000
"""Limits from this number on mean that a tokenizer has none."""


class LoadedModel:
    """A network and its tokenizer or processor. A subclass that runs one job at a time overrides only `do`."""

    auto: ClassVar[str]
    """The Auto class of transformers that loads the network."""

    may_lack: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of weights that the file need not have."""

    capacity: int = 1
    window: float = 0.0
    unit: str = "answers"
    tools: bool = False
    produced: int = 0
    """Amount in `unit` that the current step has produced."""

    def __init__(self, source: ModelSource, folder: Path, network: PreTrainedModel) -> None:
        self.source = source
        self.folder = folder
        self.network = network
        self.device: torch.device = network.device
        self.bytes = _bytes(network)
        self._threads = devices.threads(source)
        self.open()
        self.context = self._context(network.config)
        self.prepare()

    @classmethod
    def auto_class(cls, _config: PreTrainedConfig, _source: ModelSource) -> str:
        """Return the Auto class for this model. Raises InferenceError for an architecture that is not supported."""
        return cls.auto

    def open(self) -> None:
        """Load the tokenizer; subclasses load their processors."""
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self.folder, **SAFE)

    def prepare(self) -> None:
        """Compute values that all jobs share."""

    @property
    def ready(self) -> Ready:
        """Return the model's description."""
        dtype = "int8" if quantization.has_int8(self.network) else str(self.network.dtype).removeprefix("torch.")
        return Ready(self.context, self.tools, self.device.type, dtype, self.bytes)

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """Raise InferenceError: only models that write have quick jobs, and they override this."""
        raise InferenceError("unsupported", "This model does not support that.")

    def step(self, works: Sequence[Work]) -> int:
        """Run one job after the other, each to its end, and return the produced amount."""
        self.produced = 0
        for work in works:
            with work.isolated(), self.computation():
                work.end(self.do(work))
        return self.produced

    def do(self, work: Work) -> JobAnswer:
        """Run a whole job and return its answer. Checks `work.stop` if it is long, and adds to `produced`."""
        raise NotImplementedError

    @contextmanager
    def computation(self) -> Iterator[None]:
        """Set the threads and turn gradients off; every use of the network needs this."""
        torch.set_num_threads(self._threads)  # it holds only for the calling thread
        with torch.inference_mode():
            yield

    def defused(self, text: str) -> str:
        """Return people's text with a zero-width space in every special token, so that it is only text to the model.

        Special tokens separate messages and stand for pictures: in a text they could forge a message.
        """
        for mark in self.tokenizer.all_special_tokens:
            if len(mark) > 1:
                text = text.replace(mark, f"{mark[0]}\u200b{mark[1:]}")
        return text

    def _context(self, config: PreTrainedConfig) -> int:
        """Return the window in tokens, the least of all stated limits; 0 without one."""
        text = config.get_text_config()
        # RoBERTa's kind counts positions from padding_idx + 1 on, so its table has fewer than it seems
        positions = [part for name, part in self.network.named_modules() if name.endswith("position_embeddings")]
        stated = [
            *(part.num_embeddings - part.padding_idx - 1 for part in positions if getattr(part, "padding_idx", None)),
            getattr(text, "max_position_embeddings", None),
            getattr(getattr(self, "tokenizer", None), "model_max_length", None),
            self.source.context,
        ]
        return min((number for number in stated if number and number < _NO_LIMIT), default=0)


def _bytes(network: torch.nn.Module) -> int:
    """Return the bytes of the network's tensors; shared ones, such as tied embeddings, count once."""
    tensors = {tensor.data_ptr(): tensor.nbytes for tensor in (*network.parameters(), *network.buffers())}
    return sum(tensors.values())


def cut(tokenizer: PreTrainedTokenizerBase, text: str, most: int, context: int) -> Cut:
    """Return the number of a text's tokens and the first `most`; offsets are 0 from a tokenizer without them."""
    encoded = tokenizer(text, return_offsets_mapping=tokenizer.is_fast)
    ids = encoded["input_ids"]
    first, offsets = ids[:most], encoded.get("offset_mapping") or [(0, 0)] * len(ids)
    tokens = [
        Token(number, text[start:end] or piece, start, end)
        for number, piece, (start, end) in zip(first, tokenizer.convert_ids_to_tokens(first), offsets, strict=False)
    ]
    return Cut(len(ids), tuple(tokens), context)


class StopOnEvent:
    """Criterion that ends generate() at its next token once `event` is set."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, _scores: torch.Tensor, **_: object) -> torch.Tensor:
        """Return a boolean for each text: True ends it."""
        return torch.full((input_ids.shape[0],), self._event.is_set(), dtype=torch.bool, device=input_ids.device)


class TextStreamer:
    """Streamer for generate(): it gets the prompt, then each token, and passes whole characters to `write`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, write: Report) -> None:
        self._detokeniser = Detokeniser(
            lambda ids: tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
        self._write = write
        self.count = -1  # the first call has the prompt

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt or the next token."""
        self.count += 1
        if self.count:
            self._write(self._detokeniser.push(int(value.item())))

    def end(self) -> None:
        """Write the rest after the last token."""
        self._write(self._detokeniser.finish())


def stopping(event: Event) -> StoppingCriteriaList:
    """Return the criteria that end generate() once `event` is set."""
    return StoppingCriteriaList([StopOnEvent(event)])
