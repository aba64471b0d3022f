"""Accepted requests, their drafts and their answers, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.interfaces.errors import StoreError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, Part
from bot.interfaces.store import Accepted, Continuation, EndState, RequestOutcome, Unfinished
from storage.sqlite import deletion
from storage.sqlite.answer_files import AnswerFiles
from storage.sqlite.connections import Connections
from storage.sqlite.continuation import accept
from storage.sqlite.request_body import read_body, write_body

_ANSWER = TypeAdapter(Answer)

T = TypeVar("T")

_PARENT = """
SELECT coalesce(
    (SELECT id FROM turns WHERE id = :parent),
    (SELECT max(id) FROM turns WHERE conversation = :conversation AND id < coalesce(:parent, id + 1))
)
"""
"""The parent of a new turn: the given or the newest turn; the one before it if it was deleted."""

_KEEP_PART = """
INSERT OR IGNORE INTO drafts (request, part, text)
SELECT id, ?, iif(ended IS NULL, ?, '') FROM requests WHERE id = ?
"""
"""The text of a request that was dropped meanwhile is not stored."""

_UNFINISHED = """
SELECT id, coalesce(conversation, 0), body, attempts, answer, accepted FROM requests
WHERE platform = ? AND ended IS NULL ORDER BY position
"""


class SQLiteRequests:
    """A bot.interfaces.store.RequestStore."""

    def __init__(self, connections: Connections, files: AnswerFiles) -> None:
        self._connections = connections
        self._files = files

    async def accept(self, request: Request, continuation: Continuation) -> Accepted | None:
        body, now = write_body(request), self._connections.now
        ids = await self._connections.write(
            partial(accept, request=request, continuation=continuation, body=body, now=now)
        )
        return Accepted(*ids, request) if ids else None

    async def begin(self, request: int) -> None:
        await self._connections.change("UPDATE requests SET attempts = attempts + 1 WHERE id = ?", request)

    async def part_creating(self, request: int, index: int, text: str) -> None:
        await self._connections.change(_KEEP_PART, index, text, request)

    async def part_created(self, request: int, index: int, message: str) -> None:
        sql = "UPDATE drafts SET message = ? WHERE request = ? AND part = ?"
        await self._connections.change(sql, message, request, index)

    async def answered(self, accepted: Accepted, outcome: RequestOutcome) -> None:
        try:
            answer = _json(_ANSWER, await self._files.keep(accepted.id, outcome.answer))
            now = self._connections.now
            keep = partial(_keep_outcome, accepted=accepted, outcome=outcome, answer=answer, now=now)
            if not await self._connections.write(keep):
                await self._files.remove(accepted.id)
        finally:
            self._files.confirm(accepted.id)

    async def end(self, request: int, state: EndState) -> None:
        await self._connections.write(partial(_end, request=request, state=state, now=self._connections.now))
        await self._files.remove(request)

    async def unfinished(self, platform: str) -> Sequence[Unfinished]:
        return [
            Unfinished(
                Accepted(row, conversation, read_body(body)),
                attempts,
                await self._parts(row),
                await self._files.load(row, _ANSWER.validate_json(answer)) if answer else None,
                since / 1000,
            )
            for row, conversation, body, attempts, answer, since in await self._connections.rows(
                _UNFINISHED, (platform,)
            )
        ]

    async def _parts(self, request: int) -> list[Part]:
        query = "SELECT part, text, message FROM drafts WHERE request = ? ORDER BY part"
        return [Part(*row) for row in await self._connections.rows(query, (request,))]


def _json(adapter: TypeAdapter[T], value: T) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError as error:
        raise StoreError(f"The database could not be written: {error}.") from error


def _keep_outcome(
    connection: sqlite3.Connection, *, accepted: Accepted, outcome: RequestOutcome, answer: str, now: int
) -> bool:
    """Store the turns and the answer of a request together; return False for a request that needs none."""
    state = "UPDATE requests SET state = 'answered', answer = ? WHERE id = ? AND state = 'accepted'"
    if connection.execute(state, (answer, accepted.id)).rowcount == 0:
        # an earlier attempt has stored an answer, or the request was dropped
        return accepted.id in deletion.answered(connection)
    values = {"conversation": accepted.conversation, "parent": outcome.parent}
    (parent,) = connection.execute(_PARENT, values).fetchone()
    if outcome.question is None and parent != outcome.parent:
        deletion.mark_for_rewrite(
            connection
        )  # the question was deleted meanwhile: its answer is shown, but not stored as a turn
        return True
    for turn in filter(None, (outcome.question, outcome.reply)):
        parent = connection.execute(
            "INSERT INTO turns (conversation, parent, request, role, person, name, text, model, complete, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                accepted.conversation,
                parent,
                accepted.id,
                turn.role,
                turn.person,
                turn.name,
                turn.text,
                turn.model,
                turn.complete,
                now,
            ),
        ).lastrowid
    return True


def _end(connection: sqlite3.Connection, *, request: int, state: EndState, now: int) -> None:
    connection.execute(
        "UPDATE requests SET state = ?, ended = ?, body = NULL, answer = NULL WHERE id = ?", (state, now, request)
    )
    connection.execute("UPDATE drafts SET text = '' WHERE request = ?", (request,))
