"""An answer that only the asker sees: through a command's response_url while it lives, else as a direct message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from adapters.shared.paced_draft import FILES, CallKind, Control, Surface
from adapters.slack.outgoing import files
from adapters.slack.outgoing.message_finder import MessageFinder, message_body
from adapters.slack.outgoing.thread_surface import LIMIT, PERHAPS_AGAIN
from adapters.slack.reply_target import Json, SlackReplyTarget
from adapters.slack.web_api import POST, UPDATE, SlackApi, rate_limits_of
from bot.interfaces.errors import Forbidden, Gone
from bot.interfaces.messages import Request
from bot.interfaces.replies import File, Part, Status

log = logging.getLogger(__name__)

EPHEMERAL = "chat.postEphemeral"
UNSEEN = "~"
"""How the id of a message begins that nobody can read or change any more."""


async def send_ephemeral(
    rest: SlackApi, target: SlackReplyTarget, person: str, text: str, now: float, choices: Sequence[Control] = ()
) -> bool:
    """Show something to one person alone where they asked; False where that cannot be."""
    try:
        if target.url_lives(now):
            ephemeral: Json = {"response_type": "ephemeral", "replace_original": False}
            await rest.respond(target.response_url, message_body(text, choices, links=True) | ephemeral)
            return True
        if not (target.response_url or target.home):
            thread: Json = {"thread_ts": target.thread} if target.thread else {}
            where: Json = {"channel": target.channel, "user": person}
            await rest.write(EPHEMERAL, message_body(text, choices, links=False) | where | thread)
            return True
    except (Forbidden, Gone) as error:
        log.info("What is for one person goes on as a direct message: %s", error)
    return False


async def send_private(rest: SlackApi, target: SlackReplyTarget, person: str, sentence: str, now: float) -> None:
    """Say something to one person alone that answers no request. Raises PlatformError."""
    if not await send_ephemeral(rest, target, person, sentence, now):
        channel = await rest.direct_channel(person)
        await rest.limiter.acquire(rate_limits_of(POST, channel), urgent=True)
        await rest.post(channel, message_body(sentence, (), links=True), {})


class PrivateSurface(Surface):
    """Only finished texts: what is ephemeral can be neither edited nor read back, and a response_url serves 5 times."""

    limit = LIMIT
    largest = room = files.ROOM
    appends = False

    def __init__(self, rest: SlackApi, request: Request, target: SlackReplyTarget, clock: Callable[[], float]) -> None:
        self._rest = rest
        self._target = target
        self._person = request.person.id
        self._finder = MessageFinder(rest, request.act.id)
        self._since = f"{request.act.order // 1_000_000 - 60}.000000"  # a command's order is our clock's time
        self._clock = clock
        self._unsure: set[int] = set()

    async def create(self, index: int, text: str, choices: Sequence[Control], *, final: bool) -> str:
        """Send a part in the best way that is left."""
        shown = PERHAPS_AGAIN + text if index in self._unsure else text
        if await send_ephemeral(self._rest, self._target, self._person, shown, self._clock(), choices):
            return f"{UNSEEN}{index}"
        return await self._direct(index, text, message_body(shown, choices, links=True))

    async def edit(self, index: int, message: str, text: str, choices: Sequence[Control], *, final: bool) -> None:
        """Change a part of a direct message; an ephemeral one was finished when it was sent."""
        if message.startswith(UNSEEN):
            return
        channel, _, ts = message.partition("/")
        body = message_body(text, choices, links=self._rest.links_in_edits)
        body |= {"channel": channel, "ts": ts, "parse": "none"}
        await self._rest.write(UPDATE, body | {"metadata": self._finder.metadata(index)})

    async def find(self, part: Part, after: str) -> str:
        """What was ephemeral cannot be read back; a direct message can."""
        if part.index >= FILES:
            channel = await self._rest.direct_channel(self._person)
            found = await self._finder.find_files(channel, "", self._since, part)
            return f"{channel}/{found}" if found else ""
        if self._target.url_lives(self._clock()) or not self._target.response_url:
            self._unsure.add(part.index)
            return ""
        return await self._look(await self._rest.direct_channel(self._person), part)

    async def upload(self, index: int, message: str, attached: Sequence[File]) -> str:
        """Files cannot be ephemeral: they go as a direct message. Where they cannot, that is said."""
        try:
            channel = await self._rest.direct_channel(self._person)
            return f"{channel}/{await files.share(self._rest, attached, channel)}"
        except (Forbidden, Gone) as error:
            sentence = f"{', '.join(file.name for file in attached)} could not be sent: {error.message}"
            await send_private(self._rest, self._target, self._person, sentence, self._clock())
            return f"{UNSEEN}{FILES}"

    async def delete(self, message: str) -> None:
        """Remove a part of a direct message."""
        if not message.startswith(UNSEEN):
            channel, _, ts = message.partition("/")
            await self._rest.delete(channel, ts)

    async def status(self, status: Status | None) -> None:
        """Slack shows none to one person alone."""

    def rate_limits(self, kind: CallKind) -> Sequence[str]:
        """Every call waits for its own slot, because which one it is shows at the last moment."""
        return ()

    async def _direct(self, index: int, text: str, body: Json) -> str:
        channel = await self._rest.direct_channel(self._person)
        found = await self._look(channel, Part(index, text))
        if not found:
            await self._rest.limiter.acquire(rate_limits_of(POST, channel), urgent=True)
            found = f"{channel}/{await self._rest.post(channel, body, self._finder.metadata(index))}"
        return found

    async def _look(self, channel: str, part: Part) -> str:
        found = await self._finder.find(channel, "", self._since, part)
        return f"{channel}/{found}" if found else ""
