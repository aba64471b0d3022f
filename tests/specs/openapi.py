"""A judge of JSON by an OpenAPI document: the bodies and answers of operations, and objects of its schemas.

It is stricter than the document in one respect: it refuses a field that a schema does not name, because that is often a
misspelt one. It remembers verdicts by shape, so that a check costs microseconds after the first of its shape.
"""

from __future__ import annotations

import copy
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from referencing.jsonschema import DRAFT202012, SchemaRegistry

Json: TypeAlias = dict[str, object]

DOCUMENT: Final = Path(__file__).parent / "discord.json"
HERE: Final = "urn:document"

CONSTRAINTS = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "contentEncoding",
        "default",
        "deprecated",
        "discriminator",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
        "uniqueItems",
        "x-discord-union",
    }
)
"""The keywords that `Shapes` can tell apart; a new one needs code there first."""

BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum")

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).path + urlsplit(value).netloc)


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(1 << 31) <= value < 1 << 31


CHECKS: dict[str, Callable[[str], bool]] = {name: partial(FORMATS.conforms, format=name) for name in FORMATS.checkers}
"""The same checks for the faster validator."""


def as_object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def references(node: object) -> Iterator[str]:
    """Return the components that a part of the document refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def schemas(node: object, *, named: bool = False) -> Iterator[Json]:
    """Yield a schema and every schema within it; with `named`, the value maps names to schemas."""
    if isinstance(node, list):
        for item in node:
            yield from schemas(item)
    elif isinstance(node, dict):
        if not named:
            yield node
        for key, value in node.items():
            if named or key in ("items", "additionalProperties", "oneOf", "anyOf", "allOf", "properties"):
                yield from schemas(value, named=not named and key == "properties")


def closed(schema: object, components: Json) -> None:
    """Change a schema so that it refuses the fields that it does not name."""
    for part in list(schemas(schema)):
        together = part.get("allOf")
        if isinstance(together, list) and part.get("type") == "object":
            del part["allOf"]
            for one in together:
                _merge(part, as_object(components[one["$ref"].rsplit("/", 1)[1]]) if "$ref" in one else one)
        if "properties" in part:
            part.setdefault("additionalProperties", False)


def _merge(into: Json, schema: Json) -> None:
    into["properties"] = {**as_object(into.get("properties")), **as_object(schema.get("properties"))}
    needed = [*_list(into.get("required")), *_list(schema.get("required"))]
    if needed:
        into["required"] = needed


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `body` is the schema of its JSON body, `answers` those of its answers, by status."""

    name: str
    title: str
    body: Json | None
    needs_body: bool
    takes_files: bool
    query: Mapping[str, Json]
    answers: Mapping[str, Json | None]

    def answer(self, status: int) -> str | None:
        """Return the key of the answers for a status."""
        return next((key for key in (str(status), f"{status // 100}XX") if key in self.answers), None)


class Shapes:
    """A memory of verdicts: all values of one shape get the same verdict, because no keyword can tell them apart."""

    def __init__(self, document: object) -> None:
        self.words: set[object] = set()
        self.patterns: list[re.Pattern[str]] = []
        bounds: set[float] = {-(1 << 31), (1 << 31) - 1}
        for part in schemas(document):
            for value in (*_list(part.get("enum")), *([part["const"]] if "const" in part else [])):
                self.words.add(value)
            if isinstance(part.get("pattern"), str):
                self.patterns.append(re.compile(str(part["pattern"])))
            bounds |= {float(value) for key in BOUNDS if isinstance(value := part.get(key), int | float)}
        self.bounds = sorted(bounds)

    def of(self, value: object) -> object:
        if isinstance(value, dict):
            return "{", self._size(len(value)), frozenset((key, self.of(item)) for key, item in value.items())
        if isinstance(value, list):
            each = frozenset(self.of(item) for item in value)
            different = len(each) == len(value) or len({json.dumps(item, sort_keys=True) for item in value}) == len(
                value
            )
            return "[", self._size(len(value)), different, each
        if isinstance(value, bool) or value is None or (isinstance(value, str | int | float) and value in self.words):
            return type(value), value
        if isinstance(value, str):
            matched = tuple(bool(pattern.search(value)) for pattern in self.patterns)
            return "s", self._size(len(value)), matched, FORMATS.conforms(value, "date-time"), _is_like_uri(value)
        if isinstance(value, int | float):
            return type(value), self._size(value), float(value).is_integer()
        raise TypeError(f"JSON has no {type(value).__name__}")

    def _size(self, value: float) -> tuple[int, int]:
        return bisect_left(self.bounds, value), bisect_right(self.bounds, value)


def _is_like_uri(value: str) -> bool:
    return FORMATS.conforms(value, "uri")


