"""Folders of models from the Hub. A folder gets its final name only when the download is complete."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from bot.inference.bundled import complete


def within(models: Path) -> Path:
    """Return the folder of all downloads, within the folder of all models."""
    return models / "hub"


def of(folder: Path, model: str, revision: str) -> Path:
    """Return the folder of one model, which need not exist, within the folder of all downloads."""
    return folder / f"{model.replace('/', '--')}@{revision[:12]}"


def unfinished(target: Path) -> Path:
    """Return the folder that holds a model's files until the download is complete."""
    return target.with_name(f"{target.name}.unfinished")


def lock(target: Path) -> Path:
    """Return the file that a process locks during the download."""
    return target.with_name(f"{target.name}.lock")


def ready(target: Path) -> bool:
    """Return True for a complete download."""
    return complete(target)


def finish(target: Path) -> None:
    """Write the list of the files' sizes, and give the complete folder its final name."""
    draft = unfinished(target)
    manifest = draft / "complete.json"
    files = [path for path in sorted(draft.rglob("*")) if path.is_file() and path != manifest]
    sizes = {path.relative_to(draft).as_posix(): path.stat().st_size for path in files}
    manifest.write_text(json.dumps(sizes))
    descriptor = os.open(manifest, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    if target.exists():
        shutil.rmtree(target)  # it is not complete: a complete model is not downloaded again
    draft.rename(target)
    lock(target).unlink(missing_ok=True)


def forget(target: Path) -> None:
    """Remove a model's files, also those of an unfinished download."""
    for path in (target, unfinished(target)):
        if path.exists():
            shutil.rmtree(path)
    lock(target).unlink(missing_ok=True)


def taken(path: Path) -> int:
    """Return the bytes of all files below a folder; 0 if it does not exist."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.exists() else 0
