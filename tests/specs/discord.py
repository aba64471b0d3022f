"""A judge of the adapter's calls and of the fake Discord's answers, by Discord's own OpenAPI document.

judge = Judge(violations.append)
judge.request("POST", "/channels/1/messages", {"content": "hello"})
judge.answer("POST", "/channels/1/messages", 200, {...})
judge.event("MESSAGE_CREATE", {...})
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from tests.specs.gateway import described
from tests.specs.openapi import DOCUMENT, Document, Operation, as_object


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the document and Discord; `where` and `what` are patterns, `broken` a matching complaint."""

    where: str
    what: str
    reason: str
    broken: str


KNOWN = (
    Difference(
        r"PUT /applications/\{application_id\}/commands",
        r"\$\[\]\.default_member_permissions: '\d+' is not of type 'integer', 'null'",
        "Discord takes text for numbers, and its documentation wants text here: JavaScript has no numbers so big.",
        "$[].default_member_permissions: '32' is not of type 'integer', 'null'",
    ),
    Difference(
        r"(POST|PATCH) .*",
        r"\$(\.data)?\.attachments\[\]\.id: \d is not of type 'string'",
        'The documentation numbers new files 0, 1, … with numbers in its examples ("id": 0).',
        "$.attachments[].id: 0 is not of type 'string'",
    ),
    Difference(
        r"MESSAGE_\w+|INTERACTION_CREATE|the answer 200 to .*",
        r"\$.*\.message_reference\.type: 0 was expected",
        "The documentation has a second type of references, 1, for forwards; the document knows replies only.",
        "$.message_reference.type: 0 was expected",
    ),
    Difference(
        r"the answer 429 to .*",
        r"\$: 'code' is a required property",
        "The documentation says that only some rate limits have a code.",
        "$: 'code' is a required property",
    ),
)
"""The values that Discord's documentation allows and its document does not."""


@cache
def document() -> Document:
    """Load and compile the document, once in a process."""
    found = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return Document(found, described(as_object(found["components"]["schemas"])))


class Judge:
    """A judge that calls `violate` with every breach of the document, unless it is `silent`.

    A complaint quotes the first value of its shape.
    """

    def __init__(self, violate: Callable[[str], None]) -> None:
        self.silent = False
        self._violate = violate

    def request(
        self, method: str, path: str, body: object, query: Mapping[str, str] | None = None, *, files: bool = False
    ) -> None:
        """Judge a request; `body` is None for a request without one."""
        operation = document().operation(method, path)
        if operation is None:
            self._violate(f"{method} {path} is not in tests/specs/discord.json: see tests/specs/trim.py")
            return
        self._tell(operation.name, self._wrong_in_request(operation, body, query or {}, files=files))

    def answer(self, method: str, path: str, status: int, body: object) -> None:
        """Judge an answer; the document does not describe server errors, so these pass."""
        operation = document().operation(method, path)
        if operation is None or status >= 500:
            return
        key, where = operation.answer(status), f"the answer {status} to {operation.name}"
        if key is None:
            self._tell(where, [f"answers are {', '.join(operation.answers)}"])
            return
        schema = operation.answers[key]
        if schema is not None:
            self._tell(where, document().wrong(f"{operation.name} {key}", schema, body))
        elif body is not None and status == 204:
            self._tell(where, ["has a body"])

    def event(self, name: str, data: object) -> None:
        """Judge a dispatched event."""
        known = document().described
        if name not in known:
            self._violate(f"{name} is not in tests/specs/gateway.py")
            return
        self._tell(name, document().wrong(name, {"$ref": f"#/components/schemas/{name}"}, data))

    def _wrong_in_request(
        self, operation: Operation, body: object, query: Mapping[str, str], *, files: bool
    ) -> Iterable[str]:
        if files and not operation.takes_files:
            yield "takes no files"
        if body is None:
            if operation.needs_body:
                yield "needs a body"
        elif operation.body is None:
            yield "takes no body"
        else:
            yield from document().wrong(operation.name, operation.body, body)
        for name, value in query.items():
            schema = operation.query.get(name)
            if schema is None:
                yield f"the query's {name} is unknown"
                continue
            key = f"{operation.name} ?{name}"
            if document().wrong(key, schema, value):  # ids stay text
                yield from document().wrong(key, schema, _parsed(value))

    def _tell(self, where: str, complaints: Iterable[str]) -> None:
        for complaint in () if self.silent else complaints:
            if not any(re.fullmatch(known.where, where) and re.fullmatch(known.what, complaint) for known in KNOWN):
                self._violate(f"Discord's document on {where}: {complaint}")


def _parsed(value: str) -> object:
    """Return a query's value in the type that its text may stand for."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value
