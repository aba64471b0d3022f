"""One answer on Discord: as messages in a channel, or as the answer to an interaction while its token lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from adapters.discord.handle import LONGEST_CUSTOM_ID, Handle, custom_id
from adapters.discord.rest import ALL, Json, Rest
from adapters.drafts import CallKind, PacedDraft
from adapters.pacer import Pacer
from bot.errors import Forbidden, Gone, PlatformError
from bot.ports import DraftLog
from bot.types import Answer, Choice, Part, Request, Status

log = logging.getLogger(__name__)

SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
PING_NOBODY: Json = {"parse": [], "replied_user": False}
BUTTONS_IN_A_ROW = 5
TYPING_SECONDS = 9.0
"""Discord shows typing for 10 seconds."""

TYPING_AFTER = 0.3
"""Seconds; an answer that begins sooner needs no typing, which would cost a call."""

MOST_PAGES = 10
"""Pages of 100 messages that are looked through for a part that may have been sent."""

PERHAPS_AGAIN = "-# You may have seen this part already.\n"


class ChannelSurface:
    """Messages in a channel; the first replies to the asking message."""

    limit = 2_000 - len(PERHAPS_AGAIN)
    appends = False

    def __init__(self, rest: Rest, request: Request, handle: Handle) -> None:
        self._rest = rest
        self._handle = handle
        self._person = request.person.id
        self._order = request.act.order
        self._unsure: set[int] = set()
        self._typing: asyncio.Task[None] | None = None

    async def create(self, index: int, text: str, choices: Sequence[Choice], *, final: bool) -> str:
        """Send a part. Its nonce makes Discord return the first message when it is sent again within minutes."""
        return await self._post(self._handle.channel, index, text, choices)

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> None:
        """Change a part."""
        await self._rest.edit(self._handle.channel, message, self._body(index, text, choices))

    async def find(self, part: Part, after: str) -> str:
        """Look through the channel for a part."""
        return await self._look(self._handle.channel, part, after)

    async def delete(self, message: str) -> None:
        """Remove a part."""
        await self._rest.delete(self._handle.channel, message)

    async def status(self, status: Status | None) -> None:
        """Type while there is a status."""
        if status is None:
            self.hush()
        elif self._typing is None:
            self._typing = asyncio.create_task(self._keep_typing(), name="typing")

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """The bot's own budget and the channel's."""
        return (ALL, f"{kind}:{self._handle.channel}")

    def hush(self) -> None:
        """Type no longer."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    async def nothing(self) -> None:
        """The answer is empty."""

    async def _keep_typing(self) -> None:
        await asyncio.sleep(TYPING_AFTER)
        try:
            while True:
                await self._rest.typing(self._handle.channel)
                await asyncio.sleep(TYPING_SECONDS)
        except PlatformError as error:
            log.debug("Typing cannot be shown: %s", error)

    async def _post(self, channel: str, index: int, text: str, choices: Sequence[Choice]) -> str:
        body = self._body(index, text, choices) | {"nonce": self._nonce(index), "enforce_nonce": True}
        if index == 0 and self._handle.reply and channel == self._handle.channel:
            body["message_reference"] = {"message_id": self._handle.reply, "fail_if_not_exists": False}
        return await self._rest.send(channel, body)

    def _nonce(self, index: int) -> str:
        return f"{self._order}-{index}"  # at most 25 characters

    def _body(self, index: int, text: str, choices: Sequence[Choice]) -> Json:
        """What every text of ours says: nobody is pinged and no link is fetched, on edits too."""
        if index in self._unsure:
            text = PERHAPS_AGAIN + text
        return {
            "content": text,
            "flags": SUPPRESS_EMBEDS,
            "allowed_mentions": PING_NOBODY,
            "components": self._rows(choices),
        }

    def _rows(self, choices: Sequence[Choice]) -> list[Json]:
        buttons: list[Json] = [
            {"type": 2, "style": 2, "label": choice.label, "custom_id": custom_id(choice, self._handle.reply)}
            for choice in choices
        ]
        assert all(len(str(button["custom_id"])) <= LONGEST_CUSTOM_ID for button in buttons), "too much in a button"
        starts = range(0, len(buttons), BUTTONS_IN_A_ROW)
        return [{"type": 1, "components": buttons[start : start + BUTTONS_IN_A_ROW]} for start in starts]

    async def _look(self, channel: str, part: Part, after: str) -> str:
        """A message of ours after the request that says what the part said when it was first sent."""
        start = after or str(self._order)
        try:
            for _ in range(MOST_PAGES):
                page = await self._rest.messages(channel, after=start)
                for message in reversed(page):
                    if self._is_part(message, part):
                        return str(message["id"])
                if len(page) < 100:
                    return ""
                start = str(page[0]["id"])
        except Forbidden as error:
            log.info("Whether a part was sent cannot be seen: %s", error)
        self._unsure.add(part.index)
        return ""

    def _is_part(self, message: Json, part: Part) -> bool:
        author, reference = message["author"], message.get("message_reference")
        if not isinstance(author, dict) or author.get("id") != self._rest.me:
            return False
        if message.get("nonce") == self._nonce(part.index):
            return True
        if isinstance(reference, dict) and reference.get("message_id") != self._handle.reply:
            return False
        return str(message["content"]).strip() == part.text.strip()


