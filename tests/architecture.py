"""Read the imports of the code, and draw the rooms that they join."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

TOPS = ("bot", "adapters", "storage")
"""The folders of the program itself."""

ROOMS = (
    "interfaces",
    "utils",
    "logs",
    "inference",
    "administration",
    "backends",
    "hub",
    "config",
    "catalogue",
    "services",
    "chat",
    "tasks",
    "commands",
    "core",
    "app",
    "doctor",
    "__main__",
)
"""The rooms of bot/, the lowest first: each imports only from those before it."""


def own_files() -> list[Path]:
    """Return every module of the program."""
    return sorted(path for folder in TOPS for path in (ROOT / folder).rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """Yield every module that the source imports, at any depth; an import from a package also names its parts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from names if node.module in TOPS else (node.module,)


def room(path: str) -> str:
    """Return the room of a file or module path below bot/; "" for bot/ itself."""
    parts = path.removesuffix(".py").split("/")
    return parts[1] if len(parts) > 1 and parts[1] != "__init__" else ""


def node(path: str) -> str:
    """Return the box of a file or module path in the picture, such as `bot/core` or `adapters/slack`; "" for none."""
    top, inner = path.split("/")[0], room(path)
    return f"{top}/{inner}" if top in TOPS and inner and (top != "bot" or inner in ROOMS) else ""


def arrows() -> Mapping[str, set[str]]:
    """Return, for each box, the boxes that its modules import, without those that are reached through another."""
    direct: dict[str, set[str]] = {}
    for path in own_files():
        name = str(path.relative_to(ROOT))
        if box := node(name):
            used = {node(module.replace(".", "/")) for module in imports(path.read_text(encoding="utf-8"))}
            direct.setdefault(box, set()).update(used - {box, ""})
    reached: dict[str, set[str]] = {}
    for box in TopologicalSorter(direct).static_order():
        reached[box] = set().union(*(reached[other] | {other} for other in direct.get(box, ())))
    return {
        box: {other for other in others if not any(other in reached[between] for between in others)}
        for box, others in direct.items()
    }


def picture() -> str:
    """Draw the rooms and their imports as a Mermaid flowchart, the highest first."""
    found = arrows()
    groups: dict[str, list[str]] = {top: [] for top in TOPS}
    for box in found:
        groups[box.split("/")[0]].append(box)
    groups["bot"].sort(key=lambda box: -ROOMS.index(room(box)))
    lines = ["```mermaid", "flowchart TD"]
    for top, group in groups.items():
        lines += [f"  subgraph {top}/", *(f"    {_key(box)}[{room(box)}]" for box in group), "  end"]
    boxes = [box for group in groups.values() for box in group]
    lines += [f"  {_key(box)} --> {_key(other)}" for box in boxes for other in sorted(found[box])]
    return "\n".join((*lines, "```"))


def _key(box: str) -> str:
    return box.replace("/", "_").replace("__main__", "main")
