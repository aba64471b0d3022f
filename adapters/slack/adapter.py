"""The Slack adapter: it runs the sockets and makes the drafts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from time import time

from adapters.shared.attachments import fetch
from adapters.shared.message_split import split
from adapters.shared.private_draft import HiddenDraft, PrivateDraft
from adapters.shared.rate_limiter import RateLimiter
from adapters.slack.incoming.attachments import source
from adapters.slack.incoming.command_text import CommandText
from adapters.slack.incoming.connection import SocketConnection
from adapters.slack.incoming.events import EventRouter
from adapters.slack.incoming.history import SlackHistory
from adapters.slack.incoming.messages import SlackMessageReader
from adapters.slack.manifest import AGENT_SCOPE, SCOPES
from adapters.slack.outgoing.draft import SlackPrivateDraft, ThreadDraft
from adapters.slack.outgoing.home_tab import HomeDraft, HomeTab
from adapters.slack.outgoing.message_finder import MessageFinder, message_body
from adapters.slack.outgoing.private_surface import PrivateSurface
from adapters.slack.outgoing.thread_surface import ThreadSurface
from adapters.slack.people import channel_access
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import SlackReplyTarget, ts_of
from adapters.slack.settings import SlackSettings
from adapters.slack.timeouts import DEFAULT, SlackTimeouts
from adapters.slack.web_api import POST, SlackApi, rate_limit_for, rate_limits_of
from bot.interfaces.adapter import (
    Adapter,
    Audience,
    Draft,
    DraftLog,
    HistoryAdapter,
    Intake,
    PeopleAdapter,
    PostAdapter,
)
from bot.interfaces.errors import Forbidden
from bot.interfaces.messages import Attachment, Message, Person, Place, Request
from bot.interfaces.network import DIRECT, Network
from bot.interfaces.replies import Part

log = logging.getLogger(__name__)

DAY = 86_400


class SlackAdapter(Adapter, HistoryAdapter, PeopleAdapter, PostAdapter):
    """The adapter of one Slack app in one workspace."""

    name = "slack"

    def __init__(
        self,
        settings: SlackSettings,
        bot_token: str,
        app_token: str,
        clock: Callable[[], float] = time,
        network: Network = DIRECT,
        timeouts: SlackTimeouts = DEFAULT,
    ) -> None:
        self._settings = settings
        self._network = network
        self._token = bot_token
        self._clock = clock
        self._limiter = RateLimiter(partial(rate_limit_for, settings.pace))
        self._rest = SlackApi(
            bot_token,
            app_token,
            settings.api_url,
            self._limiter,
            network,
            links_in_edits=settings.links_in_edits,
            timeouts=timeouts,
        )
        self._directory = Directory(self._rest)
        self._history = SlackHistory(self._rest, self._directory)
        self._connection: SocketConnection | None = None
        self._home: HomeTab | None = None

    async def run(self, intake: Intake, connected: Callable[[str], None]) -> None:
        await self._rest.sign_in()
        await intake.installed("slack", (self._rest.team,))
        command_text = CommandText(self._rest.me, intake.commands, self._directory, self._settings.ask_command)
        reader = SlackMessageReader(self._rest, command_text, self._directory, intake.manner, intake.wants)
        self._home = HomeTab(self._rest, self._directory, intake)
        events = EventRouter(self._rest, reader, intake, self._home, self._clock)
        self._connection = SocketConnection(self._rest, reader, events, intake, connected)
        try:
            await self._connection.serve()
        finally:
            self._connection = None

    async def stop_intake(self) -> None:
        if self._connection is not None:
            self._connection.taking = False

    def draft(self, request: Request, draft_log: DraftLog) -> Draft:
        target = SlackReplyTarget.of(request)

        def hidden_draft(hidden_log: DraftLog) -> Draft:
            private_target = target if target.hidden else target.made_private(request.message)
            private_surface = PrivateSurface(self._rest, request, private_target, self._clock)
            return SlackPrivateDraft(private_surface, hidden_log, self._limiter, self._rest.timeouts.retries)

        hidden = HiddenDraft(hidden_draft, draft_log)
        surface = ThreadSurface(self._rest, request, target, draft_log)
        fallback = hidden if target.response_url else None
        public = ThreadDraft(surface, draft_log, self._limiter, self._rest.timeouts.retries, target.pressed, fallback)
        if target.home:
            return HomeDraft(public, partial(self._show_home, request.person.id, target.channel))
        if request.place.direct and request.message:
            return public
        return PrivateDraft(public, hidden, private=target.hidden)

    async def context(self, request: Request, limit: int) -> Sequence[Message]:
        return await self._history.context(request, limit)

    async def pointed(self, request: Request) -> Message | None:
        """Return the message of a shortcut, or the first message of the request's thread."""
        return await self._history.pointed(request)

    async def history(self, request: Request, limit: int, since_ms: int) -> Sequence[Message]:
        return await self._history.history(request, limit, since_ms)

    async def fetch(self, request: Request, attachment: Attachment, limit: int) -> bytes:
        """Download a file, which Slack shows only to the bot's token."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return await fetch(attachment, limit, source(self._settings.api_url), headers, network=self._network)

    async def whois(self, request: Request) -> Person:
        return await self._directory.whois(request.person.id)

    async def readable(self, request: Request, places: Collection[Place]) -> Collection[Place]:
        """Return the places whose channels the asking person may read; readers of a channel read its threads."""
        person = await self._directory.whois(request.person.id)
        channels = await channel_access.readable_channels(self._rest, person, {place.channel for place in places})
        return [place for place in places if place.channel in channels]

    async def audience(self, place: Place) -> Audience:
        """Return the current audience of a channel, which is also that of its threads."""
        return (
            await channel_access.audience(self._rest, place.channel) if place.workspace == self._rest.team else "none"
        )

    async def post(self, place: Place, text: str, key: str) -> None:
        """Send a message that is not an answer, after a search for an earlier attempt."""
        finder, day_ago = MessageFinder(self._rest, f"post:{key}"), ts_of(int(self._clock() - DAY) * 1_000_000)
        for index, part in enumerate(split(text, ThreadSurface.limit)):
            try:
                if await finder.find(place.channel, place.thread, day_ago, Part(index, part)):
                    continue
            except Forbidden as error:
                log.info("A message that may have been sent cannot be looked for: %s", error)
            await self._limiter.acquire(rate_limits_of(POST, place.channel), urgent=True)
            await self._rest.post(
                place.channel, message_body(part, (), links=True), finder.metadata(index), place.thread
            )

    async def check(self) -> str:
        """Check both tokens; return one line with the bot's name and the missing permissions."""
        await self._rest.sign_in()
        await self._rest.socket_url()
        report = _permission_report(self._rest.scopes)
        return f"Slack accepts the tokens of {self._rest.name} in {self._rest.team_name}.{report}"

    async def aclose(self) -> None:
        self._directory.close()
        await self._rest.aclose()

    async def _show_home(self, person: str, channel: str) -> None:
        if self._home is not None:
            await self._home.show(person, channel)


def _permission_report(scopes: Collection[str] | None) -> str:
    """Return sentences about the token's permissions; "" where Slack does not report them."""
    if scopes is None:
        return ""
    missing = [scope for scope in SCOPES if scope != AGENT_SCOPE and scope not in scopes]
    fault = ""
    if missing:
        fault = f" The app lacks the permissions {', '.join(missing)}. Give it the manifest again and reinstall it."
    if AGENT_SCOPE in scopes:
        return (
            f"{fault} The app is one of Slack's agents: guests cannot use it. Answers stream in direct messages if the "
            "workspace's plan has streams. For guests and other plans, use `shoulders manifest slack --plain`."
        )
    return f"{fault} The app has the plain manifest: guests can use it, and answers are edited while they grow."
