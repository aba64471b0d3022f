"""An answer as messages in a channel, or in a thread that begins at the question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from adapters.discord.outgoing.components import rows
from adapters.discord.payloads import DiscordMessage
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.discord.rest_api import ALL, DiscordApi, Json
from adapters.shared.paced_draft import FILES, MEBIBYTE, CallKind, Control, PacedDraft, Surface
from adapters.shared.rate_limiter import RateLimiter
from bot.interfaces.adapter import DraftLog
from bot.interfaces.errors import Forbidden, Gone, PlatformError
from bot.interfaces.messages import Request
from bot.interfaces.replies import Answer, File, Part, Status

log = logging.getLogger(__name__)

SUPPRESS_EMBEDS = 1 << 2
NO_PINGS: Json = {"parse": [], "replied_user": False}
LONGEST = 2_000
LONGEST_DESCRIPTION = 1_024
LARGEST_FILE = 10 * MEBIBYTE
"""The most bytes of a file without boosts; only interactions report a server's higher limit."""

LARGEST_REQUEST = 25 * MEBIBYTE - (1 << 16)
"""The most bytes of a message's files; the rest is for their descriptions."""

MOST_PAGES = 10
"""The most pages of 100 messages that are searched for a part that may have been sent."""

REPEATED_NOTE = "-# You may have seen this part already.\n"
PRIVATE_NOTE = "-# You asked this in <#{}>. Only you see the answer.\n"
HEADER_LENGTH = len(REPEATED_NOTE) + len(PRIVATE_NOTE) + 20


def text_body(text: str) -> Json:
    """Return the fields of every text: it pings nobody and loads no preview, in edits too."""
    return {"content": text, "flags": SUPPRESS_EMBEDS, "allowed_mentions": NO_PINGS}


def attachments_body(files: Sequence[File]) -> Json:
    """Return the fields that make `files` a message's only attachments, in the order of sending."""
    descriptions = [
        {"id": number, "filename": file.name, "description": file.summary[:LONGEST_DESCRIPTION]}
        for number, file in enumerate(files)
    ]
    return {"attachments": descriptions, "allowed_mentions": NO_PINGS}


