"""`python -m bot.hub`: read one request from standard input, write its events to standard output, and end.

HF_TOKEN, where the operator set it, is the only secret of the bot in this process's environment.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from urllib.parse import urlsplit

import httpx2
from filelock import FileLock, Timeout
from huggingface_hub import HfApi, get_session, hf_hub_url, set_client_factory
from huggingface_hub.constants import ENDPOINT
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # a re-export without __all__

from bot import __version__
from bot.hub.download import BusyError, Download, WrongBytesError
from bot.hub.protocol import (
    DownloadProgress,
    FoundModel,
    Hit,
    Hits,
    HubEvent,
    HubFailed,
    HubRequest,
    Inspect,
    Pull,
    Pulled,
    RemoteFile,
    Search,
    decode_request,
    encode_event,
)
from bot.hub.transport import HubUnreachableError, client, trouble_of
from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Trouble, endpoint, network_of
from bot.utils.secrets import blanked, secrets_in

Emit = Callable[[HubEvent], None]

SEARCHED = 100
"""Number of results that a search fetches, to filter them for weights that can be loaded."""

_EXPANDED = ("downloads", "gated", "pipeline_tag", "tags")
_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_INSPECT_SECONDS = 20.0
_EVERY = 0.2
"""Seconds between two reports of progress."""

NETWORK = network_of(os.environ)
TOKEN = os.environ.get("HF_TOKEN") or None
HOST = urlsplit(ENDPOINT).netloc
SETTINGS = {endpoint(ENDPOINT): "endpoint in the table [hub]"} if "HF_ENDPOINT" in os.environ else {}


def main() -> None:
    """Handle the request on standard input; a failure becomes the event HubFailed."""
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # libraries that print write to standard error from now on: stdout carries events only
    request = decode_request(sys.stdin.buffer.readline())
    set_client_factory(partial(client, NETWORK, SETTINGS))

    def emit(event: HubEvent) -> None:
        events.write(encode_event(event))

    try:
        match request:
            case Search():
                emit(search(request))
            case Inspect():
                emit(inspect(request))
            case Pull():
                pull(request, emit)
    except BrokenPipeError:  # the bot has closed the request
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001 -- the bot reports every failure to the person who asked
        emit(HubFailed(sentence(error, request)))


def _headers() -> dict[str, str]:
    return {"User-Agent": f"shoulders/{__version__}", **({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})}


def search(request: Search) -> Hits:
    """Return the models with loadable weights, the most downloaded first.

    The library's own search is not used: it sleeps, silently, for as long as the Hub's Retry-After asks.
    """
    query: dict[str, str | int | tuple[str, ...]] = {"search": request.words, "sort": "downloads", "limit": SEARCHED}
    query |= {"expand": _EXPANDED, **({"pipeline_tag": request.task} if request.task else {})}
    answer = get_session().get(f"{ENDPOINT}/api/models", params=query, headers=_headers(), timeout=_TIMEOUT)
    hf_raise_for_status(answer)
    infos = (ModelInfo(**item) for item in answer.json())  # type: ignore[no-untyped-call]  # without types in the library
    loadable = (info for info in infos if {"safetensors", "gguf"} & set(info.tags or ()))
    return Hits(
        tuple(
            Hit(info.id, info.pipeline_tag or "", _licence(info), info.downloads or 0, bool(info.gated))
            for info in islice(loadable, request.limit)
        )
    )


def inspect(request: Inspect) -> FoundModel | HubFailed:
    """Return everything that the admission of a model depends on."""
    api = HfApi(token=TOKEN or False, library_name="shoulders", library_version=__version__)
    revision = request.revision or None
    info = api.model_info(request.model, revision=revision, files_metadata=True, timeout=_INSPECT_SECONDS)
    if info.gated and TOKEN is None:
        return HubFailed(gated(info.id))
    config = info.config or {}
    tokenizer = config.get("tokenizer_config") or {}
    gguf = info.gguf or {}
    tags = set(info.tags or ())
    return FoundModel(
        info.id,
        info.sha or "",
        info.pipeline_tag or "",
        _licence(info),
        "custom_code" in tags or "auto_map" in config,
        "conversational" in tags or "chat_template" in {**tokenizer, **gguf} or "chat_template_jinja" in config,
        str(config.get("model_type") or gguf.get("architecture") or ""),
        tuple(config.get("architectures") or ()),
        tuple(_file(sibling) for sibling in info.siblings or ()),
        (info.safetensors.total if info.safetensors else 0) or int(gguf.get("total") or 0),
    )


def _licence(info: ModelInfo) -> str:
    return next((tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")), "")


def _file(sibling: RepoSibling) -> RemoteFile:
    if sibling.lfs:
        return RemoteFile(sibling.rfilename, sibling.lfs.size, f"sha256:{sibling.lfs.sha256}")
    return RemoteFile(sibling.rfilename, sibling.size or 0, f"git:{sibling.blob_id}" if sibling.blob_id else "")


def pull(request: Pull, emit: Emit) -> None:
    """Download every file into the folder, the small ones first: a missing or wrong one fails early.

    Emits DownloadProgress several times a second, then Pulled. Raises Timeout while another process has the lock.
    """
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    done, total = 0, sum(file.size for file in request.files)

    def add(more: int) -> None:
        nonlocal done
        done += more

    with FileLock(request.lock, timeout=0), _progress_reports(lambda: DownloadProgress(done, total), emit):
        for file in sorted(request.files, key=lambda file: file.size):
            target = folder / file.path
            if not target.resolve().is_relative_to(folder.resolve()):
                raise WrongBytesError(file.path)
            Download(file, target, lambda path, offset: _open(request, path, offset), add).run()
    emit(Pulled())


@contextmanager
def _progress_reports(current: Callable[[], DownloadProgress], emit: Emit) -> Iterator[None]:
    """Emit the progress from a thread whenever it has changed, and once at the end."""
    ended = Flag()

    def report() -> None:
        last = None
        while not ended.wait(_EVERY):
            if (progress := current()) != last:
                last = progress
                emit(progress)

    reporter = Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
    emit(current())


@dataclass(frozen=True, slots=True)
class _Bytes:
    response: httpx2.Response
    offset: int

    def chunks(self) -> Iterator[bytes]:
        return self.response.iter_raw()


@contextmanager
def _open(request: Pull, path: str, offset: int) -> Iterator[_Bytes]:
    """Yield the response with a file's bytes from an offset on. Raises BusyError for a server that may recover.

    The session follows redirects to file servers, and sends the token only to the Hub.
    """
    headers = {**_headers(), "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    url = hf_hub_url(request.model, path, revision=request.revision)
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT) as response:
        if response.status_code == 429 or response.status_code >= 500:
            raise BusyError(_retry_after(response)) from httpx2.HTTPStatusError(
                f"{response.status_code}", request=response.request, response=response
            )
        if response.status_code == 416:  # the part on the disk is longer than the file: -1 makes Download start over
            yield _Bytes(response, -1)
            return
        hf_raise_for_status(response)
        first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        yield _Bytes(response, int(first) if response.status_code == 206 and first.isdecimal() else 0)


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the header's seconds; None without it and for a date, which is rare."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def sentence(error: Exception, request: HubRequest) -> str:
    """Return a message for people about a failure: the cause, then the next step."""
    model = getattr(request, "model", "the model")
    match error:
        case OfflineModeIsEnabled():
            return (
                "The bot does not contact the Hub: offline mode is on. It is set by [hub] offline in config.toml or by "
                "HF_HUB_OFFLINE."
            )
        case GatedRepoError():
            return gated(model)
        case RepositoryNotFoundError():
            return f"There is no model {model} at {HOST}, or it is not public."
        case RevisionNotFoundError():
            return f"{model} has no revision “{getattr(request, 'revision', '')}”."
        case EntryNotFoundError():
            return f"A file that {model} lists is missing from it. Check for a newer revision."
        case BusyError():
            return f"{HOST} is overloaded or out of order. Pull again later: the download resumes where it stopped."
        case HfHubHTTPError():
            return _refused(error.response, model)
        case HubUnreachableError():
            return str(error)
        case ConfigError():
            return error.message
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.ProxyError():
            trouble = trouble_of(error, str(error.request.url), NETWORK, SETTINGS)
            return str(trouble) if trouble else f"{HOST} cannot be reached. Try again later."
        case httpx2.RemoteProtocolError() | httpx2.ReadError() if trouble := _https_needed(error):
            return str(trouble)
        case httpx2.HTTPError():
            return f"The connection to {HOST} broke off. Pull again: the download resumes where it stopped."
        case WrongBytesError():
            return f"{model}'s file {error} does not match its hash on the Hub, so it was deleted. Pull again."
        case Timeout():
            return f"Another process is downloading {model}. Try again when it is done."
        case OSError(errno=errno.ENOSPC):
            return "The disk is full. Free some space and pull again: the download resumes where it stopped."
        case _:
            detail = blanked(str(error), secrets_in(os.environ)).strip()[:200]
            return f"The request to the Hub failed: {type(error).__name__}, {detail or 'no details'}."


def _https_needed(error: httpx2.TransportError) -> Trouble | None:
    """Return an explanation of a connection that broke because the server at an http address expects https."""
    url = str(error.request.url)
    return NETWORK.meant_secure(url, SETTINGS.get(endpoint(url), ""))


def gated(model: str) -> str:
    """Return a message about a model that needs its makers' permission."""
    if TOKEN:
        return (
            f"{model} is gated, and the account of HF_TOKEN has no access to it. Request access at {ENDPOINT}/{model}."
        )
    return (
        f"{model} is gated: you must accept its makers' terms first. Accept them at {ENDPOINT}/{model}, and start the "
        "bot with HF_TOKEN, a token of that account."
    )


def _refused(response: httpx2.Response, model: str) -> str:
    if response.status_code == 401:
        return (
            f"{HOST} does not accept HF_TOKEN."
            if TOKEN
            else f"There is no model {model} at {HOST}, or it is not public."
        )
    if response.status_code == 429:
        after = _retry_after(response)
        return f"{HOST} gets too many requests. Try again {f'in {after:.0f} seconds' if after else 'later'}."
    if response.status_code >= 500:
        return f"{HOST} is out of order ({response.status_code}). Try again later."
    advice = "check the rights of HF_TOKEN's account" if TOKEN else "try it with an HF_TOKEN"
    return f"{HOST} refused the request ({response.status_code}). The operator of this bot should {advice}."


if __name__ == "__main__":
    main()
