"""FakeDiscord: the loopback server, the acts of people on it, and the state that a test reads.

    async with FakeDiscord() as discord:
        channel = discord.add_channel(discord.add_guild("Team"), "general")
        ada = discord.add_user("Ada")
        ...                       # a bot connects to discord.api_url and discord.gateway_url with discord.token
        question = discord.post(channel, ada, f"<@{discord.bot}> hello")
        answer = await discord.answer_to(question)
    assert not discord.violations

People and the bot share one clock, `discord.clock`; every id is a string.
"""

from __future__ import annotations

import asyncio
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

from tests.fakes.attached import content_of
from tests.fakes.discord.gateway import CONTENT, Gateway, Session
from tests.fakes.discord.people import People
from tests.fakes.discord.rest import Rest
from tests.fakes.discord.rules import Rates, Refused, refuse
from tests.fakes.discord.world import LARGEST_BODY, Interaction, Json, Message, World
from tests.fakes.discord.writing import Call
from tests.fakes.waiting import Waiting
from tests.specs.discord import Judge

Stage = Literal["received", "applied", "answered"]
Hook: TypeAlias = Callable[[Stage, str, str], Awaitable[None]]

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

UNLIMITED = ("/interactions/", "/webhooks/")
"""Routes outside the global limit of 50 calls a second."""


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` matching requests.

    With a `status`, they get it instead of an answer (429 with `retry_after` seconds, `shared` for everybody). With
    `drop`, the connection breaks before or after the request is applied, or, after that, the `status` is the answer.
    `hold` delays applying it.
    """

    method: str
    path: str
    status: int = 0
    code: int = 0
    retry_after: float = 0.0
    everywhere: bool = False
    drop: Literal["", "before", "after"] = ""
    hold: asyncio.Event | None = None
    times: int = 1

    def takes(self, method: str, path: str) -> bool:
        if self.times <= 0 or method != self.method or not re.search(self.path, path):
            return False
        self.times -= 1
        return True


class FakeDiscord(Waiting, People):
    """A Discord with one bot, over HTTPS with `tls`. Benchmarks set `rates.on = False`."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.tls = tls
        self.host = host
        self.token = f"fake.{uuid4().hex}"
        self.violations: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.on_request: Hook | None = None
        self._waiting = []
        world = World()
        self.judge = Judge(self.violations.append)
        gateway = Gateway(world, self.token, self.violations.append, self.changed, self.judge)
        super().__init__(world, gateway, Rest(world, gateway, self.violations.append))
        self.rates = Rates(self.clock.now)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeDiscord:
        app = web.Application(middlewares=[self._notice_own_faults], client_max_size=2 * LARGEST_BODY)
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_route("*", "/api/v10/{path:.*}", self._handle)
        app.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        address, secure = f"{self.host}:{self._runner.addresses[0][1]}", "s" if self.tls else ""
        self.api_url = f"http{secure}://{address}/api/v10"
        self.files_url = f"http{secure}://{address}/files"
        self.gateway.url = self.gateway_url = f"ws{secure}://{address}/gateway/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in list(self.gateway.sockets):
            await socket.ws.close(code=4000)
        assert self._runner is not None
        await self._runner.cleanup()

    async def _file(self, request: web.Request) -> web.Response:
        """Send an attachment as Discord's CDN does, to everybody."""
        if "Authorization" in request.headers:
            self.violations.append("the token was sent with a request for a file")
        name = request.match_info["name"]
        if name.startswith("lost") or request.query.get("ex") != str(self.world.signature):
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=self.held.get(name) or content_of(name), content_type="application/octet-stream")

    def expire_addresses(self) -> None:
        """Expire every address of a file that Discord has issued."""
        self.world.signature += 1

    def refuse_message_content(self) -> None:
        """Refuse the message-content intent: a session that asks for it ends with 4014, and content stays blank."""
        self.gateway.refused_intents |= CONTENT

    def fail(self, method: str, path: str, status: int = 0, **how: object) -> Fault:
        """Add a Fault with the fields `how`."""
        fault = Fault(method, path, status, **how)  # type: ignore[arg-type]  # keywords of Fault
        self.faults.append(fault)
        return fault

    async def connected(self) -> Session:
        """Wait for the bot's first session."""
        return await self.wait(lambda: next(iter(self.gateway.connected), None))

    async def answer_to(self, asked: str | Interaction) -> Message:
        """Wait for the bot's finished answer: with a text, without a Stop button or a place in a queue."""
        return await self.wait(lambda: next((m for m in self.answers_to(asked) if _finished(m)), None))

    async def complete(
        self, channel: str, user: str, command: str, option: str, typed: str, given: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the bot's completions of a partly typed option; `given` are the other options."""
        interaction = self.type(channel, user, command, option, typed, given)
        await self.wait(lambda: interaction.callback)
        return interaction.choices

    @web.middleware
    async def _notice_own_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            self.violations.append(f"this server failed at {request.method} {request.path}: {error!r}")
            raise

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method, path = request.method, "/" + request.match_info["path"]
        self.requests.append((method, path))
        self.changed()
        try:
            if self.on_request is not None:
                await self.on_request("received", method, path)
            response = await self._answer(request, method, path)
            if self.on_request is not None:
                await self.on_request("applied", method, path)
        except (_Dropped, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            self.changed()
            return web.Response()
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write_eof()
            if self.on_request is not None:
                await self.on_request("answered", method, path)
        self.changed()
        return response

    async def _answer(self, request: web.Request, method: str, path: str) -> web.Response:
        fault = next((fault for fault in self.faults if fault.takes(method, path)), None)
        if fault is not None and fault.hold is not None:
            await fault.hold.wait()
        if fault is not None and fault.drop == "before":
            raise _Dropped
        if fault is not None and fault.status and not fault.drop:
            return self._judged(method, path, _failure(fault))
        try:
            if (request.content_length or 0) > LARGEST_BODY:
                self.violations.append(f"a request above 25 MiB: {method} {path}")
                raise refuse(413, 40005, "Request entity too large")
            sent = await _read(request)
            self._authorise(request, path)
            limited, headers = self._rate(method, path)
            if limited is not None:
                return limited
            answer = self._route(method, path, sent, request.query)
        except Refused as refused:
            return self._judged(method, path, _json({"code": refused.code, "message": refused.message}, refused.status))
        if fault is not None and fault.drop == "after":
            if fault.status:
                return self._judged(method, path, _failure(fault))
            raise _Dropped
        made = 201 if method == "POST" and path.endswith("/threads") else 200
        return self._judged(method, path, _json(answer, 204 if answer is None else made, headers))

    def _judged(self, method: str, path: str, response: web.Response) -> web.Response:
        body = orjson.loads(response.body) if isinstance(response.body, bytes) and response.body else None
        self.judge.answer(method, path, response.status, body)
        return response

    def _authorise(self, request: web.Request, path: str) -> None:
        if request.headers.get("Authorization") != f"Bot {self.token}" and not path.startswith(UNLIMITED):
            raise refuse(401, 0, "401: Unauthorized")

    def _rate(self, method: str, path: str) -> tuple[web.Response | None, Mapping[str, str]]:
        if not self.rates.on:
            return None, {}
        if not path.startswith(UNLIMITED) and not self.rates.spend("global", 50, 1.0)[0]:
            self.violations.append(f"more than 50 requests a second: {method} {path}")
            return _too_many(1.0, everywhere=True), {}
        found = re.match(r"/(channels|webhooks)/([^/]+)(/[^/]+)?", path)
        if not found or method == "GET" or path.endswith("/typing"):
            return None, {}
        major = found[2] + (found[3] or "" if found[1] == "webhooks" else "")
        within, headers = self.rates.spend(f"{method.lower()}-{found[1]} {major}", 5, 5.0)
        if within:
            return None, headers
        self.violations.append(f"more than 5 requests in 5 s: {method} {path}")
        return _too_many(float(headers["X-RateLimit-Reset-After"]), headers=headers), headers

    def _route(self, method: str, path: str, sent: Sent, query: Mapping[str, str]) -> object:
        for known, pattern, answer in self.rest.routes:
            found = pattern.fullmatch(path) if known == method else None
            if found:
                body, files = sent
                try:
                    return answer(Call(found.groups(), body if isinstance(body, dict) else {}, query, body, files))
                finally:
                    self.judge.request(method, path, body, query, files=bool(files))
        self.violations.append(f"unknown route {method} {path}")
        raise refuse(404, 0, "404: Not Found")


Sent: TypeAlias = tuple[object, Mapping[int, tuple[str, bytes]]]
"""A body, and its files by their numbers."""


async def _read(request: web.Request) -> Sent:
    if not request.content_type.startswith("multipart/"):
        raw = await request.read()
        return orjson.loads(raw) if raw else None, {}
    body: object = {}
    files: dict[int, tuple[str, bytes]] = {}
    for name, part in (await request.post()).items():
        if name == "payload_json" and isinstance(part, str):
            body = orjson.loads(part)
        elif isinstance(part, web.FileField) and (numbered := re.fullmatch(r"files\[(\d+)\]", name)):
            files[int(numbered[1])] = part.filename, part.file.read()
        else:
            raise refuse(400, 50035, f"the form's part {name}")
    return body, files


class _Dropped(Exception):
    pass


def _finished(message: Message) -> bool:
    return "Stop" not in message.buttons and not message.loading and not message.content.startswith("_Waiting")


def _json(body: object, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON response. discord.py needs this exact content type, and takes a 429 without Via for a ban."""
    every = {"Via": "1.1 fake", **(headers or {})}
    if status == 204:
        return web.Response(status=status, headers=every)
    return web.Response(body=orjson.dumps(body), status=status, headers={"Content-Type": "application/json", **every})


def _too_many(seconds: float, *, everywhere: bool = False, headers: Mapping[str, str] | None = None) -> web.Response:
    body: Json = {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}
    scope = "global" if everywhere else "user"
    return _json(body, 429, {"Retry-After": str(seconds), "X-RateLimit-Scope": scope, **(headers or {})})


def _failure(fault: Fault) -> web.Response:
    if fault.status == 429:
        return _too_many(fault.retry_after, everywhere=fault.everywhere)
    return _json({"code": fault.code, "message": f"fault {fault.status}"}, fault.status)
