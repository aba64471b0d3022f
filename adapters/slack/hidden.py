"""An answer that only the asker sees: through a command's response_url while it lives, else as a direct message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from adapters.drafts import CallKind
from adapters.slack.handle import Handle, Json
from adapters.slack.messages import Finder, content
from adapters.slack.rest import Rest
from adapters.slack.surface import DELETE, LIMIT, PERHAPS_AGAIN, POST, UPDATE
from bot.errors import Forbidden, Gone
from bot.types import Choice, Part, Request, Status

log = logging.getLogger(__name__)

EPHEMERAL = "chat.postEphemeral"
UNSEEN = "~"
"""How the id of a message begins that nobody can read or change any more."""


class HiddenSurface:
    """Only finished texts: what is ephemeral can be neither edited nor read back, and a response_url serves 5 times."""

    limit = LIMIT
    appends = False

    def __init__(self, rest: Rest, request: Request, handle: Handle, clock: Callable[[], float]) -> None:
        self._rest = rest
        self._handle = handle
        self._person = request.person.id
        self._finder = Finder(rest, request.act.id)
        self._since = f"{request.act.order // 1_000_000 - 60}.000000"  # a command's order is our clock's time
        self._clock = clock
        self._unsure: set[int] = set()

    async def create(self, index: int, text: str, choices: Sequence[Choice], *, final: bool) -> str:
        """Send a part in the best way that is left."""
        body = content(PERHAPS_AGAIN + text if index in self._unsure else text, choices)
        try:
            if self._handle.url_lives(self._clock()):
                ephemeral: Json = {"response_type": "ephemeral", "replace_original": False}
                await self._rest.respond(self._handle.response_url, body | ephemeral)
                return f"{UNSEEN}{index}"
            if not self._handle.response_url:
                thread: Json = {"thread_ts": self._handle.thread} if self._handle.thread else {}
                where: Json = {"channel": self._handle.channel, "user": self._person}
                await self._rest.write(EPHEMERAL, body | where | thread, paced=True)
                return f"{UNSEEN}{index}"
        except (Forbidden, Gone) as error:
            log.info("A private answer goes on as a direct message: %s", error)
        return await self._direct(index, text, body)

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> None:
        """Change a part of a direct message; an ephemeral one was finished when it was sent."""
        if message.startswith(UNSEEN):
            return
        channel, _, ts = message.partition("/")
        body = content(text, choices) | {"channel": channel, "ts": ts, "parse": "none"}
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)})

    async def find(self, part: Part, after: str) -> str:
        """What was ephemeral cannot be read back; a direct message can."""
        if self._handle.url_lives(self._clock()) or not self._handle.response_url:
            self._unsure.add(part.index)
            return ""
        return await self._look(await self._rest.direct_channel(self._person), part)

    async def delete(self, message: str) -> None:
        """Remove a part of a direct message."""
        if not message.startswith(UNSEEN):
            channel, _, ts = message.partition("/")
            await self._rest.write(DELETE, {"channel": channel, "ts": ts})

    async def status(self, status: Status | None) -> None:
        """Slack shows none to one person alone."""

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """A response_url is outside all rates."""
        return () if kind == "edit" or self._handle.response_url else (EPHEMERAL,)

    async def _direct(self, index: int, text: str, body: Json) -> str:
        channel = await self._rest.direct_channel(self._person)
        found = await self._look(channel, Part(index, text))
        if not found:
            silent: Json = {"unfurl_links": False, "unfurl_media": False, "metadata": self._finder.metadata(index)}
            found = f"{channel}/{(await self._rest.write(POST, body | silent | {'channel': channel}))['ts']}"
        return found

    async def _look(self, channel: str, part: Part) -> str:
        found = await self._finder.find(channel, "", self._since, part)
        return f"{channel}/{found}" if found else ""
