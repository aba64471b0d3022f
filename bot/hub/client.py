"""Client of the Hub in the bot's process: one child process for each request, within the operator's rules."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

from bot.hub.admission import HubLimits, HubSection, ModelFiles, check_id, check_memory, choose, needed
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
    Search,
    decode_event,
    encode_request,
)
from bot.inference import downloads
from bot.inference.memory_limits import limit
from bot.inference.process import environment_for_models
from bot.interfaces.errors import HubError, UserError
from bot.interfaces.network import part_of
from bot.utils import child_process
from bot.utils.byte_sizes import format_bytes, parse_bytes

ANSWER_SECONDS = 45.0
"""Longest time for a search or an inspection, retries of a busy Hub included."""

WIDEST = 4
"""Most bytes of a number in memory. A model that fits with these needs no closer look at the machine."""

_SPARE = 200_000_000
"""Bytes of the disk that stay free."""

_LINE_BYTES = 1 << 24
"""Most bytes of one event; a model with many files has a long line."""

# no statistics to the Hub; no token but HF_TOKEN, such as one that the operator has saved by its command line
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


class Hub:
    """Search, inspection and download of models.

    Each request runs in a child process, which ends with the request or when its caller is cancelled. `memory` is the
    limit for all loaded models in bytes, 0 for the default.
    """

    def __init__(self, rules: HubSection, folder: Path, environment: Mapping[str, str], memory: int = 0) -> None:
        self.rules = rules
        self._folder = folder
        self._memory = memory
        self._offline = environment_for_models(environment)
        # only for the child that talks with the Hub: a proxy's address may hold a password
        self._environment = {**self._offline, **part_of(environment), **_QUIET}
        if token := environment.get("HF_TOKEN"):
            self._environment["HF_TOKEN"] = token
        if rules.endpoint:
            self._environment["HF_ENDPOINT"] = rules.endpoint
        if rules.offline:
            self._environment["HF_HUB_OFFLINE"] = "1"
        self._pulling: dict[Path, int] = {}

    async def search(self, words: str, task: str = "") -> Sequence[Hit]:
        """Return the models that match words and a task, the most downloaded first. Raises HubError."""
        answer = await self._answer(Search(words, task))
        assert isinstance(answer, Hits)
        return answer.hits

    async def look(
        self,
        model: str,
        revision: str = "",
        task: str = "",
        rules: HubSection | None = None,
        run: Sequence[str] = ("auto", "auto", "auto"),
    ) -> ModelFiles:
        """Return the files that a download of the model would fetch, at the revision's commit.

        `run` is the device, dtype and quantise of the model's table. Raises UserError or HubError for a model that is
        not admitted, does not exist or needs too much memory.
        """
        rules = rules or self.rules
        check_id(model, rules)
        found = await self._answer(Inspect(model, revision))
        assert isinstance(found, FoundModel)
        chosen = choose(found, task, rules)
        if needed(found, chosen, WIDEST) > await asyncio.to_thread(limit, self._memory, "cpu"):
            check_memory(found, chosen, await self._limits(run))
        return chosen

    async def _limits(self, run: Sequence[str]) -> HubLimits:
        """Return the memory for a model and the width of its numbers, which depend on the machine's devices.

        A child process finds out, because only torch knows and the bot's process never imports it. Raises HubError.
        """
        process = await child_process.start(
            "bot.inference.probe", str(self._memory), *run, environment=self._offline, line=_LINE_BYTES
        )
        try:
            output, errors = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise HubError(f"I can't determine if the model fits into this machine's memory: {last[:200]}")
        return HubLimits(**json.loads(output))

    async def pull(self, chosen: ModelFiles) -> AsyncGenerator[DownloadProgress]:
        """Download the files that are missing and yield the progress. Raises HubError or UserError.

        Closing the generator early ends the download and keeps the bytes that have arrived.
        """
        target = self.folder(chosen.model, chosen.revision)
        if target in self._pulling:
            raise UserError(f"{chosen.model} is being downloaded already.")
        self._pulling[target] = chosen.size
        try:
            if await asyncio.to_thread(downloads.ready, target):
                return
            await asyncio.to_thread(self._check_disk, chosen, target)
            draft, lock = downloads.unfinished(target).absolute(), downloads.lock(target).absolute()
            request = Pull(chosen.model, chosen.revision, chosen.files, str(draft), str(lock))
            async with aclosing(self._events(request)) as events:
                async for event in events:
                    if isinstance(event, DownloadProgress):
                        yield event
            await asyncio.to_thread(downloads.finish, target)
        finally:
            del self._pulling[target]

    def folder(self, model: str, revision: str) -> Path:
        """Return the folder of a model's files, which need not exist yet."""
        return downloads.of(self._folder, model, revision)

    async def ready(self, model: str, revision: str) -> bool:
        """Return True if a model is downloaded completely."""
        return await asyncio.to_thread(downloads.ready, self.folder(model, revision))

    async def forget(self, model: str, revision: str) -> None:
        """Remove a model's files. Raises UserError while they are being downloaded."""
        target = self.folder(model, revision)
        if target in self._pulling:
            raise UserError(f"{model} is being downloaded. Stop that first.")
        await asyncio.to_thread(downloads.forget, target)

    def _check_disk(self, chosen: ModelFiles, target: Path) -> None:
        """Raise UserError for a model that exceeds the operator's limit, and HubError for one that exceeds the disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # a download under way counts with its whole size, not with the bytes that have arrived
        arrived = sum(downloads.taken(downloads.unfinished(path)) for path in self._pulling)
        others = downloads.taken(self._folder) - arrived + sum(self._pulling.values()) - chosen.size
        budget = parse_bytes(self.rules.disk)
        if others + chosen.size > budget:
            raise UserError(
                f"{chosen.model} has {format_bytes(chosen.size)}. Models may take {format_bytes(budget)} of the disk, "
                f"and {format_bytes(others)} are taken. Make room with `/models remove`."
            )
        missing = chosen.size - downloads.taken(downloads.unfinished(target))
        free = shutil.disk_usage(self._folder).free - _SPARE
        if missing > free:
            raise HubError(
                f"{chosen.model} needs {format_bytes(missing)} on the disk, and {format_bytes(max(free, 0))} are free. "
                "Make room on the disk, or with `/models remove`."
            )

    async def _answer(self, request: HubRequest) -> HubEvent:
        """Return the one event that answers a request. Raises HubError."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), aclosing(self._events(request)) as events:
                async for event in events:
                    return event
        except TimeoutError:
            raise HubError(f"The Hub did not answer within {ANSWER_SECONDS:.0f} seconds. Try again later.") from None
        raise AssertionError("the process ends with an answer, or _events raises")

    async def _events(self, request: HubRequest) -> AsyncGenerator[HubEvent]:
        """Yield the events of a request from a new child process, up to the last.

        Closing the generator ends the process. Raises HubError for the event HubFailed and for a crash.
        """
        if find_spec("huggingface_hub") is None:
            raise HubError("Models from the Hub need a package: pip install -c constraints.txt -e '.[local]'")
        process = await child_process.start("bot.hub", environment=self._environment, line=_LINE_BYTES, stderr=DEVNULL)
        assert process.stdin
        assert process.stdout
        ended = False
        try:
            process.stdin.write(encode_request(request))
            process.stdin.close()
            async for line in process.stdout:
                event = decode_event(line)
                if isinstance(event, HubFailed):
                    raise HubError(event.message)
                ended = not isinstance(event, DownloadProgress)
                yield event
            status = await process.wait()
            if not ended:
                raise HubError(f"The process that talks with the Hub crashed (status {status}). Try again.")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
