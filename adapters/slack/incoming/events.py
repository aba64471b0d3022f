"""What arrives from Slack on its way to the core: in the order of arrival, with the manners of its place."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from adapters.slack.incoming import edits
from adapters.slack.incoming.deadline import lift, patience, within
from adapters.slack.incoming.edits import MessageEdit
from adapters.slack.incoming.envelope import is_ours
from adapters.slack.incoming.interactions import InteractionReader, user_of
from adapters.slack.incoming.messages import SlackMessageReader, thread_of
from adapters.slack.outgoing import modals
from adapters.slack.outgoing.home_tab import HomeTab
from adapters.slack.outgoing.private_surface import send_private
from adapters.slack.payloads import Envelope, SlackMessage, read_envelope, read_person_change
from adapters.slack.reply_target import SlackReplyTarget
from adapters.slack.shortcuts import MORE
from adapters.slack.web_api import SlackApi
from bot.interfaces.adapter import Intake
from bot.interfaces.errors import PlatformError, UserError
from bot.interfaces.messages import Place, Request

log = logging.getLogger(__name__)

T = TypeVar("T")

POSTS_REMEMBERED = 1_000

ASKING = "Asking; the answer will appear here, for you alone."


class EventRouter:
    """Everything that Slack tells. Raises StoreError for what the core could not keep: it is not to be acknowledged."""

    def __init__(
        self, rest: SlackApi, reader: SlackMessageReader, intake: Intake, home: HomeTab, clock: Callable[[], float]
    ) -> None:
        self._rest = rest
        self._reader = reader
        self._acts = InteractionReader(reader)
        self._intake = intake
        self._home = home
        self._clock = clock
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._posts: OrderedDict[str, asyncio.Event] = OrderedDict()
        self._interactions = {
            "block_actions": self._acts.press,
            "message_action": self._acts.pointed,
            "view_submission": self._acts.sent,
        }
        self._kinds: Mapping[str, Callable[[SlackMessage], Awaitable[None]]] = {
            "message": self._message,
            "app_mention": self._mention,
            "agent_session_stopped": self._stopped,
            "member_joined_channel": self._joined,
            "app_home_opened": self._opened,
            "app_uninstalled": self._uninstalled,
            "tokens_revoked": self._revoked,
            **dict.fromkeys(("channel_deleted", "group_deleted"), self._vanished),
            **dict.fromkeys(("subteam_created", "subteam_updated", "subteam_members_changed"), self._regrouped),
        }

    async def take(self, payload: object) -> str:
        """Take one envelope; what to tell a slash command's user at once, "" for nothing. Not ours is nothing.

        Raises PlatformError for what Slack has to be asked about and does not answer: it is to come again.
        """
        body = read_envelope(payload)
        if not is_ours(body, self._rest):
            log.info("Slack: something for another workspace or app is left alone")
            return ""
        if body.get("event", {}).get("type") == "user_change":
            self._reader.directory.changed(read_person_change(payload))
            return ""
        with within(self._rest.timeouts.act):
            return await self._take(body)

    async def _take(self, body: Envelope) -> str:
        event = body.get("event", {})
        if body.get("command"):
            return await self._act(body, body["channel_id"], self._acts.slash(body, self._clock()))
        if act := self._interactions.get(body.get("type", "")):
            await self._interact(body, act)
        elif take := self._kinds.get(event.get("type", "")):
            await take(event)
        return ""

    async def said(self, event: SlackMessage) -> None:
        """A message, now or while the bot was away."""
        heard, channel = self._reader.hears(event), event["channel"]
        offered, refused = list[Request](), list[UserError]()
        if heard is None:
            return
        if heard == "overheard":
            await self._in_order(channel, self._reader.message(event, heard), self._intake.overhear)
            return

        async def settled() -> Request | None:
            try:
                request = await self._reader.message(event, heard)
            except UserError as error:
                refused.append(error)
                return None
            return request and self._settled(request)

        def offer(request: Request) -> Awaitable[bool]:
            offered.append(request)
            return self._intake.offer(request)

        taken = await self._in_order(channel, settled(), offer)
        for error in refused:
            await self._tell(SlackReplyTarget(channel, thread_of(event)), event["user"], error.message)
        if offered and not taken and heard == "followed" and self._reader.behaves(event).keeps:
            await self._intake.overhear(offered[0])

    # Acts ------------------------------------------------------------------------------------------------------------

    async def _interact(self, body: Envelope, read: Callable[[Envelope, float], Awaitable[Request | None]]) -> None:
        """A press or a form, which no acknowledgement can answer with words."""
        now = self._clock()
        origin = self._acts.origin(body, now)
        if body.get("type") == "message_action" and body.get("callback_id") == MORE:
            await self._open_more(body, origin, now)
        elif told := await self._act(body, origin.channel, read(body, now)):
            await self._tell(origin, user_of(body), told)

    async def _act(self, body: Envelope, channel: str, reading: Awaitable[Request | None]) -> str:
        """Offer what a person did, or open the form that it has; what to tell the person alone, "" for nothing.

        Nobody waits in line for a form that is being opened.
        """
        with_form, told = list[Request](), ""

        async def settled() -> Request | None:
            request = await reading
            if request is not None and self._may_have_form(request, body):
                with_form.append(request)
                return None
            return request and self._settled(request)

        def offer(request: Request) -> Awaitable[bool]:
            nonlocal told
            if request.private and self._reader.words.paths[request.command].converses and body.get("command"):
                told = ASKING
            return self._intake.offer(request)

        try:
            await self._in_order(channel, settled(), offer)
            for request in with_form:
                if not await self._open_form(self._intake.settle(request), body["trigger_id"]):
                    await self._intake.offer(self._settled(request))
        except (UserError, PlatformError) as error:
            return error.message
        return told

    async def _open_more(self, body: Envelope, origin: SlackReplyTarget, now: float) -> None:
        """Open the form with the tasks that a message's menu has no room for."""
        try:
            view = await self._acts.more(body, now)
            await self._rest.write("views.open", {"trigger_id": body["trigger_id"], "view": view})
        except (UserError, PlatformError) as error:
            await self._tell(origin, user_of(body), error.message)

    def _may_have_form(self, request: Request, body: Envelope) -> bool:
        """What a form brought has had its own."""
        return self._reader.words.paths[request.command].dialog and body.get("type") != "view_submission"

    async def _open_form(self, request: Request, trigger: str) -> bool:
        """Open the form that a request has; False for none. Raises UserError and PlatformError."""
        form = await self._intake.dialog(request)
        if form is None:
            return False
        view = modals.modal_view(form, SlackReplyTarget.of(request))
        await self._rest.write("views.open", {"trigger_id": trigger, "view": view})
        return True

    def _settled(self, request: Request) -> Request:
        """As the core wants it treated. A message to the bot alone and its own page are private as they are."""
        request = self._intake.settle(request)
        target = SlackReplyTarget.of(request)
        alone = request.place.direct and (request.message or target.home)
        if not request.private or alone:
            return request
        return replace(request, reply_target=target.privately(request.message))

    # Events ----------------------------------------------------------------------------------------------------------

    async def _message(self, event: SlackMessage) -> None:
        if event.get("subtype") in edits.SUBTYPES:
            await self._in_order(event["channel"], edits.read_edit(self._reader, event), self._change)
            return
        self._post(event).set()
        await self.said(event)

    async def _mention(self, event: SlackMessage) -> None:
        """The message event of the same post says more: files, and where it was. Without it, ask Slack."""
        try:
            async with patience(self._rest.timeouts.message):
                await self._post(event).wait()
        except TimeoutError:
            await self.said(event | await self._refetch(event))

    def _post(self, event: SlackMessage) -> asyncio.Event:
        key = f"{event.get('channel')}:{event.get('ts')}"
        while len(self._posts) >= POSTS_REMEMBERED:
            self._posts.popitem(last=False)
        return self._posts.setdefault(key, asyncio.Event())

    async def _refetch(self, event: SlackMessage) -> SlackMessage:
        channel, ts = event["channel"], event["ts"]
        thread = event.get("thread_ts") or ts
        try:
            where = {"channel": channel, "ts": thread, "oldest": ts, "inclusive": True}
            async with patience(self._rest.timeouts.look_up):
                page = await self._rest.read("conversations.replies", where)
        except (PlatformError, TimeoutError) as error:
            log.info("A mention is taken as it came: %s", error or "Slack is too slow")
            return {}
        return next((found for found in page.get("messages", ()) if found.get("ts") == ts), SlackMessage())

    async def _change(self, change: MessageEdit) -> None:
        """What the bot removed itself is not news to it."""
        place, message = change.place, change.message
        if change.text is not None:
            await self._intake.edited(place, message, change.text)
        elif (place.channel, message) not in self._rest.deleted:
            await self._intake.deleted(place, [message])

    async def _stopped(self, event: SlackMessage) -> None:
        async def settled() -> Request:
            return self._settled(await self._reader.stopped(event))

        await self._in_order(event["channel"], settled(), self._intake.offer)

    async def _joined(self, event: SlackMessage) -> None:
        if event.get("user") == self._rest.me:
            await self._in_order(event["channel"], self._reader.joined(event), self._intake.offer)

    async def _vanished(self, event: SlackMessage) -> None:
        async def gone() -> Place:
            return Place("slack", self._rest.team, channel)

        channel = event["channel"]
        await self._in_order(channel, gone(), self._intake.place_deleted)

    async def _regrouped(self, event: SlackMessage) -> None:
        self._reader.directory.groups.changed()

    async def _opened(self, event: SlackMessage) -> None:
        if event.get("tab") == "home":
            await self._home.show(event["user"], event["channel"])

    async def _uninstalled(self, event: SlackMessage) -> None:
        """The app was removed, if Slack agrees: the event may be older than an installation anew."""
        if await self._rest.is_removed():
            await self._intake.uninstalled("slack", self._rest.team)
        else:
            log.warning("Slack: the app was removed and is there again; everything stays")

    async def _revoked(self, event: SlackMessage) -> None:
        """The bot's token may have leaked and have been replaced: that removes nothing."""
        if event.get("tokens", {}).get("bot"):
            log.error("Slack revoked the bot's token. What is kept stays; install the app again and set the new token")

    # What they share -------------------------------------------------------------------------------------------------

    async def _tell(self, target: SlackReplyTarget, person: str, sentence: str) -> None:
        try:
            await send_private(self._rest, target, person, sentence, self._clock())
        except PlatformError as error:
            log.warning("“%s” cannot be said to %s: %s", sentence, person, error)

    async def _in_order(
        self, channel: str, reading: Awaitable[T | None], give: Callable[[T], Awaitable[bool | None]]
    ) -> bool:
        """Read what may need look-ups, but give it to the core in the order of arrival in each channel.

        The place in line is taken before the first await: envelopes of one socket reach this point in their order.
        """
        before = self._turns.get(channel)
        mine = self._turns[channel] = asyncio.get_running_loop().create_future()
        try:
            found = await reading
            if before is not None:
                await asyncio.wait([before])
            if found is None:
                return False
            lift()
            given = give(found)
        finally:
            mine.set_result(None)
            if self._turns[channel] is mine:
                del self._turns[channel]
        return await given or False
