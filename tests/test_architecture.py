"""The imports keep to the rules of docs/design.md."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture import ROOMS, ROOT, imports, own_files, room

ANYWHERE = {"__version__"}
"""Open to every room."""

EXCEPTIONS = {
    "config.py": {"pydantic"},  # the tables of config.toml
    "connector.py": {"aiohttp", "yarl"},  # the one way in which platforms and models connect
    "network.py": {"httpx2"},  # it knows the folder of each system's authorities
}
"""Libraries beside the standard one that a file of interfaces/ needs."""

SDK_HOMES = {
    "discord": "adapters/discord/",
    "slack_bolt": "adapters/slack/",
    "slack_sdk": "adapters/slack/",
    "openai": "bot/backends/openai/",
    "transformers": "bot/inference/",
    "torch": "bot/inference/",
    "huggingface_hub": "bot/hub/",
    "aiosqlite": "storage/sqlite/",
    "matplotlib": "bot/utils/charts/",
    "prompt_toolkit": "adapters/console/",
}
"""Each SDK and the one place that may import it."""


PARSERS = ("PIL", "av")
"""Libraries that take people's files apart: never in the process that holds the tokens."""

PARSING = (
    "bot/utils/files/pictures.py",
    "bot/inference/images.py",
    "bot/inference/video.py",
    "bot/inference/audio.py",
    "bot/inference/models/",
)
"""The modules and folders that may import parsers; only child processes import them."""

CHILDREN = ("bot/utils/files/__main__.py", "bot/inference/loader.py")
"""The modules by which child processes import them."""


def mistakes(file: str, source: str) -> list[str]:
    """Return the imports of `file` that break a rule."""
    found = []
    for module in imports(source):
        top = module.split(".")[0]
        home = SDK_HOMES.get(top)
        if home and not file.startswith(home):
            found.append(f"{file} imports {module}; only {home} may")
        if top in ("bot", "adapters", "storage") and not _may(file, module):
            found.append(f"{file} imports {module}")
        if (top in PARSERS or f"{module.replace('.', '/')}.py".startswith(PARSING)) and not file.startswith(
            (*PARSING, *CHILDREN)
        ):
            found.append(f"{file} imports {module}; only child processes may")
    return found


def _may(file: str, module: str) -> bool:
    folder, top = file.split("/")[0], module.split(".")[0]
    if folder == "bot":
        # only the composition root meets the database; config.py finds adapters by name
        if top != "bot":
            return (top == "storage" and file == "bot/app.py") or module == "adapters"
        return _downward(room(file), room(module.replace(".", "/")))
    if top == "bot":
        return _within(module, "bot.interfaces") or module == "bot.__version__"
    if folder == "storage":
        return top == "storage" and _same_or_shared(file, module, shared="migrations")
    return top == "adapters" and _same_or_shared(file, module, shared="shared")


def _downward(own: str, wanted: str) -> bool:
    if own == wanted or wanted in ANYWHERE or not wanted:
        return True
    return own in ROOMS and wanted in ROOMS and ROOMS.index(wanted) < ROOMS.index(own)


def _same_or_shared(file: str, module: str, shared: str) -> bool:
    """Return True if a platform or a database imports only its own folder and the shared one."""
    own, parts = file.split("/")[1], module.split(".")
    return len(parts) < 2 or parts[1] in (own, shared)


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", own_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_keep_to_the_rules(path: Path) -> None:
    assert mistakes(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("bot/core/dispatcher.py", "import discord"),
        ("bot/core/dispatcher.py", "from storage.sqlite import open_database"),
        ("bot/core/dispatcher.py", "from adapters.shared.message_split import split"),
        ("bot/interfaces/messages.py", "from bot.core.dispatcher import Dispatcher"),
        ("bot/chat/prompt.py", "from bot.core.dispatcher import Dispatcher"),
        ("bot/utils/formatting.py", "from bot.administration.state import Administration"),
        ("adapters/slack/incoming/events.py", "from bot.core.dispatcher import Dispatcher"),
        ("adapters/slack/incoming/events.py", "def late():\n    from adapters.discord import adapter"),
        ("adapters/shared/paced_draft.py", "from adapters.slack import adapter"),
        ("storage/sqlite/database.py", "from adapters.shared.message_split import split"),
        ("bot/backends/local.py", "import torch"),
        ("bot/chat/images.py", "def late():\n    from PIL import Image"),
        ("bot/tasks/detect.py", "from bot.utils.files.pictures import draw_boxes"),
        ("bot/inference/client.py", "from bot.inference.audio import decoded"),
    ],
)
def test_a_broken_rule_is_noticed(file: str, source: str) -> None:
    assert mistakes(file, source) != []


def test_modules_import_each_other_without_circles() -> None:
    known = {_module(path) for path in own_files()}
    graph = {}
    for path in own_files():
        source = path.read_text(encoding="utf-8")
        graph[_module(path)] = set(_targets(source, known))
    list(TopologicalSorter(graph).static_order())  # raises CycleError with the circle in it


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _targets(source: str, known: set[str]) -> Iterator[str]:
    """Yield the program's modules that the source imports at once; of a package only the parts that it names."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from known.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from known & modules
            if modules - known:
                yield from known & {node.module}


def test_interfaces_need_only_the_standard_library() -> None:
    for path in (ROOT / "bot" / "interfaces").glob("*.py"):
        modules = {module.split(".")[0] for module in imports(path.read_text(encoding="utf-8"))}
        allowed = {"bot"} | EXCEPTIONS.get(path.name, set())
        assert modules <= set(sys.stdlib_module_names) | allowed, path


def test_the_root_of_bot_stays_small() -> None:
    assert len(list((ROOT / "bot").glob("[!_]*.py"))) + 1 <= 8, "with __main__.py; other modules belong into a room"


def test_every_type_ignore_has_its_reason() -> None:
    for path in [*own_files(), *sorted((ROOT / "tests").rglob("*.py"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if "# type: ignore" in line and 'type: ignore" in' not in line:
                assert line.count("#") >= 2, f"{path.name}:{number} ignores a type without saying why"


def test_no_class_name_means_two_things() -> None:
    homes: dict[str, set[str]] = {}
    for path in own_files():
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.ClassDef):
                homes.setdefault(item.name, set()).add(str(path.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
