"""A loopback server that speaks OpenAI's API: strict about requests, scripted in its answers and faults.

    async with FakeOpenAI() as openai:
        openai.script(Answer(("Hel", gate, "lo")), FAULTS["overloaded"]())
        ...                       # a client sends requests to openai.base_url with openai.key
    assert not openai.violations

Without a script it answers "You said: " and the newest message, word by word. media.py has its API beside chat. With an
`api_version` it is Azure: chat is at a deployment's address, and the key in a header of its own. With `tls` it speaks
HTTPS, at the name `host`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Literal, NoReturn, TypeAlias

import orjson
from aiohttp import web

from tests.fakes import media
from tests.fakes.rules import violations

Body: TypeAlias = Mapping[str, object]
Stage = Literal["received", "answered"]


class Step(Enum):
    """A step of an answer that is not text."""

    CUT = "close the connection without another word"


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer.

    `steps` run in order: a str is a delta of content, bytes are sent raw, an Event is waited for, CUT disconnects.
    `finish` is the finish_reason; None ends the stream without one and without [DONE]. `pause` is the seconds between
    two steps, for benchmarks. A `body` is sent whole in place of the steps, with `status`.
    """

    steps: Sequence[str | bytes | asyncio.Event | Step] = ()
    finish: str | None = "stop"
    usage: tuple[int, int] = (10, 5)
    pause: float = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    media_type: str = "application/json"


def event(content: object) -> bytes:
    """Return one server-sent event."""
    return b"data: " + orjson.dumps(content) + b"\n\n"


ENVELOPE: Body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test"}


def chunk(delta: Body, finish: str | None = None) -> bytes:
    """Return one chunk of a streamed completion."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    )


def problem(
    message: str, code: str | None = None, param: str | None = None, kind: str = "invalid_request_error"
) -> bytes:
    """Return the body of an error in OpenAI's form."""
    return orjson.dumps({"error": {"message": message, "type": "error", "param": param, "code": code}})


def failing(
    status: int, message: str, code: str | None = None, param: str | None = None, after: float | None = None
) -> Answer:
    """Return an answer that is an error; `after` is its Retry-After in seconds."""
    headers = {} if after is None else {"Retry-After": str(after)}
    return Answer(status=status, body=problem(message, code, param), headers=headers)


def whole(media_type: str, body: bytes) -> Answer:
    """Return an answer that is sent whole."""
    return Answer(body=body, media_type=media_type)


def page(status: int) -> Answer:
    """Return a page for browsers in place of an answer, as proxies send it."""
    return Answer(status=status, body=b"<html><h1>Something is in the way</h1></html>", media_type="text/html")


CANARY = "sk-canary-that-nobody-may-see"
LIMIT = "Rate limit reached for requests"
LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."

FAULTS: Mapping[str, Callable[[], Answer]] = {
    "rate limited": lambda: failing(429, LIMIT, "rate_limit_exceeded"),
    "rate limited for long": lambda: failing(429, LIMIT, "rate_limit_exceeded", after=3600),
    "out of credit": lambda: failing(429, "You exceeded your current quota", "insufficient_quota"),
    "broken inside": lambda: failing(500, "The server had an error while processing your request"),
    "overloaded": lambda: failing(503, "The engine is currently overloaded"),
    "wrong key": lambda: failing(401, f"Incorrect API key provided: {CANARY}", "invalid_api_key"),
    "no right": lambda: failing(403, "Project does not have access to model"),
    "unknown model": lambda: failing(404, "The model does not exist", "model_not_found"),
    "too long": lambda: failing(400, LONG, "context_length_exceeded", "messages"),
    "refused": lambda: failing(400, "Invalid 'temperature'", "invalid_value", "temperature"),
    "web page": lambda: page(502),
    "web page as success": lambda: page(200),
    "reset": lambda: Answer((Step.CUT,), status=0),
    "cut at once": lambda: Answer((Step.CUT,)),
    "cut": lambda: Answer(("Half ", Step.CUT)),
    "truncated": lambda: Answer(("Half ",), finish=None),
    "malformed": lambda: Answer(("Half ", b'data: {"choices": [{"delta": {"con\n\n'), finish=None),
    "error inside": lambda: Answer(("Half ", b"data: " + problem("overloaded", "server_error") + b"\n\n")),
    "stalled at once": lambda: Answer((asyncio.Event(),)),
    "stalled": lambda: Answer(("Half ", asyncio.Event())),
    "filtered": lambda: Answer(("Half ",), finish="content_filter"),
}
"""Every way in which a model's server fails; each call returns a new answer."""


