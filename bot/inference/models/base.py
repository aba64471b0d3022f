"""What all loaded models have in common."""

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
from bot.inference.scheduler import Tell, Work
from bot.interfaces.jobs import Cut, Job, JobAnswer, Token

SAFE = {"local_files_only": True, "trust_remote_code": False}
"""How everything is read: nothing is fetched behind our back, and nobody's code runs."""

_NO_LIMIT = 1_000_000
"""Tokenizers say a larger number where they know no limit."""


class LoadedModel:
    """A network with what reads its input. A model that works on one job at a time needs only `do`."""

    auto: ClassVar[str]
    """The Auto class of transformers that it is loaded with."""

    may_lack: ClassVar[tuple[str, ...]] = ()
    """Parts of the network that need not be in the file, by their names' beginnings."""

    capacity: int = 1
    window: float = 0.0
    unit: str = "answers"
    tools: bool = False
    made: int = 0

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
        """The Auto class for this very model. Raises Failure for a kind that is not supported."""
        return cls.auto

    def open(self) -> None:
        """Read what turns input into numbers."""
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self.folder, **SAFE)

    def prepare(self) -> None:
        """Work out what is needed only once."""

    @property
    def ready(self) -> Ready:
        """What there is to know before asking."""
        dtype = "int8" if quantization.has_int8(self.network) else str(self.network.dtype).removeprefix("torch.")
        return Ready(self.context, self.tools, self.device.type, dtype, self.bytes)

    def quick(self, job: Job[JobAnswer]) -> JobAnswer:
        """No skill but writing has quick jobs."""
        raise InferenceError("unsupported", "This model cannot do that.")

    def step(self, works: Sequence[Work]) -> int:
        """One job after the other, each to its end."""
        self.made = 0
        for work in works:
            with work.failing_alone(), self.at_work():
                work.end(self.do(work))
        return self.made

    def do(self, work: Work) -> JobAnswer:
        """The whole of a job; looks at `work.stop` where it takes long, and counts in `made` what `unit` says."""
        raise NotImplementedError

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For every use of the network."""
        torch.set_num_threads(self._threads)  # counts for the calling thread only
        with torch.inference_mode():
            yield

    def defused(self, text: str) -> str:
        """What people write must not pass for the marks that separate messages, or stand for a picture."""
        for mark in self.tokenizer.all_special_tokens:
            if len(mark) > 1:
                text = text.replace(mark, f"{mark[0]}\u200b{mark[1:]}")
        return text

    def _context(self, config: PreTrainedConfig) -> int:
        text = config.get_text_config()
        positions = [part for name, part in self.network.named_modules() if name.endswith("position_embeddings")]
        stated = [
            *(part.num_embeddings - part.padding_idx - 1 for part in positions if getattr(part, "padding_idx", None)),
            getattr(text, "max_position_embeddings", None),
            getattr(getattr(self, "tokenizer", None), "model_max_length", None),
            self.source.context,
        ]
        return min((number for number in stated if number and number < _NO_LIMIT), default=0)


def _bytes(network: torch.nn.Module) -> int:
    tensors = {tensor.data_ptr(): tensor.nbytes for tensor in (*network.parameters(), *network.buffers())}
    return sum(tensors.values())


def cut(tokenizer: PreTrainedTokenizerBase, text: str, most: int, context: int) -> Cut:
    """A text in the tokenizer's pieces, with their places where the tokenizer knows them."""
    encoded = tokenizer(text, return_offsets_mapping=tokenizer.is_fast)
    ids = encoded["input_ids"]
    shown, places = ids[:most], encoded.get("offset_mapping") or [(0, 0)] * len(ids)
    tokens = [
        Token(number, text[start:end] or piece, start, end)
        for number, piece, (start, end) in zip(shown, tokenizer.convert_ids_to_tokens(shown), places, strict=False)
    ]
    return Cut(len(ids), tuple(tokens), context)


class StopOnEvent:
    """Ends generate() at its next token once `event` is set."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, _scores: torch.Tensor, **_: object) -> torch.Tensor:
        """For each text whether it ends here."""
        return torch.full((input_ids.shape[0],), self._event.is_set(), dtype=torch.bool, device=input_ids.device)


class TextStreamer:
    """Takes the prompt, then token after token, from generate(), and writes text as it becomes readable."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, write: Tell) -> None:
        self._detokeniser = Detokeniser(
            lambda ids: tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
        self._write = write
        self.count = -1  # the first call brings the prompt

    def put(self, value: torch.Tensor) -> None:
        """What generate() has."""
        self.count += 1
        if self.count:
            self._write(self._detokeniser.push(int(value.item())))

    def end(self) -> None:
        """No more comes."""
        self._write(self._detokeniser.finish())


def stopping(event: Event) -> StoppingCriteriaList:
    """For generate()."""
    return StoppingCriteriaList([StopOnEvent(event)])