class InteractionSurface(ChannelSurface):
    """The answer to an interaction: its first message and follow-ups; when the token is gone, messages.

    What only the person may see goes on as a direct message then; such a part's id is "channel/message".
    """

    def __init__(
        self,
        rest: Rest,
        request: Request,
        handle: Handle,
        acknowledged: Callable[[str], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(rest, request, handle)
        self._acknowledged = acknowledged
        self._clock = clock
        self._moved: dict[int, str] = {}

    async def create(self, index: int, text: str, choices: Sequence[Choice], *, final: bool) -> str:
        """Fill in the deferred message, or follow up."""
        handle, body = self._handle, self._body(index, text, choices)
        if await self._alive():
            try:
                if handle.original and index == 0:
                    return await self._rest.edit_answer(handle.application, handle.token, "@original", body)
                return await self._rest.follow_up(handle.application, handle.token, self._hidden(body))
            except Gone:
                log.info("Interaction %s takes no answer any more", handle.interaction)
        if handle.hidden:
            return await self._direct(index, text, choices)
        if handle.original and index == 0 and (waiting := await self._deferred_message()):
            await self._rest.edit(handle.channel, waiting, body)
            return waiting
        return await super().create(index, text, choices, final=final)

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Choice], *, final: bool) -> None:
        """Change a part through the token, the channel or the direct message."""
        handle, body = self._handle, self._body(index, text, choices)
        message = self._moved.get(index, message)
        if "/" in message:
            channel, _, message = message.partition("/")
            await self._rest.edit(channel, message, body)
            return
        if await self._alive():
            try:
                await self._rest.edit_answer(handle.application, handle.token, message, body)
                return
            except Gone:
                log.info("Interaction %s takes no edit any more", handle.interaction)
        if not handle.hidden:
            await self._rest.edit(handle.channel, message, body)
        elif final:
            self._moved[index] = await self._direct(index, text, choices)

    async def find(self, part: Part, after: str) -> str:
        """Filling in the deferred message twice is harmless; hidden follow-ups cannot be read back."""
        if await self._alive():
            if self._handle.original and part.index == 0:
                return ""
            if self._handle.hidden:
                self._unsure.add(part.index)
                return ""
        if self._handle.hidden:
            channel = await self._rest.direct_channel(self._person)
            found = await self._look(channel, part, "")
            return f"{channel}/{found}" if found else ""
        return await super().find(part, after)

    async def delete(self, message: str) -> None:
        """Remove a part, where that is still possible."""
        handle = self._handle
        if "/" in message:
            channel, _, message = message.partition("/")
            await self._rest.delete(channel, message)
        elif await self._alive():
            await self._rest.delete_answer(handle.application, handle.token, message)
        elif not handle.hidden:
            await super().delete(message)

    async def status(self, status: Status | None) -> None:
        """A deferred message says by itself that the bot is thinking."""
        if not self._handle.original:
            await super().status(status)

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """Calls with a token are outside the bot's own budget."""
        if self._handle.alive(self._clock()):
            return (f"{kind}:{self._handle.interaction}",)
        return super().budgets(kind)

    async def nothing(self) -> None:
        """Take away "thinking…", which would stay."""
        if self._handle.original and await self._alive():
            await self._rest.delete_answer(self._handle.application, self._handle.token, "@original")

    async def _alive(self) -> bool:
        await self._acknowledged(self._handle.interaction)
        return self._handle.alive(self._clock())

    def _hidden(self, body: Json) -> Json:
        return body | {"flags": SUPPRESS_EMBEDS | EPHEMERAL} if self._handle.hidden else body

    async def _direct(self, index: int, text: str, choices: Sequence[Choice]) -> str:
        channel = await self._rest.direct_channel(self._person)
        found = await self._look(channel, Part(index, text), "")
        return f"{channel}/{found or await self._post(channel, index, text, choices)}"

    async def _deferred_message(self) -> str:
        """The message that says "thinking…", when only the channel can tell its id."""
        try:
            page = await self._rest.messages(self._handle.channel, after=str(self._order))
        except Forbidden:
            return ""
        for message in reversed(page):
            about = message.get("interaction_metadata")
            if isinstance(about, dict) and about.get("id") == self._handle.interaction:
                return str(message["id"])
        return ""


class DiscordDraft(PacedDraft):
    """A paced draft that also ends the typing, and a "thinking…" that nothing followed."""

    def __init__(self, surface: ChannelSurface, draft_log: DraftLog, pacer: Pacer) -> None:
        super().__init__(surface, draft_log, pacer)
        self._drawn = surface

    async def finish(self, answer: Answer) -> None:
        """Show exactly `answer`."""
        await super().finish(answer)
        if not (answer.text.strip() or answer.notes):
            await self._drawn.nothing()

    async def abandon(self) -> None:
        """Stop drawing and typing."""
        self._drawn.hush()
        await super().abandon()
