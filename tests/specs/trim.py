"""Trim Discord's OpenAPI document to the parts that the bot uses: `python -m tests.specs.trim openapi.json`.

The whole document is published as discord/discord-api-spec on GitHub (specs/openapi.json, MIT; see discord.LICENSE).
The result has the operations that the fake Discord serves, the schemas of the gateway's objects, and their references.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from tests.fakes.discord import FakeDiscord
from tests.specs.gateway import EVENTS
from tests.specs.openapi import DOCUMENT, Json, as_object, references

METHODS = ("get", "put", "post", "patch", "delete")
UNUSED = frozenset({"description", "headers", "security", "tags"})
FORM = "application/x-www-form-urlencoded"

Routes: TypeAlias = list[tuple[str, re.Pattern[str]]]


def trimmed(document: Json, routes: Routes) -> Json:
    """Return the document with only the operations of these routes."""
    paths: Json = {}
    for template, item in as_object(document["paths"]).items():
        example = re.sub(r"\{\w+\}", "1", template)
        served = [name for name in METHODS if any(r[0] == name.upper() and r[1].fullmatch(example) for r in routes)]
        kept = {key: value for key, value in as_object(item).items() if key in served}
        if kept:
            paths[template] = {
                key: _bare(value) for key, value in as_object(item).items() if key in {*kept, "parameters"}
            }
    components = as_object(document["components"])
    used: dict[str, dict[str, object]] = {"schemas": {}, "responses": {}}
    found = [
        *references(paths),
        *(f"#/components/schemas/{name}" for event in EVENTS.values() for name in event.schemas),
    ]
    while found:
        _, _, kind, name = found.pop().split("/")
        if name not in used[kind]:
            used[kind][name] = _bare(as_object(components[kind])[name])
            found += references(used[kind][name])
    return {"openapi": document["openapi"], "info": document["info"], "paths": paths, "components": used}


def _bare(node: object) -> object:
    """Remove the parts that no check reads: descriptions, headers, forms that the bot does not send."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    names = isinstance(node.get("properties"), dict)
    kept = {key: value for key, value in node.items() if (key not in UNUSED or isinstance(value, bool)) and key != FORM}
    if names:
        kept["properties"] = {name: _bare(value) for name, value in node["properties"].items()}
    return {key: value if key == "properties" else _bare(value) for key, value in kept.items()}


def text(document: Json) -> str:
    """Return one line for each operation and component, for comparison with a newer document."""
    paths, components = as_object(document["paths"]), as_object(document["components"])
    parts = [f'"{key}": {json.dumps(document[key], sort_keys=True)}' for key in ("openapi", "info")]
    parts.append(f'"paths": {_lines(paths)}')
    parts.append(
        '"components": {' + ", ".join(f'"{key}": {_lines(as_object(value))}' for key, value in components.items()) + "}"
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(entries: Mapping[str, object]) -> str:
    compact = (
        f"{json.dumps(key)}:{json.dumps(entries[key], separators=(',', ':'), sort_keys=True)}"
        for key in sorted(entries)
    )
    return "{\n" + ",\n".join(compact) + "\n}"


def main(source: str) -> None:
    """Write the trimmed document beside this file."""
    routes = [(method, pattern) for method, pattern, _ in FakeDiscord().rest.routes]
    DOCUMENT.write_text(text(trimmed(json.loads(Path(source).read_text(encoding="utf-8")), routes)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
