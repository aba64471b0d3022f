"""FakeSlack: the loopback server, the acts of people on it, and the state that a test reads.

    async with FakeSlack() as slack:
        ada = slack.add_user("Ada")
        channel = slack.add_channel("general", ada)
        ...                       # a bot connects to slack.api_url with slack.bot_token and slack.app_token
        question = slack.post(channel, ada, slack.mention("hello"))
        answer = await slack.answer_to(channel, question)
    assert not slack.violations

People and the bot share one clock, `slack.clock`; every id is a string.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeAlias
from uuid import uuid4

import orjson
from aiohttp import web

from adapters.slack.manifest import AGENT_SCOPE, SCOPES
from tests.fakes.attached import content_of
from tests.fakes.slack.people import People
from tests.fakes.slack.records import record
from tests.fakes.slack.rules import KINDS_LISTED, METHODS, Rates, Refused, scope_of
from tests.fakes.slack.socket import SocketMode
from tests.fakes.slack.web import WebApi
from tests.fakes.slack.world import Json, Message, World
from tests.fakes.waiting import Waiting

Stage = Literal["received", "applied", "answered"]
Hook: TypeAlias = Callable[[Stage, str], Awaitable[None]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

RESPONSE_URL = "response_url"
UPLOAD = "upload_url"
"""The name of POSTs to upload URLs in faults and hooks."""


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` calls of matching methods.

    With an `error` they are refused with it; with a `status` they get that HTTP status (429: and `retry_after`).
    With `drop` the connection breaks before or after the call is applied. `hold` delays applying it.
    """

    method: str
    error: str = ""
    status: int = 0
    retry_after: int = 1
    drop: Literal["", "before", "after"] = ""
    hold: asyncio.Event | None = None
    times: int = 1

    def takes(self, method: str) -> bool:
        if self.times <= 0 or not re.fullmatch(self.method, method):
            return False
        self.times -= 1
        return True


