"""Conversations and their turns, in SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import partial

from bot.interfaces.errors import StoreError
from bot.interfaces.messages import Place, Role, Turn
from bot.interfaces.store import Continuation, Conversation
from storage.sqlite.connections import Connections
from storage.sqlite.continuation import REACHED, Asker, find, find_or_begin, takes_part
from storage.sqlite.places import PLACE_COLUMNS, place_key, place_of

TITLE_LENGTH = 60
"""The most characters of a conversation's title."""

_TURN_COLUMNS = "id, parent, role, person, name, text, model, complete"

_CHAIN = f"""
WITH RECURSIVE chain ({_TURN_COLUMNS}, depth) AS (
    SELECT {_TURN_COLUMNS}, 1 FROM turns
    WHERE id = coalesce(:upto, (SELECT max(id) FROM turns WHERE conversation = :conversation))
    UNION ALL
    SELECT {", ".join(f"turns.{column.strip()}" for column in _TURN_COLUMNS.split(","))}, depth + 1
    FROM turns JOIN chain ON turns.id = chain.parent WHERE depth < :limit
)
SELECT {_TURN_COLUMNS} FROM chain ORDER BY depth DESC
"""

_HOLDING = f"""
FROM places
JOIN requests ON requests.place = places.id
JOIN turns ON turns.request = requests.id
JOIN conversations ON conversations.id = turns.conversation
WHERE {REACHED}
AND ((requests.message = :message AND turns.role = 'user') OR (turns.role = 'assistant' AND requests.id IN
    (SELECT request FROM drafts WHERE message = :message AND message <> '')))
AND requests.id IN (
    SELECT id FROM requests WHERE message = :message AND message <> ''
    UNION SELECT request FROM drafts WHERE message = :message AND message <> '')
"""
"""The turns that a message holds, question or answer, in reach of a place."""

_TURN_OF_MESSAGE = f"SELECT max(turns.id) {_HOLDING} AND (private = 0 OR conversations.person = :person)"

_KNOWN_MESSAGES = f"""
SELECT value FROM json_each(:messages) AS known
WHERE EXISTS (SELECT 1 {_HOLDING.replace(":message", "known.value")})
"""

_CONVERSATION = """
SELECT c.id, c.person, c.private,
    coalesce(
        (SELECT text FROM turns WHERE conversation = c.id AND role = 'user' ORDER BY id LIMIT 1),
        (SELECT json_extract(body, '$.arguments.text') FROM requests INDEXED BY requests_unfinished
            WHERE conversation = c.id AND ended IS NULL ORDER BY id LIMIT 1),
        ''
    ),
    coalesce((SELECT value FROM conversation_settings WHERE conversation = c.id AND key = 'model'), '')
FROM conversations c WHERE c.id = ?
"""

_QUESTION = f"SELECT {_TURN_COLUMNS} FROM turns WHERE request = :request AND role = 'user'"

_QUESTION_ASKED_AGAIN = f"""
SELECT {_TURN_COLUMNS} FROM turns
WHERE id = (SELECT parent FROM turns WHERE request = :request AND role = 'assistant')
"""
"""A retry has no question of its own: its reply's parent is the question."""

_ASKER = f"""
SELECT {PLACE_COLUMNS}, requests.person FROM requests
JOIN places ON places.id = requests.place WHERE requests.id = ?
"""

_RECENT_PLACES = f"""
SELECT {PLACE_COLUMNS}, (SELECT max(position) FROM requests WHERE place = places.id) FROM places
WHERE platform = ? AND EXISTS (SELECT 1 FROM requests WHERE place = places.id AND accepted >= ?)
"""


class SQLiteConversations:
    """A bot.interfaces.store.ConversationStore."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def conversation(self, conversation: int) -> Conversation:
        for row, person, private, title, model in await self._connections.rows(_CONVERSATION, (conversation,)):
            short = " ".join(title.split())
            short = short if len(short) <= TITLE_LENGTH else short[: TITLE_LENGTH - 1].rstrip() + "…"
            return Conversation(row, person, bool(private), short, model)
        raise StoreError(f"There is no conversation {conversation}.")

    async def find(self, place: Place, person: str, continuation: Continuation) -> Conversation | None:
        asker = Asker(place, person, self._connections.now)
        if "new" in continuation.sources:
            begun = await self._connections.write(partial(find_or_begin, asker=asker, continuation=continuation))
            return await self.conversation(begun)
        found = await self._connections.read(partial(find, asker=asker, continuation=continuation))
        return await self.conversation(found) if found else None

    async def close_conversation(self, conversation: int) -> None:
        sql = "UPDATE conversations SET closed = ? WHERE id = ?"
        await self._connections.change(sql, self._connections.now, conversation)

    async def set_model(self, conversation: int, model: str) -> None:
        if model:
            sql = "INSERT OR REPLACE INTO conversation_settings VALUES (?, 'model', ?)"
            await self._connections.change(sql, conversation, model)
        else:
            sql = "DELETE FROM conversation_settings WHERE conversation = ? AND key = 'model'"
            await self._connections.change(sql, conversation)

    async def turns(self, conversation: int, upto: int | None = None, limit: int = 1_000) -> Sequence[Turn]:
        values = {"conversation": conversation, "upto": upto, "limit": limit}
        return [_turn(*row) for row in await self._connections.rows(_CHAIN, values)]

    async def turn_of_message(self, place: Place, message: str, person: str = "") -> int | None:
        values = {**place_key(place), "message": message, "person": person}
        for (turn,) in await self._connections.rows(_TURN_OF_MESSAGE, values):
            return int(turn) if turn is not None else None
        return None

    async def question_of(self, request: int) -> Turn | None:
        for query in (_QUESTION, _QUESTION_ASKED_AGAIN):
            for row in await self._connections.rows(query, {"request": request}):
                return _turn(*row)
        return None

    async def known_messages(self, place: Place, messages: Sequence[str]) -> Collection[str]:
        values = {**place_key(place), "messages": json.dumps(list(messages))}
        return {message for (message,) in await self._connections.rows(_KNOWN_MESSAGES, values)}

    async def asker(self, request: int) -> tuple[Place, str] | None:
        for *place, person in await self._connections.rows(_ASKER, (request,)):
            return place_of(*place), person
        return None

    async def takes_part(self, place: Place) -> bool:
        return await self._connections.read(partial(takes_part, place=place))

    async def recent_places(self, platform: str, since_ms: int) -> Sequence[tuple[Place, int]]:
        return [
            (place_of(*place), newest)
            for *place, newest in await self._connections.rows(_RECENT_PLACES, (platform, since_ms))
        ]


def _turn(
    turn: int, parent: int | None, role: Role, person: str, name: str, text: str, model: str, complete: int
) -> Turn:
    return Turn(turn, parent, role, person, name, text, model, bool(complete))
