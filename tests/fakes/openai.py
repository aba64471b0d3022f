"""A loopback server that speaks OpenAI's chat completions: strict about requests, scripted in its answers and faults.

    async with FakeOpenAI() as openai:
        openai.script(Answer(("Hel", gate, "lo")), FAULTS["overloaded"]())
        ...                       # a client asks at openai.base_url with openai.key
    assert not openai.violations

Without a script it says "You said: " and the newest message, word by word.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Literal, NoReturn, TypeAlias

import orjson
from aiohttp import web

Body: TypeAlias = Mapping[str, object]
Stage = Literal["received", "answered"]

FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "stream": bool,
    "stream_options": dict,
    "temperature": (int, float),
    "max_tokens": int,
    "max_completion_tokens": int,
}
ROLES = ("system", "developer", "user", "assistant")
NAME = re.compile(r"[^\s<|\\/>]{1,64}")


class Step(Enum):
    """What an answer may do besides sending."""

    CUT = "close the connection without another word"


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer.

    `steps` are taken in order: a str is a delta of content, bytes go out raw, an Event is waited for, CUT disconnects.
    `finish` is the finish_reason; None breaks the stream off silently, without one and without [DONE]. `pause` is in
    seconds between steps, for benchmarks. Where there is a `body`, it is sent whole instead, with `status`.
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
    """One server-sent event."""
    return b"data: " + orjson.dumps(content) + b"\n\n"


ENVELOPE: Body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test"}


def chunk(delta: Body, finish: str | None = None) -> bytes:
    """One piece of a streamed completion."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    )


def problem(
    message: str, code: str | None = None, param: str | None = None, kind: str = "invalid_request_error"
) -> bytes:
    """The body of an error, as OpenAI writes it."""
    return orjson.dumps({"error": {"message": message, "type": "error", "param": param, "code": code}})


def failing(
    status: int, message: str, code: str | None = None, param: str | None = None, after: float | None = None
) -> Answer:
    """An answer that is an error; `after` is what its Retry-After says."""
    headers = {} if after is None else {"Retry-After": str(after)}
    return Answer(status=status, body=problem(message, code, param), headers=headers)


def page(status: int) -> Answer:
    """A page for browsers where an answer should be, as proxies send it."""
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
"""Every way in which a model's server fails; a call makes a fresh answer."""


def unused_url() -> str:
    """A base URL where connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


class FakeOpenAI:
    """The server. `key` "" asks for none; `rejects` names fields that it does not know, as compatible servers do.

    `requests` are the bodies seen, refused ones too, and `authorizations` their headers. `on_request` is told when a
    request was taken in, and when its answer was sent to its end. `hung_up` is set when a client left in the middle of
    an answer.
    """

    def __init__(
        self,
        *,
        key: str = "sk-test",
        models: Sequence[str] = ("test", "gpt-4o-mini", "gpt-4o", "gpt-5-mini"),
        rejects: Collection[str] = (),
    ) -> None:
        self.key = key
        self.models = models
        self.rejects = rejects
        self.answer: Callable[[Body], Answer] = echo
        self.on_request: Callable[[Stage], None] = lambda _stage: None
        self.requests: list[Body] = []
        self.violations: list[str] = []
        self.authorizations: list[str] = []
        self.hung_up = asyncio.Event()
        self.base_url = ""
        self._peers: set[object] = set()
        self._scripted: deque[Answer] = deque()
        self._sent: dict[str, bytes] = {}
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01, access_log=None)

    async def __aenter__(self) -> FakeOpenAI:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
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
        models = [{"id": model, "object": "model", "created": 1, "owned_by": "tests"} for model in self.models]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request)
        body = orjson.loads(await request.read())
        self.requests.append(body)
        self._examine(body)
        answer = self._scripted.popleft() if self._scripted else self.answer(body)
        self.on_request("received")
        if answer.body:
            response: web.StreamResponse = web.Response(
                body=answer.body, status=answer.status, headers=answer.headers, content_type=answer.media_type
            )
        else:
            usage = "stream_options" in body and body["stream_options"].get("include_usage") is True
            response = await self._send(request, answer, usage=usage)
        self.on_request("answered")
        return response

    def _authorise(self, request: web.Request) -> None:
        header = request.headers.get("Authorization", "")
        self.authorizations.append(header)
        if request.transport:
            self._peers.add(request.transport.get_extra_info("peername"))
        if self.key and header != f"Bearer {self.key}":
            self.violations.append("wrong key" if header else "missing Authorization")
            refuse(401, "Incorrect API key provided", "invalid_api_key")

    def _examine(self, body: Body) -> None:
        """Record and refuse what OpenAI refuses; a field in `rejects` is refused but no violation."""
        for rejected in self.rejects:
            if rejected in body:
                refuse(400, f"Unsupported parameter: '{rejected}' is not supported", "unsupported_parameter", rejected)
        if found := next(iter(violations(body)), ""):
            self.violations.append(found)
            refuse(400, found)
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
        """A delta's bytes, made once: benchmarks send the same words again and again."""
        if not isinstance(step, str):
            assert isinstance(step, bytes)
            return step
        if step not in self._sent:
            self._sent[step] = chunk({"content": step})
        return self._sent[step]


def ending(answer: Answer, *, usage: bool) -> bytes:
    """The last events of an answer that ends well."""
    prompt, completion = answer.usage
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    last = event({**ENVELOPE, "choices": [], "usage": counts}) if usage else b""
    return chunk({}, answer.finish) + last + b"data: [DONE]\n\n"


def echo(body: Body) -> Answer:
    """What is said where nothing was scripted."""
    messages = body["messages"]
    assert isinstance(messages, list)
    return Answer(re.findall(r"\s*\S+\s*?", "You said: " + messages[-1]["content"]))


def violations(body: Body) -> Sequence[str]:
    """Everything that OpenAI refuses in a request, worst first."""
    found = [f"unknown field {name}" for name in body if name not in FIELDS]
    found += [
        f"wrong type of {name}" for name, value in body.items() if not isinstance(value, FIELDS.get(name, object))
    ]
    found += [f"missing {name}" for name in ("model", "messages", "stream") if not body.get(name)]
    if "max_tokens" in body and "max_completion_tokens" in body:
        found.append("both max_tokens and max_completion_tokens")
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        found += wrong_in_message(message)
    return found


def wrong_in_message(message: Mapping[str, object]) -> Sequence[str]:
    """What is wrong with one message."""
    found = [f"unknown field messages.{name}" for name in message if name not in ("role", "content", "name")]
    if message.get("role") not in ROLES:
        found.append(f"bad role {message.get('role')}")
    if not isinstance(message.get("content"), str):
        found.append("missing content")
    if not NAME.fullmatch(str(message.get("name", "x"))):
        found.append(f"bad name {message['name']}")
    return found


def refuse(status: int, message: str, code: str | None = None, param: str | None = None) -> NoReturn:
    """End the request with an error."""
    raise STATUSES[status](text=problem(message, code, param).decode(), content_type="application/json")


STATUSES = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 404: web.HTTPNotFound}
