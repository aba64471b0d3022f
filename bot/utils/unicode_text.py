"""Repair of texts that UTF-8 cannot hold: two halves of a surrogate pair are joined, a single half is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

T = TypeVar("T")


def well_formed(value: T) -> T:
    """Return the value with every text in it repaired, at any depth of tuples, mappings and dataclasses.

    Tuples, dataclasses and texts that need no repair are returned themselves, not copied.
    """
    return cast("T", _clean(value))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        items = tuple(map(_clean, value))
        return items if any(clean is not item for clean, item in zip(items, value, strict=True)) else value
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        before = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: clean for name, item in before.items() if (clean := _clean(item)) is not item}
        return replace(value, **changed) if changed else value
    return value


def _text(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
