"""The gateway: sessions, heartbeats, RESUME with replay, and every way in which Discord ends a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import orjson
from aiohttp import WSMsgType, web

from tests.fakes.discord import defaults
from tests.fakes.discord.world import DIRECT, Channel, Json, Message, World, as_list
from tests.specs.discord import Judge

GUILDS, MEMBERS, PRESENCES, GUILD_MESSAGES, DIRECT_MESSAGES, CONTENT = 1, 1 << 1, 1 << 8, 1 << 9, 1 << 12, 1 << 15
PRIVILEGED = MEMBERS | PRESENCES | CONTENT
IDENTIFY_FIELDS = {"token", "properties", "compress", "large_threshold", "shard", "presence", "intents"}


@dataclass(slots=True, eq=False)
class Session:
    """A session with every event that was dispatched to it, by sequence, for RESUME."""

    id: str
    shard: int
    intents: int
    judge: Judge
    events: list[str] = field(default_factory=list)
    socket: Socket | None = None
    resumable: bool = True

    @property
    def sequence(self) -> int:
        return len(self.events)

    def dispatch(self, event: str, data: Json) -> None:
        self.judge.event(event, data)
        self.push(event, data)

    def push(self, event: str, data: Json) -> None:
        """Dispatch any event, also one that Discord never sends."""
        payload = {"op": 0, "t": event, "s": len(self.events) + 1, "d": data}
        self.events.append(json.dumps(payload))
        if self.socket is not None:
            self.socket.queue.put_nowait(self.events[-1])

    def wants(self, intent: int) -> bool:
        return bool(self.intents & intent)


@dataclass(slots=True, eq=False)
class Socket:
    """One connection; `queue` holds frames to send, an int closes with that code."""

    ws: web.WebSocketResponse
    queue: asyncio.Queue[str | int] = field(default_factory=asyncio.Queue)
    session: Session | None = None

    def send(self, op: int, data: object = None) -> None:
        self.queue.put_nowait(orjson.dumps({"op": op, "d": data, "s": None, "t": None}).decode())

    async def write(self) -> None:
        while True:
            frame = await self.queue.get()
            if isinstance(frame, int):
                await self.ws.close(code=frame)
                return
            await self.ws.send_str(frame)


class Gateway:
    """The gateway for the connections of one bot.

    `starts_left` is its budget of identifies; `shards` is the recommended number. `identify_every` is the least
    distance of two identifies in seconds: 5 at Discord, 0 for tests that start bots in a row.
    """

    def __init__(
        self, world: World, token: str, violate: Callable[[str], None], changed: Callable[[], None], judge: Judge
    ) -> None:
        self.url = ""
        self.shards = 1
        self.starts_left = 1000
        self.identify_every = 0.0
        self.heartbeat_interval = 41.25
        self.acknowledges = True
        self.refused_intents = 0
        self.close_identify: int | None = None
        self.identifies = 0
        self.resumes = 0
        self.sessions: dict[str, Session] = {}
        self.sockets: set[Socket] = set()
        self._identified_at = float("-inf")
        self._world = world
        self._token = token
        self._violate = violate
        self._changed = changed
        self._judge = judge

    def limits(self) -> Json:
        reset = 3_600_000
        limit = {"total": 1000, "remaining": self.starts_left, "reset_after": reset, "max_concurrency": 1}
        return {"url": self.url, "shards": self.shards, "session_start_limit": limit}

    @property
    def connected(self) -> list[Session]:
        return [socket.session for socket in self.sockets if socket.session is not None]

    def dispatch(self, event: str, data: Json, *, guild: str = "", intent: int = GUILDS) -> None:
        shard = (int(guild) >> 22) % self.shards if guild else 0
        for session in self.sessions.values():
            if session.shard == shard and session.wants(intent):
                session.dispatch(event, data)

    def dispatch_message(self, event: str, message: Message) -> None:
        """Dispatch MESSAGE_CREATE or MESSAGE_UPDATE, blanked according to each session's intents."""
        channel = self._world.channels[message.channel]
        shard = (int(channel.guild) >> 22) % self.shards if channel.guild else 0
        for session in self.sessions.values():
            if session.shard == shard and session.wants(DIRECT_MESSAGES if channel.type == DIRECT else GUILD_MESSAGES):
                session.dispatch(event, self._message(message, channel, intent=session.wants(CONTENT)))

    def redeliver(self, session: Session, sequence: int) -> None:
        """Send one event again, as an overlapping RESUME does."""
        if session.socket is not None:
            session.socket.queue.put_nowait(session.events[sequence - 1])

    def close(self, code: int) -> None:
        """Close every connection; 1000 and 1001 cannot be resumed."""
        for socket in self.sockets:
            if socket.session is not None:
                socket.session.resumable = code not in (1000, 1001)
            socket.queue.put_nowait(code)

    def reconnect(self) -> None:
        """Send op 7, Reconnect."""
        for socket in self.sockets:
            socket.send(7)

    def invalidate(self, *, resumable: bool) -> None:
        """Send op 9, Invalid Session."""
        for socket in self.sockets:
            if socket.session is not None:
                socket.session.resumable = resumable
            socket.send(9, resumable)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection, from HELLO to its end."""
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            self._violate(f"gateway: unknown version or encoding {request.query_string}")
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(ws)
        self.sockets.add(socket)
        writer = asyncio.create_task(socket.write())
        socket.send(10, {"heartbeat_interval": self.heartbeat_interval * 1000})
        said_goodbye = False
        try:
            said_goodbye = await self._read(socket)
        finally:
            self.sockets.discard(socket)
            if socket.session is not None and socket.session.socket is socket:
                socket.session.socket = None
                if said_goodbye:
                    self.sessions.pop(socket.session.id, None)
            writer.cancel()
            await asyncio.wait([writer])
            self._changed()
        return ws

    async def _read(self, socket: Socket) -> bool:
        """Read frames until the end; return True if the bot ended its session, by closing with 1000 or 1001."""
        patience = self.heartbeat_interval * 2
        beat = asyncio.get_running_loop().time()
        while not socket.ws.closed:
            left = beat + patience - asyncio.get_running_loop().time()
            try:
                frame = await socket.ws.receive(timeout=max(0.001, left))
            except TimeoutError:
                self._violate("gateway: a heartbeat is missing")
                await socket.ws.close(code=4009)
                return False
            if frame.type is not WSMsgType.TEXT:
                return frame.type is WSMsgType.CLOSE and frame.data in (1000, 1001)
            if len(frame.data) > 4096:
                self._violate("gateway: a payload above 4096 bytes")
                await socket.ws.close(code=4002)
                return False
            payload = orjson.loads(frame.data)
            if payload["op"] == 1:
                beat = asyncio.get_running_loop().time()
                if self.acknowledges:
                    socket.send(11)
            elif payload["op"] == 2:
                self._identify(socket, payload["d"])
            elif payload["op"] == 6:
                self._resume(socket, payload["d"])
            else:
                self._violate(f"gateway: op {payload['op']} is not expected")
        return False

    def _identify(self, socket: Socket, data: Json) -> None:
        self.identifies += 1
        given = data.get("shard")
        shard, of = (int(given[0]), int(given[1])) if isinstance(given, list) else (0, 1)
        if unknown := set(data) - IDENTIFY_FIELDS:
            self._violate(f"gateway: unknown identify fields {sorted(unknown)}")
        if of != self.shards:
            self._violate(f"gateway: shard {shard} of {of}, not of {self.shards}")
        now = asyncio.get_running_loop().time()
        if now - self._identified_at < self.identify_every * 0.95:
            self._violate("gateway: identified too often")
        if self.starts_left <= 0:
            self._violate("gateway: identified with no session starts left; Discord resets the token")
        self._identified_at = now
        self.starts_left -= 1
        if code := self._refusal(data):
            socket.queue.put_nowait(code)
            return
        session = Session(uuid4().hex, shard, int(str(data["intents"])), self._judge, socket=socket)
        socket.session = self.sessions[session.id] = session
        self._greet(session)
        self._changed()

    def _refusal(self, data: Json) -> int | None:
        if data.get("token") != self._token:
            return 4004
        if int(str(data["intents"])) & PRIVILEGED & self.refused_intents:
            return 4014
        return self.close_identify

    def _greet(self, session: Session) -> None:
        mine = [g for g in self._world.guilds.values() if (int(g.id) >> 22) % self.shards == session.shard]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": self._world.bot.json() | defaults.SELF,
                "guilds": [{"id": guild.id, "unavailable": True} for guild in mine],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": [session.shard, self.shards],
                "application": {"id": self._world.bot.id, "flags": 0},
            },
        )
        for guild in mine:
            session.dispatch("GUILD_CREATE", self._world.guild_json(guild) | {"unavailable": False})

    def _resume(self, socket: Socket, data: Json) -> None:
        self.resumes += 1
        session = self.sessions.get(str(data.get("session_id")))
        if session is None or not session.resumable or data.get("token") != self._token:
            socket.send(9, False)
            return
        seen = int(str(data["seq"]))
        socket.session, session.socket = session, socket
        for event in session.events[seen:]:
            socket.queue.put_nowait(event)
        session.dispatch("RESUMED", {})
        self._changed()

    def _message(self, message: Message, channel: Channel, *, intent: bool) -> Json:
        data = self._world.message_json(message, intent=intent)
        if channel.guild:
            data["guild_id"] = channel.guild
            guild = self._world.guilds[channel.guild]
            if message.author in guild.members:
                data["member"] = guild.member(message.author)
            for mention in as_list(data["mentions"]):
                mention["member"] = guild.member(str(mention["id"]))
        return data
