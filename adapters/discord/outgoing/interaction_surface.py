"""An answer to an interaction, while its token can be used."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from adapters.discord.outgoing.channel_surface import ChannelSurface, DirectSurface, attachments_body, bucket_of
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.discord.rest_api import EPHEMERAL, DiscordApi, Json
from adapters.shared.paced_draft import FILES, CallKind, Control
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)


class InteractionSurface(ChannelSurface):
    """The answer to an interaction: its deferred message and follow-ups; after the token, ordinary messages.

    Private text becomes a direct message after the token.
    """

    def __init__(
        self,
        rest: DiscordApi,
        request: Request,
        target: DiscordReplyTarget,
        acknowledged: Callable[[str], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(rest, request, target)
        self._acknowledged = acknowledged
        self._clock = clock
        self._direct = DirectSurface(rest, request, target)
        self._direct_messages: dict[int, str] = {}

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Fill the deferred message, or send a follow-up."""
        target, body = self._target, self._body(index, text, choices)
        if await self._token_lives():
            try:
                if target.original and index == 0:
                    return await self._rest.edit_answer(target, "@original", body)
                message, ephemeral = await self._rest.follow_up(target.application, target.token, self._hidden(body))
                if ephemeral or not target.hidden:
                    return message
                # Discord documents that a follow-up fills a deferred public message. It does not document a follow-up
                # after that message is deleted, so a public one is deleted at once.
                await self._rest.delete_answer(target.application, target.token, message)
            except Gone:
                log.info("Interaction %s accepts no further answer", target.interaction)
        if target.hidden:
            return await self._send_directly(index, text, choices)
        if target.original and index == 0 and (waiting := await self._deferred_message()):
            await self._rest.edit(target.channel, waiting, body)
            return waiting
        return await super().create(index, text, choices, final=final)

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        """Edit a part through the token, the channel or the direct message."""
        message = self._direct_messages.get(index, message)
        if not await self._change(message, self._body(index, text, choices)) and final:
            self._direct_messages[index] = await self._send_directly(index, text, choices)

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        message = self._direct_messages.get(index, message)
        if not await self._change(message, attachments_body(files), files):
            raise Gone("The answer can no longer be changed. Ask again.")
        return message

    async def find(self, part: Part, after: str) -> str:
        """Look for a part. Filling the deferred message twice does no harm; hidden follow-ups cannot be read."""
        if await self._token_lives():
            if part.index >= FILES or (self._target.original and part.index == 0):
                return ""
            if self._target.hidden:
                self._uncertain.add(part.index)
                return ""
        if self._target.hidden:
            return await self._direct.find(part, "")
        return await super().find(part, after)

    async def delete(self, message: str) -> None:
        """Delete a part where that is possible."""
        target = self._target
        if "/" in message:
            await self._direct.delete(message)
        elif await self._token_lives():
            await self._rest.delete_answer(target.application, target.token, message)
        elif not target.hidden:
            await super().delete(message)

    async def status(self, status: Status | None) -> None:
        """Show typing; a deferred message shows by itself that the bot is thinking."""
        if not self._target.original:
            await super().status(status)

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Return the buckets; calls with a token do not count for the bot's own."""
        if self._target.is_usable(self._clock()):
            return (f"{bucket_of(kind)}:{self._target.interaction}",)
        return super().rate_limits(kind)

    async def clean_up(self) -> None:
        """Delete the deferred message, which would show "thinking…" forever."""
        if self._target.original and await self._token_lives():
            await self._rest.delete_answer(self._target.application, self._target.token, "@original")

    async def _change(self, message: str, body: Json, files: Sequence[File] = ()) -> bool:
        """Return whether a message was edited; a hidden one cannot be edited without the token."""
        target = self._target
        if "/" in message:
            await self._direct.change(message, body, files)
            return True
        if await self._token_lives():
            try:
                await self._rest.edit_answer(target, message, body, files)
                return True
            except Gone:
                log.info("Interaction %s accepts no further edit", target.interaction)
        if not target.hidden:
            await self._rest.edit(target.channel, message, body, files)
        return not target.hidden

    async def _send_directly(self, index: int, text: str, choices: Sequence[Control]) -> str:
        """Send a part as a direct message, unless it was sent already."""
        found = await self._direct.find(Part(index, text), "")
        return found or await self._direct.create(index, text, choices, final=True)

    async def _token_lives(self) -> bool:
        await self._acknowledged(self._target.interaction)
        return self._target.is_usable(self._clock())

    def _hidden(self, body: Json) -> Json:
        return body | {"flags": int(str(body["flags"])) | EPHEMERAL} if self._target.hidden else body

    async def _deferred_message(self) -> str:
        """Return the id of the deferred message from the channel, "" where it is not found."""
        try:
            page = await self._rest.messages(self._target.channel, after=str(self._order))
        except Forbidden:
            return ""
        for message in reversed(page):
            if message.get("interaction_metadata", {}).get("id") == self._target.interaction:
                return message["id"]
        return ""
