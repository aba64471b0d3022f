"""Who may import whom, as drawn in docs/design.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACT = {
    "bot.types",
    "bot.ports",
    "bot.books",
    "bot.traces",
    "bot.errors",
    "bot.section",
    "bot.inference.kinds",
    "bot.network",
    "bot.connector",
}

SDK_HOMES = {
    "discord": "adapters/discord/",
    "slack_bolt": "adapters/slack/",
    "slack_sdk": "adapters/slack/",
    "openai": "bot/backends/openai/",
    "transformers": "bot/inference/",
    "torch": "bot/inference/",
    "huggingface_hub": "bot/hub/",
    "aiosqlite": "storage/",
    "matplotlib": "bot/charts/",
    "prompt_toolkit": "adapters/console",
}
"""Each SDK and the one place that may import it."""

PARSERS = ("PIL", "av")
"""What takes people's files apart: never in the process that holds the tokens."""

PARSING = ("bot/files/pictures.py", "bot/inference/picture.py", "bot/inference/video.py", "bot/inference/sound.py")
PARSING_FOLDER = "bot/inference/models/"
"""The modules that may, which child processes import and no other module does."""


_PARSING_MODULES = tuple(path.removesuffix(".py").rstrip("/").replace("/", ".") for path in (*PARSING, PARSING_FOLDER))
_CHILDREN = ("bot/files/__main__.py", "bot/inference/engine.py")
"""Where child processes import them."""


def own_files() -> list[Path]:
    return sorted(path for folder in ("bot", "adapters", "storage") for path in (ROOT / folder).rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """Every module that the source imports, at whatever depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def mistakes(file: str, source: str) -> list[str]:
    """What `file` imports although it may not."""
    found = []
    for module in imports(source):
        top = module.split(".")[0]
        home = SDK_HOMES.get(top)
        if home and not file.startswith(home):
            found.append(f"{file} imports {module}; only {home} may")
        parses = file in (*PARSING, *_CHILDREN) or file.startswith(PARSING_FOLDER)
        if not parses and (top in PARSERS or any(module.startswith(name) for name in _PARSING_MODULES)):
            found.append(f"{file} imports {module}; only child processes may")
        if top in ("bot", "adapters", "storage") and not _may(file, module):
            found.append(f"{file} imports {module}")
    return found


def _may(file: str, module: str) -> bool:
    folder = file.split("/")[0]
    top = module.split(".")[0]
    if file in {f"{name.replace('.', '/')}.py" for name in CONTRACT}:
        return _within(module, CONTRACT)
    if folder == "bot":
        # only the composition root and the doctor meet the store; adapters are found by name, in config.py
        return top == "bot" or (top == "storage" and file in ("bot/app.py", "bot/doctor.py")) or module == "adapters"
    if _within(module, CONTRACT) or module == "bot":
        return True
    if folder == "storage":
        return top == "storage"
    platform = file.split("/")[1].removesuffix(".py")
    shared = {
        "adapters.drafts",
        "adapters.fetching",
        "adapters.malformed",
        "adapters.pacer",
        "adapters.private",
        "adapters.split",
        "adapters.typed",
    }
    return top == "adapters" and (
        platform in ("drafts", "fetching", "malformed", "pacer", "private", "split", "typed")
        or _within(module, {*shared, f"adapters.{platform}"})
    )


def _within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


@pytest.mark.parametrize("path", own_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_everyone_keeps_to_the_import_rule(path: Path) -> None:
    assert mistakes(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("bot/core.py", "import discord"),
        ("bot/core.py", "from storage.sqlite import open_store"),
        ("bot/core.py", "from adapters.drafts import split"),
        ("bot/types.py", "from bot.core import Core"),
        ("adapters/slack/events.py", "from bot.core import Core"),
        ("adapters/slack/events.py", "def late():\n    from adapters.discord import client"),
        ("storage/sqlite.py", "from adapters.drafts import split"),
        ("bot/backends/local.py", "import torch"),
        ("bot/pictures.py", "def late():\n    from PIL import Image"),
        ("bot/tasks/detect.py", "from bot.files.pictures import boxed"),
        ("bot/inference/client.py", "from bot.inference import sound"),
    ],
)
def test_the_rule_notices(file: str, source: str) -> None:
    assert mistakes(file, source) != []


def test_types_and_errors_need_the_standard_library_alone() -> None:
    import sys

    for name in ("types", "errors"):
        modules = {module.split(".")[0] for module in imports((ROOT / "bot" / f"{name}.py").read_text())}
        assert modules <= set(sys.stdlib_module_names) | {"bot"}


def test_every_type_ignore_has_its_reason() -> None:
    for path in [*own_files(), *sorted((ROOT / "tests").rglob("*.py"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if "# type: ignore" in line and 'type: ignore" in' not in line:
                assert line.count("#") >= 2, f"{path.name}:{number} ignores a type without saying why"
