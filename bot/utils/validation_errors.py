"""Sentences for people about a table of config.toml that does not fit its class, in place of pydantic's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Fields: TypeAlias = Mapping[str, FieldInfo]
"""The keys of a table, with their declarations."""

LONGEST_VALUE = 60
"""Characters of a value in a sentence; a longer one is cut."""

ACCEPTED: Mapping[str, str] = {
    "string_type": "It must be text in quotes.",
    "int_type": "It must be a whole number.",
    "float_type": "It must be a number.",
    "bool_type": "It must be true or false.",
    "tuple_type": 'It must be a list, such as ["one", "two"].',
    "dict_type": "It must be a table, such as {{ one = 1 }}.",
    "literal_error": "It must be {expected}.",
    "greater_than": "It must be more than {gt}.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than": "It must be less than {lt}.",
    "less_than_equal": "It must be at most {le}.",
    "string_too_long": "It must have at most {max_length} characters.",
    "invalid-json-value": "It must be text, a number, true or false, a list or a table.",
}
"""pydantic's kinds of errors, each with the accepted values; the names in braces come from the error's context."""

_LOGIN = re.compile(r'(?<=//)[^\s@"]+@|[^\s/@":]+:(?!//)[^\s@"]+@')
"""A name and a password in an address, with or without its scheme."""


def sentence(where: str, mistake: ErrorDetails, fields: Fields) -> str:
    """Return the key, its value and the accepted values; `where` is the file and the table."""
    key, kind = _key(mistake["loc"]), mistake["type"]
    if kind == "missing":
        return f"{where} needs the key {key}."
    if kind == "value_error":  # raised by a check of ours, with a message for people
        return f"{where}{' ' if key else ''}{key}: {mistake['msg'].removeprefix('Value error, ')}."
    return f"{where} {key} is {_in_toml(mistake['input'])}. {_accepted(mistake, fields)}"


def _key(parts: Sequence[int | str]) -> str:
    """Return a key as people count: "can, entry 2", or "extra.a"."""
    words = (f", entry {part + 1}" if isinstance(part, int) else f".{part}" for part in parts)
    return "".join(words).removeprefix(".")


def _accepted(mistake: ErrorDetails, fields: Fields) -> str:
    kind = mistake["type"]
    if kind == "string_pattern_mismatch":
        examples = fields[str(mistake["loc"][0])].examples or ()
        return f"It must look like {' or '.join(map(str, examples))}." if examples else "It has the wrong form."
    context = {name: _in_words(value) for name, value in mistake.get("ctx", {}).items()}
    return ACCEPTED[kind].format_map(context) if kind in ACCEPTED else "This value is not accepted here."


def _in_words(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,.10g}"
    return str(value).replace("'", '"')  # pydantic quotes the accepted words as Python does, TOML's quotes are double


def _in_toml(value: object) -> str:
    """Return a value roughly as TOML writes it, without a password in an address and cut to LONGEST_VALUE."""
    text = _LOGIN.sub("…@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
