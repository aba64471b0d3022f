"""Requests as JSON in their rows, until they have ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.interfaces.errors import StoreError
from bot.interfaces.messages import Act, Attachment, Person, Place, Request, StoredTarget


@dataclass(frozen=True, slots=True)
class _Body:
    """The fields of a Request; `handle` is its reply target as text."""

    act: Act
    place: Place
    person: Person
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    message: str = ""
    replies_to: str = ""
    addressed: bool = True
    private: bool = False
    handle: str = ""


_BODY = TypeAdapter(_Body)


def write_body(request: Request) -> str:
    """Return a request as JSON. Raises StoreError for a lone surrogate, which UTF-8 cannot encode."""
    body = _Body(
        request.act,
        request.place,
        request.person,
        request.command,
        request.arguments,
        request.attachments,
        request.message,
        request.replies_to,
        request.addressed,
        request.private,
        request.reply_target.dump(),
    )
    try:
        return _BODY.dump_json(body).decode()
    except PydanticSerializationError as error:
        raise StoreError(f"The database could not be written: {error}.") from error


def read_body(text: str | bytes) -> Request:
    """Return the request that `write_body` wrote."""
    body = _BODY.validate_json(text)
    return Request(
        body.act,
        body.place,
        body.person,
        body.command,
        body.arguments,
        body.attachments,
        body.message,
        body.replies_to,
        body.addressed,
        body.private,
        StoredTarget(body.handle),
    )
