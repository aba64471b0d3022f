"""Run the worked examples of docs/extending.md as they stand, in a copy of the program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import ROOT

GUIDE = ROOT / "docs" / "extending.md"

FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file's path on a line of its own, and its content in the fence after it."""

ENTRY = re.compile(r"^In `([\w./-]+)`, add to `(\w+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A line to be added to a table in an existing file."""

FOLDERS = ("bot", "adapters", "storage", "tests", "docs", "benchmarks")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the program with every file and every entry of the guide."""
    copy = tmp_path_factory.mktemp("shoulders")
    skip = shutil.ignore_patterns("__pycache__", "node_modules", "build")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=skip)
    for path in ("pyproject.toml", "config.toml", "README.md"):
        shutil.copy(ROOT / path, copy / path)
    guide = GUIDE.read_text(encoding="utf-8")
    for path, content in FILE.findall(guide):
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    for path, table, entry in ENTRY.findall(guide):
        source = (copy / path).read_text(encoding="utf-8")
        opening = re.search(rf"^{table}\b[^\n]*?\{{\n", source, re.MULTILINE)
        assert opening, f"{path} has no table {table}"
        changed = source[: opening.end()] + entry + source[opening.end() :]
        (copy / path).write_text(changed, encoding="utf-8")
    return copy


def run(program: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]


def test_the_guide_has_its_examples() -> None:
    paths = [path for path, _ in FILE.findall(GUIDE.read_text(encoding="utf-8"))]
    kinds = ("bot/commands/", "bot/tasks/", "bot/backends/", "adapters/", "storage/")
    assert [kind for kind in kinds if not any(path.startswith(kind) for path in paths)] == []


def test_the_examples_pass_their_tests(program: Path) -> None:
    run(program, "tests.documents")
    added = [path for path, _ in FILE.findall(GUIDE.read_text(encoding="utf-8")) if "/test_" in path]
    every = ["tests/core/test_contracts.py", "tests/test_architecture.py", "tests/test_documents.py"]
    run(program, "pytest", "-p", "no:cacheprovider", "-k", "not local and not openai", *added, *every)


def test_the_examples_keep_the_format(program: Path) -> None:
    paths = [path for path, _ in FILE.findall(GUIDE.read_text(encoding="utf-8"))]
    run(program, "ruff", "check", "--no-cache", *paths)
    run(program, "ruff", "format", "--no-cache", "--check", *paths)