class FakeSlack(Waiting, People):
    """One workspace with one bot in it, installed by its manifest, over HTTPS with `tls`.

    Benchmarks set `rates.on = False`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.tls = tls
        self.host = host
        self.bot_token = f"xoxb-{uuid4().hex}"
        self.app_token = f"xapp-{uuid4().hex}"
        self.violations: list[str] = []
        self.calls: list[tuple[str, Json]] = []
        self.faults: list[Fault] = []
        self.on_request: Hook | None = None
        self._waiting = []
        world = World()
        super().__init__(world, WebApi(world, self.violations.append), SocketMode(self.violations.append, self.changed))
        self.web.deleted, self.web.updated = self.deleted_message, self.changed_message
        self.scopes = set(SCOPES)
        self.rates = Rates(self.clock.now)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeSlack:
        app = web.Application(middlewares=[self._notice_own_faults])
        app.router.add_get("/socket", self.socket.handle)
        app.router.add_route("*", "/api/{method}", self._handle)
        app.router.add_post("/response/{trigger}", self._handle)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/files-pri/{file}/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.base_url = f"{'https' if self.tls else 'http'}://{self.host}:{self._runner.addresses[0][1]}"
        self.api_url = f"{self.base_url}/api/"
        self.web.surfaces.base_url = self.base_url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
        for ws in list(self.socket.sockets.values()):
            await ws.close()
        assert self._runner is not None
        await self._runner.cleanup()

    def fail(self, method: str, error: str = "", **how: object) -> Fault:
        """Add a Fault with the fields `how` for a method (a pattern)."""
        fault = Fault(method, error, **how)  # type: ignore[arg-type]  # keywords of Fault
        self.faults.append(fault)
        return fault

    async def connected(self, sockets: int = 1) -> None:
        """Wait until the bot has opened so many sockets, closed ones included."""
        await self.wait(lambda: self.socket.opened >= sockets)

    async def settled(self) -> None:
        """Wait until every envelope is acknowledged."""
        await self.wait(lambda: all(envelope.acknowledged for envelope in self.socket.envelopes))

    async def answer_to(self, channel: str, thread: str) -> Message:
        """Wait for the bot's newest finished answer in a thread: no open stream, Stop button or place in a queue."""

        def finished() -> Message | None:
            found = self.answers(channel, thread)
            return found[-1] if found and self.is_finished(found[-1]) else None

        return await self.wait(finished)

    def is_finished(self, message: Message) -> bool:
        stream = message.stream
        open_stream = stream is not None and not stream.stopped
        return not open_stream and "Stop" not in message.buttons and not message.shown.startswith("_Waiting")

    def called(self, method: str) -> list[Json]:
        """Return the arguments of every call of a method so far."""
        return [body for name, body in self.calls if name == method]

    @web.middleware
    async def _notice_own_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            self.violations.append(f"this server failed at {request.method} {request.path}: {error!r}")
            raise

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info.get("method", RESPONSE_URL)
        try:
            await self._reach("received", method)
            response = await self._answer(request, method)
            await self._reach("applied", method)
        except _Dropped:
            if request.transport is not None:
                request.transport.abort()
            self.changed()
            return web.Response()
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write_eof()
        with suppress(_Dropped):
            await self._reach("answered", method)
        self.changed()
        return response

    async def _reach(self, stage: Stage, method: str) -> None:
        """Call the hook; an error of it breaks the connection."""
        if self.on_request is None:
            return
        try:
            await self.on_request(stage, method)
        except Exception as error:
            raise _Dropped from error

    async def _answer(self, request: web.Request, method: str) -> web.Response:
        body = await _arguments(request, reads=method in METHODS and METHODS[method].reads)
        self.calls.append((method, body))
        fault = next((fault for fault in self.faults if fault.takes(method)), None)
        if fault is not None and fault.hold is not None:
            await fault.hold.wait()
        if fault is not None and fault.drop == "before":
            raise _Dropped
        if fault is not None and fault.status:
            return _failure(fault)
        if fault is not None and fault.error:
            return web.json_response({"ok": False, "error": fault.error})
        if method == RESPONSE_URL:
            return self._respond(request.match_info["trigger"], body, dropping=fault)
        form, before = request.content_type != "application/json", len(self.violations)
        try:
            self._authorise(request, method)
            self._must_be_known(method, body)
            self._must_be_granted(method, body)
            seconds = self.rates.spend(method, str(body.get("channel"))) if self.rates.on else 0.0
            if seconds:
                self.violations.append(f"too many calls of {method}")
                return _too_many(seconds)
            answer: Json = {"ok": True, **self.web.answer(method, body)}
        except Refused as refused:
            return web.json_response({"ok": False, "error": refused.error})
        if len(self.violations) == before:
            record("form" if form else "call", method, body)
            record("answer", method, answer)
        if fault is not None and fault.drop == "after":
            raise _Dropped
        return web.json_response(answer, headers={"X-OAuth-Scopes": ",".join(sorted(self.scopes))})

    def _respond(self, trigger: str, body: Json, *, dropping: Fault | None) -> web.Response:
        try:
            before = len(self.violations)
            self.web.respond(self.world.acts[trigger], body)
            if len(self.violations) == before:
                record("call", RESPONSE_URL, body)
        except Refused as refused:
            return web.json_response({"ok": False, "error": refused.error}, status=404)
        if dropping is not None and dropping.drop == "after":
            raise _Dropped
        return web.Response(text="ok")

    def _authorise(self, request: web.Request, method: str) -> None:
        token = self.app_token if method == "apps.connections.open" else self.bot_token
        if request.headers.get("Authorization") != f"Bearer {token}":
            raise Refused("invalid_auth")
        if self.world.removed and token == self.bot_token:
            raise Refused("account_inactive")
        if method == "apps.connections.open":
            ticket = uuid4().hex
            self.socket.tickets.add(ticket)
            self.web.socket_url = f"{self.base_url.replace('http', 'ws', 1)}/socket?ticket={ticket}"

    def _must_be_known(self, method: str, body: Json) -> None:
        known = METHODS.get(method)
        if known is None:
            self.violations.append(f"unknown method {method}")
            raise Refused("unknown_method")
        if unknown := set(body) - known.arguments - {"team_id"}:  # which slack-bolt adds to every call
            self.violations.append(f"{method} with unknown arguments {sorted(unknown)}")
            raise Refused("invalid_arguments")
        if missing := {name for name in known.required if not body.get(name)}:
            self.violations.append(f"{method} without {sorted(missing)}")
            raise Refused("invalid_arguments")

    def _must_be_granted(self, method: str, body: Json) -> None:
        channel = self.world.channels.get(str(body.get("channel")))
        types = filter(None, str(body.get("types") or "").split(","))
        kinds = [KINDS_LISTED[kind] for kind in types] or [channel.kind if channel else "channel"]
        if {scope_of(method, kind) for kind in kinds} - {"", *self.scopes}:
            raise Refused("missing_scope")
        if method == "chat.startStream" and AGENT_SCOPE not in self.scopes:
            raise Refused("not_authorized")

    async def _upload(self, request: web.Request) -> web.Response:
        """Store a file's bytes, with the hooks and faults of UPLOAD."""
        try:
            await self._reach("received", UPLOAD)
            content = await request.read()
            self.calls.append((UPLOAD, {"file": request.match_info["file"]}))
            fault = next((fault for fault in self.faults if fault.takes(UPLOAD)), None)
            if fault is not None and fault.status:
                return _failure(fault)
            taken = self.web.surfaces.put(request.match_info["file"], content)
            await self._reach("applied", UPLOAD)
        except _Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.Response(text=f"OK - {len(content)}") if taken else web.Response(status=400)

    async def _file(self, request: web.Request) -> web.Response:
        """Send a file to a client with the token and the scope; all others get a page to sign in."""
        name = request.match_info["name"]
        if request.headers.get("Authorization") != f"Bearer {self.bot_token}" or "files:read" not in self.scopes:
            return web.Response(status=302, headers={"Location": f"{self.base_url}/signin"})
        if name.startswith("lost"):
            return web.Response(text="<html>Sign in to Slack</html>", content_type="text/html")
        return web.Response(body=self.held.get(name) or content_of(name), content_type="application/octet-stream")


class _Dropped(Exception):
    pass


async def _arguments(request: web.Request, *, reads: bool) -> Json:
    """Return the arguments of a query, a form or JSON; some methods do not read JSON."""
    body: Json = dict(request.query)
    if request.content_type == "application/json":
        raw = await request.read()
        sent: object = json.loads(raw) if raw else {}
        if isinstance(sent, dict) and not reads:
            body |= sent
    elif request.can_read_body:
        form: Mapping[str, object] = await request.post()
        body |= {key: _parsed(value) for key, value in form.items()}
    body.pop("token", None)
    return body


def _parsed(value: object) -> object:
    """Parse a form's blocks and metadata, which are JSON in text."""
    if isinstance(value, str) and value[:1] in "[{":
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return value


def _too_many(seconds: float) -> web.Response:
    headers = {"Retry-After": str(max(1, round(seconds + 0.5)))}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def _failure(fault: Fault) -> web.Response:
    if fault.status == 429:
        return _too_many(fault.retry_after - 0.5)
    return web.json_response({"ok": False, "error": "internal_error"}, status=fault.status)
