"""An answer that only the asker sees: through a command's response_url while it can be used, else directly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from adapters.shared.paced_draft import FILES, CallKind, Control, Surface
from adapters.slack.outgoing import files
from adapters.slack.outgoing.message_finder import MessageFinder, message_body
from adapters.slack.outgoing.thread_surface import LIMIT, REPEATED_NOTE
from adapters.slack.reply_target import Json, SlackReplyTarget
from adapters.slack.web_api import POST, UPDATE, SlackApi, rate_limits_of
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)

EPHEMERAL = "chat.postEphemeral"
EPHEMERAL_ID = "~"
"""The beginning of the id of a message that can be neither read nor changed."""


async def send_ephemeral(
    rest: SlackApi, target: SlackReplyTarget, person: str, text: str, now: float, choices: Sequence[Control] = ()
) -> bool:
    """Show a text only to the asker where they asked; return False where that is impossible."""
    try:
        if target.url_is_usable(now):
            ephemeral: Json = {"response_type": "ephemeral", "replace_original": False}
            await rest.respond(target.response_url, message_body(text, choices, links=True) | ephemeral)
            return True
        if not (target.response_url or target.home):
            thread: Json = {"thread_ts": target.thread} if target.thread else {}
            where: Json = {"channel": target.channel, "user": person}
            await rest.write(EPHEMERAL, message_body(text, choices, links=False) | where | thread)
            return True
    except (Forbidden, Gone) as error:
        log.info("A private text becomes a direct message: %s", error)
    return False


async def send_private(rest: SlackApi, target: SlackReplyTarget, person: str, sentence: str, now: float) -> None:
    """Send a text that answers no request only to one person. Raises PlatformError."""
    if not await send_ephemeral(rest, target, person, sentence, now):
        channel = await rest.direct_channel(person)
        await rest.limiter.acquire(rate_limits_of(POST, channel), urgent=True)
        await rest.post(channel, message_body(sentence, (), links=True), {})


class PrivateSurface(Surface):
    """Only finished texts: ephemeral messages can be neither edited nor read, and a response_url works 5 times."""

    limit = LIMIT
    largest = room = files.LARGEST_FILE
    appends = False

    def __init__(self, rest: SlackApi, request: Request, target: SlackReplyTarget, clock: Callable[[], float]) -> None:
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._finder = MessageFinder(rest, request.act.id)
        # 60 s earlier, because a command's order comes from this machine's clock
        self._since = f"{request.act.order // 1_000_000 - 60}.000000"
        self._clock = clock
        self._uncertain: set[int] = set()

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Send a part in the best way that is left."""
        noted_text = REPEATED_NOTE + text if index in self._uncertain else text
        if await send_ephemeral(self._rest, self._target, self._person, noted_text, self._clock(), choices):
            return f"{EPHEMERAL_ID}{index}"
        return await self._send_directly(index, text, message_body(noted_text, choices, links=True))

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        """Edit a part in direct messages; an ephemeral one is final when it is sent."""
        if message.startswith(EPHEMERAL_ID):
            return
        channel, _, ts = message.partition("/")
        body = message_body(text, choices, links=self._rest.links_in_edits)
        body |= {"channel": channel, "ts": ts, "parse": "none"}
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)})

    async def find(self, part: Part, after: str) -> str:
        """Look for a part in direct messages; ephemeral messages cannot be read."""
        if part.index >= FILES:
            channel = await self._rest.direct_channel(self._person)
            found = await self._finder.find_files(channel, "", self._since, part)
            return f"{channel}/{found}" if found else ""
        if self._target.url_is_usable(self._clock()) or not self._target.response_url:
            self._uncertain.add(part.index)
            return ""
        return await self._search(await self._rest.direct_channel(self._person), part)

    async def upload(self, index: int, message: str, attached: Sequence[File]) -> str:
        """Send files as a direct message, because they cannot be ephemeral; after a refusal, report it privately."""
        try:
            channel = await self._rest.direct_channel(self._person)
            return f"{channel}/{await files.share(self._rest, attached, channel)}"
        except (Forbidden, Gone) as error:
            sentence = f"I can't send {', '.join(file.name for file in attached)}. {error.message}"
            await send_private(self._rest, self._target, self._person, sentence, self._clock())
            return f"{EPHEMERAL_ID}{FILES}"

    async def delete(self, message: str) -> None:
        """Delete a part in direct messages."""
        if not message.startswith(EPHEMERAL_ID):
            channel, _, ts = message.partition("/")
            await self._rest.delete(channel, ts)

    async def status(self, status: Status | None) -> None:
        """Show nothing: Slack has no status for one person."""

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Return no bucket: each call acquires its own, which depends on the moment."""
        return ()

    async def _send_directly(self, index: int, text: str, body: Json) -> str:
        channel = await self._rest.direct_channel(self._person)
        found = await self._search(channel, Part(index, text))
        if not found:
            await self._rest.limiter.acquire(rate_limits_of(POST, channel), urgent=True)
            found = f"{channel}/{await self._rest.post(channel, body, self._finder.metadata(index))}"
        return found

    async def _search(self, channel: str, part: Part) -> str:
        found = await self._finder.find(channel, "", self._since, part)
        return f"{channel}/{found}" if found else ""
