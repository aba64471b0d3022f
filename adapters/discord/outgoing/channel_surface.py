"""One answer as messages in a channel, or in a thread that grows out of the question."""

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
PING_NOBODY: Json = {"parse": [], "replied_user": False}
LONGEST = 2_000
LONGEST_DESCRIPTION = 1_024
LARGEST_FILE = 10 * MEBIBYTE
"""Where Discord does not say more: a server with boosts takes larger files, which only interactions tell."""

LARGEST_REQUEST = 25 * MEBIBYTE - (1 << 16)
"""For the files of one message; the rest is for what describes them."""

MOST_PAGES = 10
"""Pages of 100 messages that are looked through for a part that may have been sent."""

PERHAPS_AGAIN = "-# You may have seen this part already.\n"
FOR_YOU_ALONE = "-# You asked this in <#{}>. The answer is for you alone.\n"
REMARKS = len(PERHAPS_AGAIN) + len(FOR_YOU_ALONE) + 20


def text_body(text: str) -> Json:
    """What every text of ours says: nobody is pinged and no link is fetched, on edits too."""
    return {"content": text, "flags": SUPPRESS_EMBEDS, "allowed_mentions": PING_NOBODY}


def attachments_body(files: Sequence[File]) -> Json:
    """The files as all that a message has, in the order in which they are sent."""
    described = [
        {"id": number, "filename": file.name, "description": file.summary[:LONGEST_DESCRIPTION]}
        for number, file in enumerate(files)
    ]
    return {"attachments": described, "allowed_mentions": PING_NOBODY}


class ChannelSurface(Surface):
    """Messages in a channel; the first replies to the asking message."""

    limit = LONGEST - REMARKS
    appends = False
    room = LARGEST_REQUEST

    def __init__(self, rest: DiscordApi, request: Request, target: DiscordReplyTarget) -> None:
        self.largest = min(target.largest or LARGEST_FILE, LARGEST_REQUEST)
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._order = request.act.order
        self._channel = "" if target.title else target.channel
        self._unsure: set[int] = set()
        self._typing: asyncio.Task[None] | None = None

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        return await self._post(await self.channel(), index, self._body(index, text, choices))

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        await self._rest.edit(await self.channel(), message, self._body(index, text, choices))

    async def find(self, part: Part, after: str) -> str:
        """Look through the channel for a part; files that are sent again replace themselves."""
        return "" if part.index >= FILES else await self._look(await self.channel(), part, after)

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Put the files into the last part."""
        await self._rest.edit(await self.channel(), message, attachments_body(files), files)
        return message

    async def delete(self, message: str) -> None:
        await self._rest.delete(await self.channel(), message)

    async def status(self, status: Status | None) -> None:
        """Type while there is a status."""
        if status is None:
            self.hush()
        elif self._typing is None:
            self._typing = asyncio.create_task(self._keep_typing(), name="typing")

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """The bot's own budget and the channel's."""
        return (ALL, f"{budget_kind(kind)}:{self._target.channel}")

    def hush(self) -> None:
        """Type no longer."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    async def nothing(self) -> None:
        """The answer is empty."""

    async def channel(self) -> str:
        """Where the answer is written; the thread is made when it is needed, and done without where it cannot be."""
        if not self._channel:
            target = self._target
            try:
                await self._rest.open_thread(target.parent, target.reply, target.title)
                self._channel = target.channel
            except (Forbidden, Gone) as error:
                log.info("Answered in place, not in a thread: %s", error)
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
        """Its nonce makes Discord return the first message when it is sent again within minutes."""
        target, nonce = self._target, {"nonce": self._nonce(index), "enforce_nonce": True}
        replies = index == 0 and channel == (target.parent or target.channel)
        return await self._rest.send(channel, body | nonce, target.reply if replies else "")

    def _nonce(self, index: int) -> str:
        return f"{self._order}-{index}"  # at most 25 characters

    def _body(self, index: int, text: str, choices: Sequence[Control]) -> Json:
        again = PERHAPS_AGAIN if index in self._unsure else ""
        reply = "" if self._target.title else self._target.reply
        return text_body(again + self._remark(index) + text) | {"components": rows(choices, reply)}

    def _remark(self, index: int) -> str:
        """What stands before a part."""
        return ""

    async def _look(self, channel: str, part: Part, after: str) -> str:
        """A message of ours after the request that says what the part said when it was first sent."""
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
            log.info("Whether a part was sent cannot be seen: %s", error)
        self._unsure.add(part.index)
        return ""

    def _is_part(self, message: DiscordMessage, part: Part) -> bool:
        reference = message.get("message_reference")
        if message.get("author", {}).get("id") != self._rest.me:
            return False
        if message.get("nonce") == self._nonce(part.index):
            return True
        if reference is not None and reference.get("message_id") != self._target.reply:
            return False
        return message["content"].strip() == (self._remark(part.index) + part.text).strip()


def budget_kind(kind: CallKind) -> str:
    """Files are put into a message by an edit."""
    return "edit" if kind == "upload" else kind


class DirectSurface(ChannelSurface):
    """Direct messages to the person, for what nobody else may see. Their ids are "channel/message"."""

    def __init__(self, rest: DiscordApi, request: Request, target: DiscordReplyTarget) -> None:
        super().__init__(rest, request, target)
        self.largest = LARGEST_FILE  # as nobody boosts direct messages
        self._channel = ""
        self._place = request.place.thread or request.place.channel

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        return f"{await self.channel()}/{await super().create(index, text, choices, final=final)}"

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        await self.change(message, self._body(index, text, choices))

    async def find(self, part: Part, after: str) -> str:
        """Look through the direct messages for a part."""
        found = await super().find(part, _split(after)[1])
        return f"{await self.channel()}/{found}" if found else ""

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        """Put the files into the last part."""
        await self.change(message, attachments_body(files), files)
        return message

    async def delete(self, message: str) -> None:
        await self._rest.delete(*_split(message))

    async def change(self, message: str, body: Json, files: Sequence[File] = ()) -> None:
        """Change a direct message."""
        await self._rest.edit(*_split(message), body, files)

    async def channel(self) -> str:
        """The channel of the direct messages with the person."""
        if not self._channel:
            self._channel = await self._rest.direct_channel(self._person)
        return self._channel

    def _remark(self, index: int) -> str:
        return FOR_YOU_ALONE.format(self._place) if index == 0 else ""


def _split(message: str) -> tuple[str, str]:
    """Channel and message of a direct message's id."""
    channel, _, name = message.partition("/")
    return channel, name


class DiscordDraft(PacedDraft):
    """A paced draft that also ends the typing, and a "thinking…" that nothing followed."""

    def __init__(
        self, surface: ChannelSurface, draft_log: DraftLog, limiter: RateLimiter, retries: Sequence[float]
    ) -> None:
        super().__init__(surface, draft_log, limiter, retries)
        self._drawn = surface

    async def finish(self, answer: Answer) -> None:
        await super().finish(answer)
        if not (answer.text.strip() or answer.notes or answer.files):
            await self._drawn.nothing()

    async def abandon(self) -> None:
        """Stop drawing and typing."""
        self._drawn.hush()
        await super().abandon()
