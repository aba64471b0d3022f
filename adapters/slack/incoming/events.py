"""Events from Slack as requests to the core, in the order of arrival in each channel."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from adapters.slack.incoming import edits
from adapters.slack.incoming.deadline import lift_deadline, look_up_timeout, within
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

WORKING_PRIVATELY = "I am working on it. The answer comes here, and only you see it."


class EventRouter:
    """The handlers of all events. They raise StoreError for events that were not stored and need no acknowledgement."""

    def __init__(
        self, rest: SlackApi, reader: SlackMessageReader, intake: Intake, home: HomeTab, clock: Callable[[], float]
    ) -> None:
        self._rest = rest
        self._reader = reader
        self._interaction_reader = InteractionReader(reader)
        self._intake = intake
        self._home = home
        self._clock = clock
        self._last_reads: dict[str, asyncio.Future[None]] = {}
        self._posts: OrderedDict[str, asyncio.Event] = OrderedDict()
        self._interactions = {
            "block_actions": self._interaction_reader.press,
            "message_action": self._interaction_reader.pointed,
            "view_submission": self._interaction_reader.sent,
        }
        self._kinds: Mapping[str, Callable[[SlackMessage], Awaitable[None]]] = {
            "message": self._message,
            "app_mention": self._mention,
            "agent_session_stopped": self._stopped,
            "member_joined_channel": self._joined,
            "app_home_opened": self._opened,
            "app_uninstalled": self._uninstalled,
            "tokens_revoked": self._revoked,
            **dict.fromkeys(("channel_deleted", "group_deleted"), self._channel_deleted),
            **dict.fromkeys(("subteam_created", "subteam_updated", "subteam_members_changed"), self._regrouped),
        }

    async def take(self, payload: object) -> str:
        """Take one envelope; return a text for a slash command's user, "" for none.

        Raises PlatformError where Slack did not answer a needed look-up: Slack sends the envelope again.
        """
        body = read_envelope(payload)
        if not is_ours(body, self._rest):
            log.info("Slack: an event for another workspace or app is ignored")
            return ""
        if body.get("event", {}).get("type") == "user_change":
            self._reader.directory.changed(read_person_change(payload))
            return ""
        with within(self._rest.timeouts.act):
            return await self._take(body)

    async def _take(self, body: Envelope) -> str:
        event = body.get("event", {})
        if body.get("command"):
            return await self._act(body, body["channel_id"], self._interaction_reader.slash(body, self._clock()))
        if act := self._interactions.get(body.get("type", "")):
            await self._interact(body, act)
        elif take := self._kinds.get(event.get("type", "")):
            await take(event)
        return ""

    async def take_message(self, event: SlackMessage) -> None:
        """Take a message, live or from the backfill."""
        relevance, channel = self._reader.relevance_of(event), event["channel"]
        requests, errors = list[Request](), list[UserError]()
        if relevance is None:
            return
        if relevance == "overheard":
            await self._in_order(channel, self._reader.message(event, relevance), self._intake.overhear)
            return

        async def read_request() -> Request | None:
            try:
                request = await self._reader.message(event, relevance)
            except UserError as error:
                errors.append(error)
                return None
            return request and self._settle(request)

        def offer(request: Request) -> Awaitable[bool]:
            requests.append(request)
            return self._intake.offer(request)

        accepted = await self._in_order(channel, read_request(), offer)
        for error in errors:
            await self._send_private(SlackReplyTarget(channel, thread_of(event)), event["user"], error.message)
        if requests and not accepted and relevance == "followed" and self._reader.manner_for(event).keeps:
            await self._intake.overhear(requests[0])

    # Interactions ----------------------------------------------------------------------------------------------------

    async def _interact(self, body: Envelope, read: Callable[[Envelope, float], Awaitable[Request | None]]) -> None:
        """Take a press or a form, whose acknowledgement cannot hold a text."""
        now = self._clock()
        origin = self._interaction_reader.origin(body, now)
        if body.get("type") == "message_action" and body.get("callback_id") == MORE:
            await self._open_more(body, origin, now)
        elif text := await self._act(body, origin.channel, read(body, now)):
            await self._send_private(origin, user_of(body), text)

    async def _act(self, body: Envelope, channel: str, reading: Awaitable[Request | None]) -> str:
        """Offer a request, or open its form; return a text for the person, "" for none.

        Other requests do not wait while a form is opened.
        """
        form_requests, text = list[Request](), ""

        async def read_request() -> Request | None:
            request = await reading
            if request is not None and self._may_have_form(request, body):
                form_requests.append(request)
                return None
            return request and self._settle(request)

        def offer(request: Request) -> Awaitable[bool]:
            nonlocal text
            if request.private and self._reader.command_text.paths[request.command].converses and body.get("command"):
                text = WORKING_PRIVATELY
            return self._intake.offer(request)

        try:
            await self._in_order(channel, read_request(), offer)
            for request in form_requests:
                if not await self._open_form(self._intake.settle(request), body["trigger_id"]):
                    await self._intake.offer(self._settle(request))
        except (UserError, PlatformError) as error:
            return error.message
        return text

    async def _open_more(self, body: Envelope, origin: SlackReplyTarget, now: float) -> None:
        """Open the form with the tasks that are not in a message's menu."""
        try:
            view = await self._interaction_reader.more(body, now)
            await self._rest.write("views.open", {"trigger_id": body["trigger_id"], "view": view})
        except (UserError, PlatformError) as error:
            await self._send_private(origin, user_of(body), error.message)

    def _may_have_form(self, request: Request, body: Envelope) -> bool:
        """Return whether a request may open a form; a sent form opens no other."""
        return self._reader.command_text.paths[request.command].dialog and body.get("type") != "view_submission"

    async def _open_form(self, request: Request, trigger: str) -> bool:
        """Open a request's form; return False where it has none. Raises UserError and PlatformError."""
        form = await self._intake.dialog(request)
        if form is None:
            return False
        view = modals.modal_view(form, SlackReplyTarget.of(request))
        await self._rest.write("views.open", {"trigger_id": trigger, "view": view})
        return True

    def _settle(self, request: Request) -> Request:
        """Return the request with its privacy; direct messages and the Home tab are private already."""
        request = self._intake.settle(request)
        target = SlackReplyTarget.of(request)
        is_private_already = request.place.direct and (request.message or target.home)
        if not request.private or is_private_already:
            return request
        return replace(request, reply_target=target.made_private(request.message))

    # Events ----------------------------------------------------------------------------------------------------------

    async def _message(self, event: SlackMessage) -> None:
        if event.get("subtype") in edits.SUBTYPES:
            await self._in_order(event["channel"], edits.read_edit(self._reader, event), self._change)
            return
        self._post(event).set()
        await self.take_message(event)

    async def _mention(self, event: SlackMessage) -> None:
        """Take a mention with the message event of the same post, which has files and thread; else look it up."""
        try:
            async with look_up_timeout(self._rest.timeouts.message):
                await self._post(event).wait()
        except TimeoutError:
            await self.take_message(event | await self._refetch(event))

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
            async with look_up_timeout(self._rest.timeouts.look_up):
                page = await self._rest.read("conversations.replies", where)
        except (PlatformError, TimeoutError) as error:
            log.info("A mention is used without its message: %s", error or "timeout")
            return {}
        return next((found for found in page.get("messages", ()) if found.get("ts") == ts), SlackMessage())

    async def _change(self, change: MessageEdit) -> None:
        """Report an edit or a deletion, except of a message that the bot deleted."""
        place, message = change.place, change.message
        if change.text is not None:
            await self._intake.edited(place, message, change.text)
        elif (place.channel, message) not in self._rest.deleted:
            await self._intake.deleted(place, [message])

    async def _stopped(self, event: SlackMessage) -> None:
        async def read_request() -> Request:
            return self._settle(await self._reader.stopped(event))

        await self._in_order(event["channel"], read_request(), self._intake.offer)

    async def _joined(self, event: SlackMessage) -> None:
        if event.get("user") == self._rest.me:
            await self._in_order(event["channel"], self._reader.joined(event), self._intake.offer)

    async def _channel_deleted(self, event: SlackMessage) -> None:
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
        """Report the removal of the app if Slack confirms it; the event may be older than a new installation."""
        if await self._rest.is_removed():
            await self._intake.uninstalled("slack", self._rest.team)
        else:
            log.warning("Slack: the app was removed and installed again. Nothing is deleted")

    async def _revoked(self, event: SlackMessage) -> None:
        """Log the revocation of the bot's token, which may be a replacement: it deletes nothing."""
        if event.get("tokens", {}).get("bot"):
            log.error("Slack revoked the bot's token. Nothing is deleted. Install the app again and set the new token")

    # Shared ----------------------------------------------------------------------------------------------------------

    async def _send_private(self, target: SlackReplyTarget, person: str, sentence: str) -> None:
        try:
            await send_private(self._rest, target, person, sentence, self._clock())
        except PlatformError as error:
            log.warning("“%s” cannot be sent to %s: %s", sentence, person, error)

    async def _in_order(
        self, channel: str, reading: Awaitable[T | None], send: Callable[[T], Awaitable[bool | None]]
    ) -> bool:
        """Await `reading`, which may look things up, but pass its results to the core in the order of arrival.

        The place in the queue is taken before the first await: envelopes of one socket arrive here in order.
        """
        before = self._last_reads.get(channel)
        own_turn = self._last_reads[channel] = asyncio.get_running_loop().create_future()
        try:
            found = await reading
            if before is not None:
                await asyncio.wait([before])
            if found is None:
                return False
            lift_deadline()
            sending = send(found)
        finally:
            own_turn.set_result(None)
            if self._last_reads[channel] is own_turn:
                del self._last_reads[channel]
        return await sending or False
