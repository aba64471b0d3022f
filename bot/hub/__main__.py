"""`python -m bot.hub`: does one thing that is asked on standard input, tells of it on standard output, and ends.

Its environment holds none of the bot's secrets but HF_TOKEN, where the operator set it.
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
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # it is, if not in so many words

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
    decode_ask,
    encode_event,
)
from bot.hub.transport import HubUnreachableError, client, trouble_of
from bot.interfaces.errors import ConfigError
from bot.interfaces.network import Trouble, endpoint, network_of
from bot.utils.secrets import blanked, secrets_in

Tell = Callable[[HubEvent], None]

LOOKED_THROUGH = 100
"""Results of a search that are looked through for those with weights that can be loaded."""

_EXPANDED = ("downloads", "gated", "pipeline_tag", "tags")
_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_ASK_SECONDS = 20.0
_EVERY = 0.2
"""Seconds between two tellings of progress."""

NETWORK = network_of(os.environ)
TOKEN = os.environ.get("HF_TOKEN") or None
HOST = urlsplit(ENDPOINT).netloc
SETTINGS = {endpoint(ENDPOINT): "endpoint in the table [hub]"} if "HF_ENDPOINT" in os.environ else {}


def main() -> None:
    """Do what is asked; whatever goes wrong is told in a sentence."""
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print goes elsewhere
    ask = decode_ask(sys.stdin.buffer.readline())
    set_client_factory(partial(client, NETWORK, SETTINGS))

    def tell(event: HubEvent) -> None:
        events.write(encode_event(event))

    try:
        _do(ask, tell)
    except BrokenPipeError:
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001 -- told to who asked; there is nobody else here
        tell(HubFailed(sentence(error, ask)))


def _do(ask: HubRequest, tell: Tell) -> None:
    match ask:
        case Search():
            tell(search(ask))
        case Inspect():
            tell(look(ask))
        case Pull():
            pull(ask, tell)


def _headers() -> dict[str, str]:
    return {"User-Agent": f"shoulders/{__version__}", **({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})}


def search(ask: Search) -> Hits:
    """Those that most people download, of those with weights in a form that can be loaded.

    The library's own search waits without a word for as long as the Hub likes.
    """
    query: dict[str, str | int | tuple[str, ...]] = {"search": ask.words, "sort": "downloads", "limit": LOOKED_THROUGH}
    query |= {"expand": _EXPANDED, **({"pipeline_tag": ask.task} if ask.task else {})}
    answer = get_session().get(f"{ENDPOINT}/api/models", params=query, headers=_headers(), timeout=_TIMEOUT)
    hf_raise_for_status(answer)
    listed = (ModelInfo(**item) for item in answer.json())  # type: ignore[no-untyped-call]  # the library leaves it bare
    fitting = (info for info in listed if {"safetensors", "gguf"} & set(info.tags or ()))
    return Hits(tuple(_hit(info) for info in islice(fitting, ask.limit)))


def _hit(info: ModelInfo) -> Hit:
    return Hit(info.id, info.pipeline_tag or "", _licence(info), info.downloads or 0, bool(info.gated))


def look(ask: Inspect) -> FoundModel | HubFailed:
    """Everything about a model that its being admitted hangs on."""
    api = HfApi(token=TOKEN or False, library_name="shoulders", library_version=__version__)
    info = api.model_info(ask.model, revision=ask.revision or None, files_metadata=True, timeout=_ASK_SECONDS)
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


def pull(ask: Pull, tell: Tell) -> None:
    """Bring every file into the folder, the small ones first."""
    folder = Path(ask.folder)
    folder.mkdir(parents=True, exist_ok=True)
    done = 0

    def grown(more: int) -> None:
        nonlocal done
        done += more

    with (
        FileLock(ask.lock, timeout=0),
        _telling(lambda: DownloadProgress(done, sum(file.size for file in ask.files)), tell),
    ):
        for file in sorted(ask.files, key=lambda file: file.size):
            target = folder / file.path
            if not target.resolve().is_relative_to(folder.resolve()):
                raise WrongBytesError(file.path)
            Download(file, target, lambda path, offset: _open(ask, path, offset), grown).run()
    tell(Pulled())


@contextmanager
def _telling(now: Callable[[], DownloadProgress], tell: Tell) -> Iterator[None]:
    """Tell how far it is whenever that changed, and at the end."""
    ended = Flag()

    def keep_telling() -> None:
        told = None
        while not ended.wait(_EVERY):
            if now() != told:
                told = now()
                tell(told)

    teller = Thread(target=keep_telling, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
    tell(now())


@dataclass(frozen=True, slots=True)
class _Bytes:
    response: httpx2.Response
    offset: int

    def chunks(self) -> Iterator[bytes]:
        return self.response.iter_raw()


@contextmanager
def _open(ask: Pull, path: str, offset: int) -> Iterator[_Bytes]:
    """A file's bytes from an offset on. The session follows redirects, and takes the token to the Hub alone."""
    headers = {**_headers(), "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    url = hf_hub_url(ask.model, path, revision=ask.revision)
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT) as response:
        if response.status_code == 429 or response.status_code >= 500:
            raise BusyError(_after(response)) from httpx2.HTTPStatusError(
                f"{response.status_code}", request=response.request, response=response
            )
        if response.status_code == 416:  # what is there cannot be the beginning of this file
            yield _Bytes(response, -1)
            return
        hf_raise_for_status(response)
        begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        yield _Bytes(response, int(begins) if response.status_code == 206 and begins.isdecimal() else 0)


