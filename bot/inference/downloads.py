"""Where models from the Hub lie on this machine: a folder each, which has its name only when everything is in it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from bot.inference.bundled import complete


def within(models: Path) -> Path:
    """The shelf, in the folder of all that is kept of models."""
    return models / "hub"


def of(shelf: Path, model: str, revision: str) -> Path:
    """Where a model lies, or will lie."""
    return shelf / f"{model.replace('/', '--')}@{revision[:12]}"


def unfinished(target: Path) -> Path:
    """Where its files are gathered until they are all there."""
    return target.with_name(f"{target.name}.unfinished")


def lock(target: Path) -> Path:
    """The file that is locked while they are gathered."""
    return target.with_name(f"{target.name}.lock")


def ready(target: Path) -> bool:
    """Whether every file is there."""
    return complete(target)


def finish(target: Path) -> None:
    """Give the gathered files their place."""
    draft = unfinished(target)
    written = draft / "complete.json"
    files = [path for path in sorted(draft.rglob("*")) if path.is_file() and path != written]
    sizes = {path.relative_to(draft).as_posix(): path.stat().st_size for path in files}
    written.write_text(json.dumps(sizes))
    descriptor = os.open(written, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    if target.exists():
        shutil.rmtree(target)  # it is not complete, or nobody would have come here
    draft.rename(target)
    lock(target).unlink(missing_ok=True)


def forget(target: Path) -> None:
    """Remove a model's files, and what was gathered of them."""
    for path in (target, unfinished(target)):
        if path.exists():
            shutil.rmtree(path)
    lock(target).unlink(missing_ok=True)


def taken(path: Path) -> int:
    """How many bytes the files below a folder have."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.exists() else 0