class ChannelSurface(Surface):
    """Messages in a channel; the first one replies to the question."""

    limit = LONGEST - HEADER_LENGTH
    appends = False
    room = LARGEST_REQUEST

    def __init__(self, rest: DiscordApi, request: Request, target: DiscordReplyTarget) -> None:
        self.largest = min(target.largest or LARGEST_FILE, LARGEST_REQUEST)
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._order = request.act.order
        self._channel = "" if target.title else target.channel
        self._uncertain: set[int] = set()
        self._typing: asyncio.Task[None] | None = None

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        return await self._post(await self.channel(), index, self._body(index, text, choices))

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        await self._rest.edit(await self.channel(), message, self._body(index, text, choices))

    async def find(self, part: Part, after: str) -> str:
        """Search the channel for a part; files that are sent twice replace themselves."""
        return "" if part.index >= FILES else await self._search(await self.channel(), part, after)

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Attach the files to the last part."""
        await self._rest.edit(await self.channel(), message, attachments_body(files), files)
        return message

    async def delete(self, message: str) -> None:
        await self._rest.delete(await self.channel(), message)

    async def status(self, status: Status | None) -> None:
        """Show the typing indicator while there is a status."""
        if status is None:
            self.stop_typing()
        elif self._typing is None:
            self._typing = asyncio.create_task(self._keep_typing(), name="typing")

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Return the bot's bucket and the channel's."""
        return (ALL, f"{bucket_of(kind)}:{self._target.channel}")

    def stop_typing(self) -> None:
        """End the typing indicator."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    async def clean_up(self) -> None:
        """Clean up after an empty answer."""

    async def channel(self) -> str:
        """Return the channel of the answer; open its thread first, and use its parent where the thread is refused."""
        if not self._channel:
            target = self._target
            try:
                await self._rest.open_thread(target.parent, target.reply, target.title)
                self._channel = target.channel
            except (Forbidden, Gone) as error:
                log.info("An answer is not in a thread of its own: %s", error)
                self._channel = target.parent
        return self._channel

    async def _keep_typing(self) -> None:
        await asyncio.sleep(self._rest.timeouts.typing_after)
        try:
            while True:
                await self._rest.typing(await self.channel())
                await asyncio.sleep(self._rest.timeouts.typing)
        except PlatformError as error:
            log.debug("Typing cannot be shown: %s", error)

    async def _post(self, channel: str, index: int, body: Json) -> str:
        """Send a part. Discord returns the first message when the nonce is sent again within minutes."""
        target, nonce = self._target, {"nonce": self._nonce(index), "enforce_nonce": True}
        replies = index == 0 and channel == (target.parent or target.channel)
        return await self._rest.send(channel, body | nonce, target.reply if replies else "")

    def _nonce(self, index: int) -> str:
        return f"{self._order}-{index}"  # at most 25 characters

    def _body(self, index: int, text: str, choices: Sequence[Control]) -> Json:
        repeated = REPEATED_NOTE if index in self._uncertain else ""
        reply = "" if self._target.title else self._target.reply
        return text_body(repeated + self._header(index) + text) | {"components": rows(choices, reply)}

    def _header(self, index: int) -> str:
        """Return the line above a part."""
        return ""

    async def _search(self, channel: str, part: Part, after: str) -> str:
        """Return the id of the bot's message after the request with the part's nonce or text; "" for none."""
        start = after or str(self._order)
        try:
            for _ in range(MOST_PAGES):
                page = await self._rest.messages(channel, after=start)
                for message in reversed(page):
                    if self._is_part(message, part):
                        return message["id"]
                if len(page) < 100:
                    return ""
                start = page[0]["id"]
        except Forbidden as error:
            log.info("A part that may have been sent cannot be looked for: %s", error)
        self._uncertain.add(part.index)
        return ""

    def _is_part(self, message: DiscordMessage, part: Part) -> bool:
        reference = message.get("message_reference")
        if message.get("author", {}).get("id") != self._rest.me:
            return False
        if message.get("nonce") == self._nonce(part.index):
            return True
        if reference is not None and reference.get("message_id") != self._target.reply:
            return False
        return message["content"].strip() == (self._header(part.index) + part.text).strip()


def bucket_of(kind: CallKind) -> str:
    """Return the bucket of a call; files are attached by an edit."""
    return "edit" if kind == "upload" else kind


class DirectSurface(ChannelSurface):
    """Direct messages for text that nobody else may see. Their ids are "channel/message"."""

    def __init__(self, rest: DiscordApi, request: Request, target: DiscordReplyTarget) -> None:
        super().__init__(rest, request, target)
        self.largest = LARGEST_FILE  # boosts do not apply to direct messages
        self._channel = ""
        self._place = request.place.thread or request.place.channel

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        return f"{await self.channel()}/{await super().create(index, text, choices, final=final)}"

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        await self.change(message, self._body(index, text, choices))

    async def find(self, part: Part, after: str) -> str:
        """Search the direct messages for a part."""
        found = await super().find(part, _parse_id(after)[1])
        return f"{await self.channel()}/{found}" if found else ""

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Attach the files to the last part."""
        await self.change(message, attachments_body(files), files)
        return message

    async def delete(self, message: str) -> None:
        await self._rest.delete(*_parse_id(message))

    async def change(self, message: str, body: Json, files: Sequence[File] = ()) -> None:
        """Edit a direct message."""
        await self._rest.edit(*_parse_id(message), body, files)

    async def channel(self) -> str:
        """Return the channel of the direct messages with the person."""
        if not self._channel:
            self._channel = await self._rest.direct_channel(self._person)
        return self._channel

    def _header(self, index: int) -> str:
        return PRIVATE_NOTE.format(self._place) if index == 0 else ""


def _parse_id(message: str) -> tuple[str, str]:
    """Return channel and message of a direct message's id."""
    channel, _, name = message.partition("/")
    return channel, name


class DiscordDraft(PacedDraft):
    """A paced draft that also ends the typing indicator, and deletes a deferred message without an answer."""

    def __init__(
        self, surface: ChannelSurface, draft_log: DraftLog, limiter: RateLimiter, retries: Sequence[float]
    ) -> None:
        super().__init__(surface, draft_log, limiter, retries)
        self._channel_surface = surface

    async def finish(self, answer: Answer) -> None:
        await super().finish(answer)
        if not (answer.text.strip() or answer.notes or answer.files):
            await self._channel_surface.clean_up()

    async def abandon(self) -> None:
        """Stop the previews and the typing indicator."""
        self._channel_surface.stop_typing()
        await super().abandon()
