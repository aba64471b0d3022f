"""A loopback Hugging Face Hub with its CDN: strict about requests, scripted in its faults.

    async with FakeHub() as hub:
        hub.add(Repository("maker/model", {"config.json": b"{}", "model.safetensors": b"..."}))
        hub.fail("model.safetensors", Cut(100))
        ...                       # a client sends requests to hub.endpoint
    assert not hub.violations

Large files are redirected to another port, as the real Hub sends to another host; the token must not follow there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TypeAlias

from aiohttp import web

from tests.fakes.waiting import Waiting

COMMIT = re.compile(r"[0-9a-f]{40}")
LARGE = (".safetensors", ".gguf", ".bin", ".h5", ".msgpack", ".pt")
SEARCHES = {"search", "pipeline_tag", "sort", "limit", "expand"}
EXPANDS = {"downloads", "gated", "pipeline_tag", "tags"}


@dataclass(frozen=True, slots=True)
class Cut:
    """Send `after` bytes and close the connection."""

    after: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Send `after` bytes and wait for the event; the default one is never set."""

    after: int
    gate: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Send the right number of wrong bytes."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Send the whole file for every range."""


Fault: TypeAlias = Cut | Hold | Refuse | Wrong | Whole


@dataclass
class Repository:
    """A model's repository with one commit.

    `config` is the part of config.json that the Hub lists. `numbers` is the count of parameters, 0 if the Hub has none.
    """

    model: str
    files: dict[str, bytes]
    task: str | None = "text-generation"
    licence: str = "apache-2.0"
    tags: tuple[str, ...] = ("conversational",)
    downloads: int = 0
    gated: str | bool = False
    numbers: int = 0
    config: Mapping[str, object] = field(
        default_factory=lambda: {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    )

    @property
    def commit(self) -> str:
        """The hash of the files."""
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()

    @classmethod
    def of_folder(cls, model: str, folder: Path) -> Repository:
        """Return the repository with a folder's files."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        config = json.loads(files["config.json"])
        listed = {key: config[key] for key in ("model_type", "architectures")}
        return cls(model, {**files, "README.md": b"# A model"}, config=listed)

    def listing(self, *, files: bool = False) -> Mapping[str, object]:
        """Return the Hub's description of the repository."""
        weights = [kind for kind in ("safetensors", "gguf") if any(path.endswith(f".{kind}") for path in self.files)]
        described: dict[str, object] = {
            "_id": "1",
            "id": self.model,
            "modelId": self.model,
            "downloads": self.downloads,
            "gated": self.gated,
            "private": False,
            "tags": ["transformers", *weights, *self.tags, *([f"license:{self.licence}"] if self.licence else [])],
            "pipeline_tag": self.task,
        }
        if files:
            siblings = [_sibling(path, content) for path, content in sorted(self.files.items())]
            described |= {"sha": self.commit, "siblings": siblings, "config": dict(self.config)}
            if self.numbers:
                described["safetensors"] = {"parameters": {"F32": self.numbers}, "total": self.numbers}
        return described


def _sibling(path: str, content: bytes) -> Mapping[str, object]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    described: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git}
    if path.endswith(LARGE):
        described["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return described


class FakeHub(Waiting):
    """The server. `requests` are the path and the range of each request for a file's bytes.

    The next requests that are not for files get the `api_faults`. `hung_up` is set when a client closes the connection
    in the middle of a file.
    """

    def __init__(self, token: str = "", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.token = token
        self.tls = tls
        self.host = host
        self.endpoint = ""
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.violations: list[str] = []
        self.api_faults: deque[Refuse] = deque()
        self.hung_up = asyncio.Event()
        self._faults: dict[str, deque[Fault]] = {}
        self._waiting = []
        self._cdn = ""
        hub, cdn = web.Application(), web.Application()
        hub.router.add_get("/api/models", self._search)
        hub.router.add_get("/api/models/{owner}/{name}", self._describe)
        hub.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self._describe)
        hub.router.add_get("/{owner}/{name}/resolve/{revision}/{path:.+}", self._resolve)
        hub.router.add_route("*", "/{rest:.*}", self._unknown)
        cdn.router.add_get("/{owner}/{name}/{path:.+}", self._blob)
        self._runners = [
            web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01, access_log=None) for app in (hub, cdn)
        ]

    async def __aenter__(self) -> FakeHub:
        addresses = []
        for runner in self._runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls).start()
            addresses.append(f"{'https' if self.tls else 'http'}://{self.host}:{runner.addresses[0][1]}")
        self.endpoint, self._cdn = addresses
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def add(self, *repositories: Repository) -> None:
        """Add repositories to the Hub."""
        self.repositories |= {repository.model: repository for repository in repositories}

    def fail(self, path: str, *faults: Fault) -> None:
        """Script faults for the next requests for a file's bytes."""
        self._faults.setdefault(path, deque()).extend(faults)

    # The API --------------------------------------------------------------------------------------------------------

    async def _search(self, request: web.Request) -> web.Response:
        self._examine(request)
        self._expect(set(request.query) <= SEARCHES, f"unknown query {sorted(set(request.query) - SEARCHES)}")
        self._expect(set(request.query.getall("expand", [])) <= EXPANDS, "unknown expand")
        self._expect(request.query.get("sort") == "downloads", "not sorted by downloads")
        words, task = request.query.get("search", "").lower(), request.query.get("pipeline_tag")
        found = [
            repository
            for repository in self.repositories.values()
            if words in repository.model.lower() and task in (None, repository.task)
        ]
        found.sort(key=lambda repository: -repository.downloads)
        return web.json_response([repository.listing() for repository in found[: int(request.query["limit"])]])

    async def _describe(self, request: web.Request) -> web.Response:
        self._examine(request)
        self._expect(set(request.query) <= {"blobs"}, "unknown query")
        repository = self._repository(request)
        revision = request.match_info.get("revision", "main")
        if revision not in ("main", repository.commit):
            _refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return web.json_response(repository.listing(files=request.query.get("blobs") == "true"))

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        self._examine(request, api=False)
        repository, path = self._repository(request), request.match_info["path"]
        revision = request.match_info["revision"]
        self._expect(bool(COMMIT.fullmatch(revision)), f"{path} was asked for at {revision}, which may change")
        self._expect(not path.endswith((".py", ".bin", ".pt", ".h5")), f"{path} was asked for")
        if revision not in ("main", repository.commit):
            _refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if repository.gated and not self.token:
            _refuse(401, "GatedRepo", f"Access to model {repository.model} is restricted.")
        if path not in repository.files:
            _refuse(404, "EntryNotFound", "Entry not found")
        described = _sibling(path, repository.files[path])
        headers = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if path.endswith(LARGE):
            digest = hashlib.sha256(repository.files[path]).hexdigest()
            linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(described["size"])}
            location = f"{self._cdn}/{repository.model}/{path}?Signature=abc"
            return web.Response(status=302, headers={**headers, **linked, "Location": location})
        return await self._send(request, path, repository.files[path], {**headers, "ETag": f'"{described["blobId"]}"'})

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        self._expect("Authorization" not in request.headers, "the token was sent to the CDN")
        self._expect(request.query.get("Signature") == "abc", "the CDN was asked without a signature")
        repository, path = self._repository(request), request.match_info["path"]
        return await self._send(request, path, repository.files[path], {})

    async def _unknown(self, request: web.Request) -> web.Response:
        self.violations.append(f"unknown request {request.method} {request.path}")
        return web.json_response({"error": "Not found"}, status=404)

    # Shared parts ----------------------------------------------------------------------------------------------------

    def _examine(self, request: web.Request, *, api: bool = True) -> None:
        """Check a request's headers, and raise the next of the `api_faults` if it is for the API."""
        self.asked.append(request.path)
        agent, authorization = request.headers.get("User-Agent", ""), request.headers.get("Authorization", "")
        self._expect(agent.startswith("shoulders/"), f"the user agent is {agent!r}")
        if authorization and authorization != f"Bearer {self.token}":
            raise web.HTTPUnauthorized(
                text=json.dumps({"error": "Invalid credentials in Authorization header"}),
                headers={"X-Error-Message": "Invalid credentials in Authorization header"},
            )
        if api and self.api_faults:
            fault = self.api_faults.popleft()
            raise _Error(fault.status, fault.headers)

    def _expect(self, fine: bool, violation: str) -> None:
        if not fine:
            self.violations.append(violation)

    def _repository(self, request: web.Request) -> Repository:
        model = f"{request.match_info['owner']}/{request.match_info['name']}"
        if model not in self.repositories:
            _refuse(401 if not self.token else 404, "RepoNotFound", "Repository not found")
        return self.repositories[model]

    async def _send(
        self, request: web.Request, path: str, content: bytes, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Send a file's bytes from the start of the requested range, with the file's next scripted fault."""
        asked = request.headers.get("Range", "")
        self.requests.append((path, asked))
        self.changed()
        faults = self._faults.get(path)
        fault = faults.popleft() if faults else None
        if isinstance(fault, Refuse):
            raise _Error(fault.status, fault.headers)
        begin = self._begin(asked, len(content)) if not isinstance(fault, Whole) else 0
        if begin >= len(content) > 0:
            raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{len(content)}"})
        rest = (bytes(byte ^ 1 for byte in content) if isinstance(fault, Wrong) else content)[begin:]
        response = web.StreamResponse(headers={**headers, "Content-Length": str(len(rest))})
        if begin:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        await response.prepare(request)
        try:
            await self._write(request, response, rest, fault)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        return response

    async def _write(
        self, request: web.Request, response: web.StreamResponse, rest: bytes, fault: Fault | None
    ) -> None:
        if isinstance(fault, Cut | Hold):
            await response.write(rest[: fault.after])
            if isinstance(fault, Cut):
                assert request.transport
                request.transport.close()
                return
            self.changed()
            await fault.gate.wait()
            rest = rest[fault.after :]
        await response.write(rest)
        await response.write_eof()

    def _begin(self, asked: str, size: int) -> int:
        if not asked:
            return 0
        found = re.fullmatch(r"bytes=(\d+)-", asked)
        self._expect(found is not None, f"the range {asked}")
        return int(found[1]) if found else 0


class _Error(web.HTTPException):
    """An answer with any error status."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        super().__init__(headers=headers, text=json.dumps({"error": "scripted"}))


def _refuse(status: int, code: str, message: str) -> NoReturn:
    """Raise an error with the Hub's own headers."""
    raise _Error(status, {"X-Error-Code": code, "X-Error-Message": message})
