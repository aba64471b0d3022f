"""Socket Mode: envelopes to any open socket, acknowledgements in time, redelivery of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import orjson
from aiohttp import WSMsgType, web

from tests.fakes.slack.records import record
from tests.fakes.slack.world import APP, Act, Json

ACK_SECONDS = 3.0
MOST_RETRIES = 3
MOST_SOCKETS = 10


@dataclass(slots=True)
class Envelope:
    """One delivery. Only events are sent again; Slack drops a command or a press without a timely acknowledgement."""

    id: str
    type: str
    payload: Json
    act: Act | None = None
    attempt: int = 0
    reason: str = ""
    socket: int = 0
    acknowledged: bool = False
    answer: Json | None = None
    timer: asyncio.TimerHandle | None = None
    sent_at: list[float] = field(default_factory=list)

    def json(self) -> Json:
        envelope: Json = {
            "envelope_id": self.id,
            "type": self.type,
            "payload": self.payload,
            "accepts_response_payload": self.type != "events_api",
        }
        if self.type == "events_api":
            envelope |= {"retry_attempt": self.attempt, "retry_reason": self.reason}
        return envelope


class SocketMode:
    """The endpoint of Socket Mode. `sockets` are the open ones, by number.

    An envelope must be acknowledged within `ack_seconds`. With `opens` False no connection is accepted.
    """

    def __init__(self, violate: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.sockets: dict[int, web.WebSocketResponse] = {}
        self.envelopes: list[Envelope] = []
        self.ack_seconds = ACK_SECONDS
        self.opened = 0
        self.opens = True
        self.tickets: set[str] = set()
        self._violate = violate
        self._changed = changed
        self._numbers = count(1)
        self._turn = 0
        self._unsent: list[Envelope] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets or not self.opens:
            return web.Response(status=401)
        self.tickets.discard(ticket)  # each address serves one connection
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if len(self.sockets) >= MOST_SOCKETS:
            await ws.send_str(orjson.dumps({"type": "disconnect", "reason": "too_many_websockets"}).decode())
            await ws.close()
            return ws
        number = next(self._numbers)
        hello: Json = {"type": "hello", "num_connections": len(self.sockets) + 1, "connection_info": {"app_id": APP}}
        await ws.send_str(orjson.dumps(hello).decode())
        self.sockets[number] = ws
        self.opened += 1
        self._changed()
        for envelope in self._unsent[:]:
            self._unsent.remove(envelope)
            self._send(envelope)
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            self.sockets.pop(number, None)
            self._lose(number)
            self._changed()
        return ws

    def deliver(self, kind: str, payload: Json, act: Act | None = None) -> Envelope:
        event = payload.get("event")
        if isinstance(event, dict):
            record("event", str(event["type"]), event)
        outer = payload | ({"event": {"type": event["type"]}} if isinstance(event, dict) else {})
        record("envelope", kind if kind != "interactive" else str(payload.get("type")), outer)
        return self.push(kind, payload, act)

    def push(self, kind: str, payload: Json, act: Act | None = None) -> Envelope:
        """Deliver any payload, also one that Slack never sends."""
        envelope = Envelope(f"env-{next(self._numbers)}", kind, payload, act)
        self.envelopes.append(envelope)
        self._send(envelope)
        return envelope

    def redeliver(self, envelope: Envelope, reason: str = "timeout") -> None:
        """Send an event again, acknowledged or not, as Slack sometimes does."""
        envelope.attempt += 1
        envelope.reason = reason
        self._send(envelope)

    async def disconnect(self, reason: str, *, close: bool = True) -> None:
        """Send a disconnect frame to every socket: warning, refresh_requested, link_disabled, too_many_websockets."""
        for ws in list(self.sockets.values()):
            await ws.send_str(orjson.dumps({"type": "disconnect", "reason": reason}).decode())
            if close:
                await ws.close()

    def cut(self) -> None:
        """Break every connection without a frame."""
        for ws in list(self.sockets.values()):
            transport = ws._req.transport if ws._req is not None else None
            if transport is not None:
                transport.abort()

    def close(self) -> None:
        for envelope in self.envelopes:
            if envelope.timer is not None:
                envelope.timer.cancel()

    def _send(self, envelope: Envelope) -> None:
        open_sockets = sorted(number for number, ws in self.sockets.items() if not ws.closed)
        if not open_sockets:
            if envelope.type == "events_api":
                self._unsent.append(envelope)
            return
        self._turn += 1
        envelope.socket = open_sockets[self._turn % len(open_sockets)]
        loop = asyncio.get_running_loop()
        envelope.sent_at.append(loop.time())
        if envelope.timer is not None:
            envelope.timer.cancel()
        if not envelope.acknowledged:
            envelope.timer = loop.call_later(self.ack_seconds, self._late, envelope)
        task = loop.create_task(self._write(self.sockets[envelope.socket], envelope))
        task.add_done_callback(lambda done: done.exception())

    async def _write(self, ws: web.WebSocketResponse, envelope: Envelope) -> None:
        with suppress(ConnectionError):
            await ws.send_str(json.dumps(envelope.json()))  # unlike orjson, takes half a character

    def _take(self, raw: str) -> None:
        answer = json.loads(raw)
        envelope = next((known for known in self.envelopes if known.id == answer.get("envelope_id")), None)
        if envelope is None:
            self._violate(f"an acknowledgement of an unknown envelope {answer.get('envelope_id')}")
            return
        if envelope.timer is not None:
            envelope.timer.cancel()
        envelope.acknowledged = True
        envelope.answer = answer.get("payload")
        if envelope.answer and envelope.type != "events_api":
            record("acknowledgement", str(envelope.payload.get("type") or envelope.type), envelope.answer)
        if envelope.answer and envelope.type == "events_api":
            self._violate("an event acknowledged with a payload")
        if envelope.act is not None:
            envelope.act.acknowledged = True
            text = (envelope.answer or {}).get("text")
            envelope.act.response_text = str(text or "")
        self._changed()

    def _late(self, envelope: Envelope) -> None:
        self._violate(f"no acknowledgement within {self.ack_seconds:g} s of {envelope.type} {envelope.id}")
        if envelope.type == "events_api" and envelope.attempt < MOST_RETRIES:
            self.redeliver(envelope)
        self._changed()

    def _lose(self, number: int) -> None:
        """Move a lost socket's unacknowledged envelopes to another socket, or to the next one."""
        for envelope in self.envelopes:
            if envelope.socket == number and not envelope.acknowledged and envelope.attempt < MOST_RETRIES:
                if envelope.timer is not None:
                    envelope.timer.cancel()
                if envelope.type == "events_api":
                    self.redeliver(envelope, "connection_failed")
