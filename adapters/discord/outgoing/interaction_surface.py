"""One answer as the answer to an interaction, while its token lives."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from adapters.discord.outgoing.channel_surface import ChannelSurface, DirectSurface, attachments_body, budget_kind
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.discord.rest_api import EPHEMERAL, DiscordApi, Json
from adapters.shared.paced_draft import FILES, CallKind, Control
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)


class InteractionSurface(ChannelSurface):
    """The answer to an interaction: its first message and follow-ups; when the token is gone, messages.

    What only the person may see goes on as a direct message then.
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
        self._moved: dict[int, str] = {}

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Fill in the deferred message, or follow up."""
        target, body = self._target, self._body(index, text, choices)
        if await self._alive():
            try:
                if target.original and index == 0:
                    return await self._rest.edit_answer(target, "@original", body)
                made, ephemeral = await self._rest.follow_up(target.application, target.token, self._hidden(body))
                if ephemeral or not target.hidden:
                    return made
                # Discord documents that a follow-up fills in what was deferred in public, not what it does when that
                # is deleted: whatever it does, nobody else may see this.
                await self._rest.delete_answer(target.application, target.token, made)
            except Gone:
                log.info("Interaction %s takes no answer any more", target.interaction)
        if target.hidden:
            return await self._move(index, text, choices)
        if target.original and index == 0 and (waiting := await self._deferred_message()):
            await self._rest.edit(target.channel, waiting, body)
            return waiting
        return await super().create(index, text, choices, final=final)

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        """Change a part through the token, the channel or the direct message."""
        message = self._moved.get(index, message)
        if not await self._change(message, self._body(index, text, choices)) and final:
            self._moved[index] = await self._move(index, text, choices)

    async def upload(self, index: int, message: str, files: Sequence[File]) -> str:
        message = self._moved.get(index, message)
        if not await self._change(message, attachments_body(files), files):
            raise Gone("the answer cannot be changed any more.")
        return message

    async def find(self, part: Part, after: str) -> str:
        """Filling in the deferred message twice is harmless; hidden follow-ups cannot be read back."""
        if await self._alive():
            if part.index >= FILES or (self._target.original and part.index == 0):
                return ""
            if self._target.hidden:
                self._unsure.add(part.index)
                return ""
        if self._target.hidden:
            return await self._direct.find(part, "")
        return await super().find(part, after)

    async def delete(self, message: str) -> None:
        """Remove a part, where that is still possible."""
        target = self._target
        if "/" in message:
            await self._direct.delete(message)
        elif await self._alive():
            await self._rest.delete_answer(target.application, target.token, message)
        elif not target.hidden:
            await super().delete(message)

    async def status(self, status: Status | None) -> None:
        """A deferred message says by itself that the bot is thinking."""
        if not self._target.original:
            await super().status(status)

    def budgets(self, kind: CallKind) -> Sequence[str]:
        """Calls with a token are outside the bot's own budget."""
        if self._target.alive(self._clock()):
            return (f"{budget_kind(kind)}:{self._target.interaction}",)
        return super().budgets(kind)

    async def nothing(self) -> None:
        """Take away "thinking…", which would stay."""
        if self._target.original and await self._alive():
            await self._rest.delete_answer(self._target.application, self._target.token, "@original")

    async def _change(self, message: str, body: Json, files: Sequence[File] = ()) -> bool:
        """Whether a message could be changed: one that only the person sees cannot without the token."""
        target = self._target
        if "/" in message:
            await self._direct.change(message, body, files)
            return True
        if await self._alive():
            try:
                await self._rest.edit_answer(target, message, body, files)
                return True
            except Gone:
                log.info("Interaction %s takes no edit any more", target.interaction)
        if not target.hidden:
            await self._rest.edit(target.channel, message, body, files)
        return not target.hidden

    async def _move(self, index: int, text: str, choices: Sequence[Control]) -> str:
        """Show a part as a direct message, unless it is there already."""
        found = await self._direct.find(Part(index, text), "")
        return found or await self._direct.create(index, text, choices, final=True)

    async def _alive(self) -> bool:
        await self._acknowledged(self._target.interaction)
        return self._target.alive(self._clock())

    def _hidden(self, body: Json) -> Json:
        return body | {"flags": int(str(body["flags"])) | EPHEMERAL} if self._target.hidden else body

    async def _deferred_message(self) -> str:
        """The message that says "thinking…", when only the channel can tell its id."""
        try:
            page = await self._rest.messages(self._target.channel, after=str(self._order))
        except Forbidden:
            return ""
        for message in reversed(page):
            if message.get("interaction_metadata", {}).get("id") == self._target.interaction:
                return message["id"]
        return ""
