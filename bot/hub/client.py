"""The bot's side of the Hub: asks a process for one thing at a time, and keeps to the operator's rules."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

from bot.hub.admission import HubLimits, HubSection, ModelFiles, check_id, choose, make_sure_of_memory, needed
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
    encode_ask,
)
from bot.inference import downloads
from bot.inference.memory_limits import limit
from bot.inference.process import environment_for_models
from bot.interfaces.errors import HubError, UserError
from bot.interfaces.network import part_of
from bot.utils.byte_sizes import format_bytes, in_bytes
from bot.utils.child_process import ROOT

ASK_SECONDS = 45.0
"""How long a search or a look may take; the Hub may say that it wants to be asked later."""

WIDEST = 4
"""Bytes of a number; what fits so need not be looked at closely."""

_SPARE = 200_000_000
"""Bytes of the disk that are left alone."""

_LINE_BYTES = 1 << 24
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


class Hub:
    """Searches, looks and pulls. Each in a process of its own, which ends with it or when it is no longer wanted."""

    def __init__(self, rules: HubSection, folder: Path, environment: Mapping[str, str], memory: int = 0) -> None:
        self.rules = rules
        self._shelf = folder
        self._memory = memory
        self._offline = environment_for_models(environment)
        # only for the process that talks with the Hub: a proxy's address may hold a password
        self._environment = {**self._offline, **part_of(environment), **_QUIET}
        if token := environment.get("HF_TOKEN"):
            self._environment["HF_TOKEN"] = token
        if rules.endpoint:
            self._environment["HF_ENDPOINT"] = rules.endpoint
        if rules.offline:
            self._environment["HF_HUB_OFFLINE"] = "1"
        self._pulling: dict[Path, int] = {}

    async def search(self, words: str, task: str = "") -> Sequence[Hit]:
        """Models that words and a task find, the most used first. Raises HubError."""
        answer = await self._ask(Search(words, task))
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
        """What would be taken of a model at a revision, named by its commit. Raises HubError or UserError.

        `run` is how it is to: device, dtype and quantise of its table.
        """
        rules = rules or self.rules
        check_id(model, rules)
        found = await self._ask(Inspect(model, revision))
        assert isinstance(found, FoundModel)
        chosen = choose(found, task, rules)
        if needed(found, chosen, WIDEST) > await asyncio.to_thread(limit, self._memory, "cpu"):
            make_sure_of_memory(found, chosen, await self._room(run))
        return chosen

    async def _room(self, run: Sequence[str]) -> HubLimits:
        """What room a model has, and in which numbers it will run; that hangs on what is fast on this machine."""
        command = (sys.executable, "-m", "bot.inference.probe", str(self._memory), *run)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._offline,
            cwd=ROOT,
        )
        try:
            said, complaint = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            raise HubError(f"Whether it fits into this machine's memory could not be found out: {last[:200]}")
        return HubLimits(**json.loads(said))

    async def pull(self, chosen: ModelFiles) -> AsyncGenerator[DownloadProgress]:
        """Download what is not there yet. Closed early, it keeps what came so far. Raises HubError or UserError."""
        target = self.folder(chosen.model, chosen.revision)
        if target in self._pulling:
            raise UserError(f"{chosen.model} is being downloaded already.")
        self._pulling[target] = chosen.size
        try:
            if await asyncio.to_thread(downloads.ready, target):
                return
            await asyncio.to_thread(self._make_sure_of_room, chosen, target)
            draft, lock = downloads.unfinished(target).absolute(), downloads.lock(target).absolute()
            ask = Pull(chosen.model, chosen.revision, chosen.files, str(draft), str(lock))
            async with aclosing(self._talk(ask)) as events:
                async for event in events:
                    if isinstance(event, DownloadProgress):
                        yield event
            await asyncio.to_thread(downloads.finish, target)
        finally:
            del self._pulling[target]

    def folder(self, model: str, revision: str) -> Path:
        """Where a model's files lie, or will."""
        return downloads.of(self._shelf, model, revision)

    async def ready(self, model: str, revision: str) -> bool:
        """Whether a model's files are all there."""
        return await asyncio.to_thread(downloads.ready, self.folder(model, revision))

    async def forget(self, model: str, revision: str) -> None:
        """Remove a model's files. Raises UserError while they are being downloaded."""
        target = self.folder(model, revision)
        if target in self._pulling:
            raise UserError(f"{model} is being downloaded. Stop that first.")
        await asyncio.to_thread(downloads.forget, target)

    def _make_sure_of_room(self, chosen: ModelFiles, target: Path) -> None:
        """Raise UserError or HubError where the operator's budget or the disk has too little room."""
        self._shelf.mkdir(parents=True, exist_ok=True)
        under_way = sum(downloads.taken(downloads.unfinished(path)) for path in self._pulling)
        others = downloads.taken(self._shelf) - under_way + sum(self._pulling.values()) - chosen.size
        budget = in_bytes(self.rules.disk)
        if others + chosen.size > budget:
            raise UserError(
                f"{chosen.model} has {format_bytes(chosen.size)}; of the {format_bytes(budget)} that models may "
                f"take on the disk ({format_bytes(others)} are taken), that is too much. `/models remove` makes room."
            )
        missing = chosen.size - downloads.taken(downloads.unfinished(target))
        free = shutil.disk_usage(self._shelf).free - _SPARE
        if missing > free:
            raise HubError(
                f"{chosen.model} needs {format_bytes(missing)} on the disk; there are {format_bytes(max(free, 0))} to "
                "spare."
            )

    async def _ask(self, ask: HubRequest) -> HubEvent:
        """The one answer. Raises HubError."""
        try:
            async with asyncio.timeout(ASK_SECONDS), aclosing(self._talk(ask)) as events:
                async for event in events:
                    return event
        except TimeoutError:
            raise HubError(f"The Hub did not answer within {ASK_SECONDS:.0f} seconds. Try again later.") from None
        raise AssertionError("the process ends with an answer, or _talk raises")

    async def _talk(self, ask: HubRequest) -> AsyncGenerator[HubEvent]:
        """What the process tells of one thing. Raises HubError; closing the generator ends the process."""
        if find_spec("huggingface_hub") is None:
            raise HubError("Models from the Hub need a package: pip install -c constraints.txt -e '.[local]'")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.hub"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environment,
            cwd=ROOT,
            limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C in the terminal is meant for the bot
        )
        assert process.stdin
        assert process.stdout
        said = False
        try:
            process.stdin.write(encode_ask(ask))
            process.stdin.close()
            async for line in process.stdout:
                event = decode_event(line)
                if isinstance(event, HubFailed):
                    raise HubError(event.message)
                said = not isinstance(event, DownloadProgress)
                yield event
            status = await process.wait()
            if not said:
                raise HubError(f"The process that talks with the Hub broke down (status {status}). Try again.")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