def unused_url() -> str:
    """Return a base URL that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


class FakeOpenAI:
    """The server. An empty `key` requires none; `rejects` names fields that the server does not know.

    `requests` are the received bodies, also of refused requests, and `authorizations` their headers. `on_request` is
    called when a request has arrived and when its answer is complete. `hung_up` is set when a client closes the
    connection in the middle of an answer. With `lists` False it answers, but does not list its models.
    """

    def __init__(
        self,
        *,
        key: str = "sk-test",
        models: Sequence[str] = ("test", "gpt-4o-mini", "gpt-4o", "gpt-5-mini"),
        rejects: Collection[str] = (),
        api_version: str = "",
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.key = key
        self.api_version = api_version
        self.models = models
        self.tls = tls
        self.host = host
        self.rejects = rejects
        self.answer: Callable[[Body], Answer] = echo
        self.on_request: Callable[[Stage], None] = lambda _stage: None
        self.lists = True
        self.requests: list[Body] = []
        self.violations: list[str] = []
        self.authorizations: list[str] = []
        self.hung_up = asyncio.Event()
        self.base_url = ""
        self._peers: set[object] = set()
        self._scripted: deque[Answer] = deque()
        self._sent: dict[str, bytes] = {}
        app = web.Application()
        root = "/openai" if api_version else "/v1"
        app.router.add_post(f"{root}/deployments/{{model}}/chat/completions", self._complete)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get(f"{root}/models", self._list)
        for path in media.ENDPOINTS:
            app.router.add_post(f"/v1{path}", self._serve_media)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01, access_log=None)

    async def __aenter__(self) -> FakeOpenAI:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.base_url = f"{'https' if self.tls else 'http'}://{self.host}:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self._peers)

    def script(self, *answers: Answer) -> None:
        """Give these answers to the next requests, in order."""
        self._scripted.extend(answers)

    async def _list(self, request: web.Request) -> web.Response:
        self._authorise(request)
        if not self.lists:
            return web.json_response({"detail": "You have no permission for this."}, status=403)
        models = [{"id": model, "object": "model", "created": 1, "owned_by": "tests"} for model in self.models]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        body = orjson.loads(await request.read())
        self.requests.append(body)
        self._examine(body, violations(body))
        return await self._give(request, body, self.answer)

    async def _serve_media(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        path = request.path.removeprefix("/v1")
        body = await media.body_of(request)
        self.requests.append(body)
        self._examine(body, media.violations(path, body))
        return await self._give(request, body, lambda body: whole(*media.ENDPOINTS[path].answer(body)))

    async def _give(self, request: web.Request, body: Body, answering: Callable[[Body], Answer]) -> web.StreamResponse:
        """Return the scripted answer, or else the one that `answer` makes."""
        answer = self._scripted.popleft() if self._scripted else answering(body)
        self.on_request("received")
        if answer.body:
            response: web.StreamResponse = web.Response(
                body=answer.body, status=answer.status, headers=answer.headers, content_type=answer.media_type
            )
        else:
            options = body.get("stream_options")
            usage = isinstance(options, dict) and options.get("include_usage") is True
            response = await self._send(request, answer, usage=usage)
        self.on_request("answered")
        return response

    def _authorise(self, request: web.Request) -> None:
        header = request.headers.get("Authorization", "")
        if self.api_version:
            if request.query.get("api-version") != self.api_version:
                self.violations.append("wrong api-version")
                refuse(404, "Resource not found")
            header = f"Bearer {request.headers.get('api-key', '')}"
        self.authorizations.append(header)
        if request.transport:
            self._peers.add(request.transport.get_extra_info("peername"))
        if self.key and header != f"Bearer {self.key}":
            self.violations.append("wrong key" if header else "missing Authorization")
            refuse(401, "Incorrect API key provided", "invalid_api_key")

    def _examine(self, body: Body, wrong: Sequence[str]) -> None:
        """Record and refuse what OpenAI refuses; a field in `rejects` is refused but no violation."""
        for rejected in self.rejects:
            if rejected in body:
                refuse(400, f"Unsupported parameter: '{rejected}' is not supported", "unsupported_parameter", rejected)
        if wrong:
            self.violations.append(wrong[0])
            refuse(400, wrong[0])
        if body["model"] not in self.models:
            refuse(404, f"The model `{body['model']}` does not exist", "model_not_found")

    async def _send(self, request: web.Request, answer: Answer, *, usage: bool) -> web.StreamResponse:
        """Stream the answer's steps; each is on its way before the next is taken."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **answer.headers})
        if answer.status:
            await response.prepare(request)
        try:
            for step in answer.steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif step is Step.CUT:
                    if request.transport:
                        request.transport.abort()
                    return response
                else:
                    await response.write(self._bytes(step))
                    await asyncio.sleep(answer.pause)
            if answer.finish:
                await response.write(ending(answer, usage=usage))
                await response.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        return response

    def _bytes(self, step: str | bytes | Step) -> bytes:
        """Return a delta's bytes; a cache, because benchmarks send the same words again and again."""
        if not isinstance(step, str):
            assert isinstance(step, bytes)
            return step
        if step not in self._sent:
            self._sent[step] = chunk({"content": step})
        return self._sent[step]


def ending(answer: Answer, *, usage: bool) -> bytes:
    """Return the last events of an answer that ends well."""
    prompt, completion = answer.usage
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    last = event({**ENVELOPE, "choices": [], "usage": counts}) if usage else b""
    return chunk({}, answer.finish) + last + b"data: [DONE]\n\n"


def echo(body: Body) -> Answer:
    """Return "You said: " and the newest message: the answer without a script."""
    messages = body["messages"]
    assert isinstance(messages, list)
    content = messages[-1]["content"]
    if not isinstance(content, str):
        content = f"{content[0]['text']} (with {len(content) - 1} pictures)"
    return Answer(re.findall(r"\s*\S+\s*?", f"You said: {content}"))


def refuse(status: int, message: str, code: str | None = None, param: str | None = None) -> NoReturn:
    """End the request with an error."""
    raise STATUSES[status](text=problem(message, code, param).decode(), content_type="application/json")


STATUSES = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 404: web.HTTPNotFound}
