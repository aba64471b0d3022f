"""Requests from messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from adapters.slack.incoming.attachments import attachments
from adapters.slack.incoming.command_text import CommandText, ParsedCommand
from adapters.slack.incoming.message_text import beside, own_text, text_of
from adapters.slack.outgoing.mrkdwn import is_to_others, mentioned
from adapters.slack.payloads import SlackMessage
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import SlackReplyTarget, order_of
from adapters.slack.web_api import SlackApi
from bot.interfaces.messages import Act, Manner, Place, Request

MESSAGE_SUBTYPES = ("", "file_share", "thread_broadcast")
"""Subtypes of people's messages."""

Relevance = Literal["asked", "followed", "overheard"]
"""A message's relevance: to the bot; to the bot if it takes part in the thread; to other people."""


@dataclass(frozen=True, slots=True)
class SlackMessageReader:
    """A reader of events for the bot of `rest`.

    `manner` returns the bot's behaviour towards a person in a place; `wants` returns whether a request will be
    answered.
    """

    rest: SlackApi
    command_text: CommandText
    directory: Directory
    manner: Callable[[Place, str], Manner]
    wants: Callable[[Request], Awaitable[bool]]

    @property
    def me(self) -> str:
        """Return the bot's user id."""
        return self.rest.me

    @property
    def team(self) -> str:
        """Return the workspace's id."""
        return self.rest.team

    def relevance_of(self, event: SlackMessage) -> Relevance | None:
        """Return a message's relevance without a look-up; None for bots' messages and those that the place ignores."""
        user, thread = event.get("user"), thread_of(event)
        if event.get("bot_id") or event.get("subtype", "") not in MESSAGE_SUBTYPES or not user or event.get("hidden"):
            return None
        if user == self.me:
            return None
        text = own_text(event)
        if is_direct(event["channel"]) or self.me in mentioned(text):
            return "asked"
        manner = self.manner_for(event)
        if not is_to_others(text, self.me):
            if manner.speaks == "everything" and (not thread or event.get("parent_user_id") in (self.me, user)):
                return "asked"
            if manner.speaks != "mentions" and thread:
                return "followed"
        return "overheard" if manner.keeps else None

    def manner_for(self, event: SlackMessage) -> Manner:
        """Return the bot's behaviour towards a message's author in its place."""
        return self.manner(self.place(event["channel"], thread_of(event)), event.get("user", ""))

    async def message(self, event: SlackMessage, relevance: Relevance) -> Request | None:
        """Return a message's request; None for one of a bot. Raises UserError for a wrong command."""
        channel, ts, user = event["channel"], event["ts"], event["user"]
        person, place_name = await asyncio.gather(
            self.directory.person(user, named=relevance == "overheard"), self.directory.place_name(channel)
        )
        if person.bot:
            return None
        is_asked = relevance == "asked"
        command, arguments = await self._asked(event, is_asked=is_asked, look=False)
        if command != "chat":
            person = await self.directory.person(user, rights=True)
        quiet = self.command_text.paths[command].quiet or "private" in arguments
        new_thread = ts if is_asked and self.manner_for(event).answers_in != "place" else ""
        thread = thread_of(event) or new_thread
        request = Request(
            act=Act(f"{channel}:{ts}", order_of(ts)),
            place=self.place(channel, thread, place_name),
            person=person,
            command=command,
            arguments=arguments,
            message=ts,
            addressed=is_asked,
            private=quiet and not is_direct(channel),
            reply_target=SlackReplyTarget(channel, thread, event.get("user_team") or event.get("team") or self.team),
        )
        if relevance != "overheard" and not await self.wants(request):
            return request
        (_, arguments), (files,) = await asyncio.gather(
            self._asked(event, is_asked=is_asked), attachments(self.rest, [event])
        )
        return replace(request, arguments=arguments, attachments=files)

    async def _asked(self, event: SlackMessage, *, is_asked: bool, look: bool = True) -> ParsedCommand:
        """Return a message's command and arguments. Raises UserError for a wrong command."""
        channel = event["channel"]
        if is_asked:
            return await self.command_text.message(own_text(event), beside(event), channel, look=look)
        return "chat", {"text": await self.command_text.prose(text_of(event), channel, look=look)}

    async def stopped(self, event: SlackMessage) -> Request:
        """Return the request of Slack's own Stop button."""
        channel, thread, user = event["channel"], event.get("thread_ts", ""), event["user"]
        person, place_name = await asyncio.gather(
            self.directory.person(user, rights=True), self.directory.place_name(channel)
        )
        act = Act(f"stop:{channel}:{event['event_ts']}", order_of(event["event_ts"]))
        target = SlackReplyTarget(channel, thread, self.team)
        return Request(act, self.place(channel, thread, place_name), person, "stop", private=True, reply_target=target)

    async def joined(self, event: SlackMessage) -> Request:
        """Return the request for a welcome after the bot joined a channel."""
        channel, at = event["channel"], event.get("event_ts", "0")
        inviter = event.get("inviter") or self.me
        person, place_name = await asyncio.gather(self.directory.person(inviter), self.directory.place_name(channel))
        act = Act(f"join:{channel}:{at}", order_of(at))
        target = SlackReplyTarget(channel, team=self.team)
        return Request(act, self.place(channel, "", place_name), person, "welcome", reply_target=target)

    def place(self, channel: str, thread: str, place_name: str = "") -> Place:
        """Return a place. Direct messages are one place, unless each of their threads is a session."""
        direct = is_direct(channel)
        return Place(
            "slack", self.team, channel, "" if direct and not self.rest.is_agent else thread, direct, place_name
        )


def thread_of(event: SlackMessage) -> str:
    """Return the thread that a message is in; "" for one in the channel, which may begin a thread."""
    thread = event.get("thread_ts", "")
    return "" if thread == event.get("ts") else thread


def is_direct(channel: str) -> bool:
    """Return whether a channel is a person's direct messages with the bot."""
    return channel.startswith("D")