def _after(response: httpx2.Response) -> float | None:
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isdecimal() else None


def sentence(error: Exception, ask: HubRequest) -> str:
    """What went wrong, and what to do about it."""
    model = getattr(ask, "model", "the model")
    match error:
        case OfflineModeIsEnabled():
            return "The Hub is not asked: offline mode is on ([hub] offline in config.toml, or HF_HUB_OFFLINE)."
        case GatedRepoError():
            return gated(model)
        case RepositoryNotFoundError():
            return f"There is no model {model} at {HOST}, or it is not public."
        case RevisionNotFoundError():
            return f"{model} has no revision “{getattr(ask, 'revision', '')}”."
        case EntryNotFoundError():
            return f"{model} lacks a file that it lists; look whether it has a newer revision."
        case BusyError():
            return f"{HOST} is too busy or out of order. What is there is kept: pulling again later goes on from there."
        case HfHubHTTPError():
            return _refused(error.response, model)
        case HubUnreachableError():
            return str(error)
        case ConfigError():
            return error.message
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.ProxyError():
            trouble = trouble_of(error, str(error.request.url), NETWORK, SETTINGS)
            return str(trouble) if trouble else f"{HOST} cannot be reached. Try again later."
        case httpx2.RemoteProtocolError() | httpx2.ReadError() if trouble := _meant_secure(error):
            return str(trouble)
        case httpx2.HTTPError():
            return f"The connection to {HOST} broke off. What is there is kept: pulling again goes on from there."
        case WrongBytesError():
            return f"{model}'s file {error} is not what the Hub says it is, so nothing of it was kept. Try again."
        case Timeout():
            return f"{model} is being downloaded by another process. Ask again when it is done."
        case OSError(errno=errno.ENOSPC):
            return "The disk is full. What is there is kept: make room, and pull again."
        case _:
            said = blanked(str(error), secrets_in(os.environ)).strip()[:200]
            return f"The Hub could not be used: {type(error).__name__}, {said or 'no reason given'}."


def _meant_secure(error: httpx2.TransportError) -> Trouble | None:
    url = str(error.request.url)
    return NETWORK.meant_secure(url, SETTINGS.get(endpoint(url), ""))


def gated(model: str) -> str:
    """What to do about a model whose makers want something first."""
    if TOKEN:
        return f"{model} is gated, and the account of HF_TOKEN has no access to it: ask for it at {ENDPOINT}/{model}."
    return (
        f"{model} is gated: its makers want their terms accepted first. Do so at {ENDPOINT}/{model}, and start the bot "
        "with HF_TOKEN, a token of that account."
    )


def _refused(response: httpx2.Response, model: str) -> str:
    if response.status_code == 401:
        return (
            f"{HOST} does not accept HF_TOKEN."
            if TOKEN
            else f"There is no model {model} at {HOST}, or it is not public."
        )
    if response.status_code == 429:
        after = _after(response)
        return f"{HOST} is asked too often. Try again {f'in {after:.0f} seconds' if after else 'later'}."
    if response.status_code >= 500:
        return f"{HOST} is out of order ({response.status_code}). Try again later."
    account = "the account of HF_TOKEN may do" if TOKEN else "is wanted there; an HF_TOKEN may be"
    return f"{HOST} refused ({response.status_code}). Whoever runs this bot must find out what {account}."


if __name__ == "__main__":
    main()