class Document:
    """An OpenAPI document that judges; `more` are additional schemas, which may refer to its components."""

    def __init__(self, document: Json, more: Mapping[str, Json]) -> None:
        self.described = frozenset(more)
        self._document = copy.deepcopy(document)
        components = as_object(self._document["components"])
        own = as_object(components["schemas"])
        own.update(copy.deepcopy(dict(more)))
        for schema in own.values():
            closed(schema, own)
        paths = as_object(self._document["paths"])
        self.operations = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))), operation)
            for template in sorted(paths, key=lambda path: path.count("{"))
            for operation in self._operations(template, as_object(paths[template]))
        ]
        self.shapes = Shapes([*own.values(), *(part for _, one in self.operations for part in _own_schemas(one))])
        self._registry = SchemaRegistry().with_resource(HERE, DRAFT202012.create_resource(self._document))
        self._fast_registry = jsonschema_rs.Registry([(HERE, self._document)], draft=jsonschema_rs.Draft202012)
        self._validators: dict[str, tuple[jsonschema_rs.Draft202012Validator, Validator]] = {}
        self._verdicts: dict[tuple[str, object], tuple[str, ...]] = {}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a call; literal parts of a path win over parameters."""
        for pattern, operation in self.operations:
            if operation.name.startswith(f"{method} ") and pattern.fullmatch(path):
                return operation
        return None

    def wrong(self, key: str, schema: Json, value: object) -> Sequence[str]:
        """Yield a value's faults with their paths; `key` names the schema in the memory."""
        shape = key, self.shapes.of(value)
        if shape not in self._verdicts:
            fast, telling = self._validators_of(key, schema)
            errors = () if fast.is_valid(value) else telling.iter_errors(value)  # type: ignore[arg-type]  # any JSON
            self._verdicts[shape] = tuple(sorted({_said(error) for error in errors}))
        return self._verdicts[shape]

    def _validators_of(self, key: str, schema: Json) -> tuple[jsonschema_rs.Draft202012Validator, Validator]:
        """Return two validators of a schema: a fast one for the verdict, and one that explains it."""
        if key not in self._validators:
            here = json.loads(json.dumps(schema).replace('"#/', f'"{HERE}#/'))
            self._validators[key] = (
                jsonschema_rs.Draft202012Validator(
                    here, registry=self._fast_registry, formats=CHECKS, validate_formats=True
                ),
                Draft202012Validator(here, registry=self._registry, format_checker=FORMATS),
            )
        return self._validators[key]

    def _operations(self, template: str, item: Json) -> Iterator[Operation]:
        for method, found in item.items():
            if method == "parameters":
                continue
            one = as_object(found)
            parameters = [
                as_object(parameter) for parameter in (*_list(item.get("parameters")), *_list(one.get("parameters")))
            ]
            request = as_object(one.get("requestBody"))
            content = as_object(request.get("content"))
            body = as_object(content["application/json"])["schema"] if "application/json" in content else None
            yield Operation(
                f"{method.upper()} {template}",
                str(one["operationId"]),
                self._closed(body),
                bool(request.get("required")),
                "multipart/form-data" in content,
                {str(one["name"]): as_object(one["schema"]) for one in parameters if one["in"] == "query"},
                {
                    status: self._closed(self._answered(answer))
                    for status, answer in as_object(one["responses"]).items()
                },
            )

    def _answered(self, answer: object) -> object:
        found = as_object(answer)
        if "$ref" in found:
            _, _, kind, name = str(found["$ref"]).split("/")
            found = as_object(as_object(as_object(self._document["components"])[kind])[name])
        content = as_object(as_object(found.get("content")).get("application/json"))
        return content.get("schema")

    def _closed(self, schema: object) -> Json | None:
        if not isinstance(schema, dict):
            return None
        own = copy.deepcopy(schema)
        closed(own, as_object(as_object(self._document["components"])["schemas"]))
        return own


def _own_schemas(operation: Operation) -> Iterator[Json]:
    every = (operation.body, *operation.answers.values(), *operation.query.values())
    return (schema for schema in every if schema is not None)


def _said(error: ValidationError) -> str:
    """Return the most useful complaint of a union: that of the branch whose `type` agrees, else the deepest."""
    while error.context:
        branches: dict[object, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        agreeing = [branch for branch in branches.values() if not any(_is_of_another_type(inner) for inner in branch)]
        error = max(
            (inner for branch in agreeing or branches.values() for inner in branch), key=lambda e: len(e.absolute_path)
        )
    place = re.sub(r"\[\d+\]", "[]", error.json_path)
    return f"{re.sub(r'[0-9]{6,}', '…', place)}: {error.message[:160]}"


def _is_of_another_type(error: ValidationError) -> bool:
    at_type = list(error.absolute_path)[-1:] == ["type"] and error.validator in ("enum", "const")
    return at_type or (error.validator == "type" and error.validator_value == "null")
