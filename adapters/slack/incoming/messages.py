"""What people say on Slack, as requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from adapters.slack.incoming.attachments import attachments
from adapters.slack.incoming.command_text import CommandText, ParsedCommand
from adapters.slack.incoming.message_text import beside, text_of, words_of
from adapters.slack.outgoing.mrkdwn import is_to_others, mentioned
from adapters.slack.payloads import SlackMessage
from adapters.slack.people.directory import Directory
from adapters.slack.reply_target import SlackReplyTarget, order_of
from adapters.slack.web_api import SlackApi
from bot.interfaces.messages import Act, Manner, Place, Request

SAID = ("", "file_share", "thread_broadcast")
"""Subtypes of messages that people write."""

Relevance = Literal["asked", "followed", "overheard"]
"""Said to the bot; perhaps to it, if it takes part in the thread; surely to others."""


@dataclass(frozen=True, slots=True)
class SlackMessageReader:
    """Reads events for the bot that `rest` is signed in as.

    `manner` says how it behaves in a place towards a person, `wants` whether a request will be answered.
    """

    rest: SlackApi
    words: CommandText
    directory: Directory
    manner: Callable[[Place, str], Manner]
    wants: Callable[[Request], Awaitable[bool]]

    @property
    def me(self) -> str:
        """The bot's user id."""
        return self.rest.me

    @property
    def team(self) -> str:
        """The workspace."""
        return self.rest.team

    def hears(self, event: SlackMessage) -> Relevance | None:
        """What a message is to the bot; None for what is not said by people or not wanted. Needs no look-up."""
        user, thread = event.get("user"), thread_of(event)
        if event.get("bot_id") or event.get("subtype", "") not in SAID or not user or event.get("hidden"):
            return None
        if user == self.me:
            return None
        said = words_of(event)
        if is_direct(event["channel"]) or self.me in mentioned(said):
            return "asked"
        manner = self.behaves(event)
        if not is_to_others(said, self.me):
            if manner.speaks == "everything" and (not thread or event.get("parent_user_id") in (self.me, user)):
                return "asked"
            if manner.speaks != "mentions" and thread:
                return "followed"
        return "overheard" if manner.keeps else None

    def behaves(self, event: SlackMessage) -> Manner:
        """How the bot behaves where and towards whom a message was written."""
        return self.manner(self.place(event["channel"], thread_of(event)), event.get("user", ""))

    async def message(self, event: SlackMessage, heard: Relevance) -> Request | None:
        """A message; None when a bot wrote it. Raises UserError for a command that cannot be read."""
        channel, ts, user = event["channel"], event["ts"], event["user"]
        person, where = await asyncio.gather(
            self.directory.person(user, named=heard == "overheard"), self.directory.place_name(channel)
        )
        if person.bot:
            return None
        asked = heard == "asked"
        command, arguments = await self._asked(event, asked=asked, look=False)
        if command != "chat":
            person = await self.directory.person(user, rights=True)
        quiet = self.words.paths[command].quiet or "private" in arguments
        begins = ts if asked and self.behaves(event).answers_in != "place" else ""
        thread = thread_of(event) or begins
        request = Request(
            act=Act(f"{channel}:{ts}", order_of(ts)),
            place=self.place(channel, thread, where),
            person=person,
            command=command,
            arguments=arguments,
            message=ts,
            addressed=asked,
            private=quiet and not is_direct(channel),
            reply_target=SlackReplyTarget(channel, thread, event.get("user_team") or event.get("team") or self.team),
        )
        if heard != "overheard" and not await self.wants(request):
            return request
        (_, arguments), (files,) = await asyncio.gather(
            self._asked(event, asked=asked), attachments(self.rest, [event])
        )
        return replace(request, arguments=arguments, attachments=files)

    async def _asked(self, event: SlackMessage, *, asked: bool, look: bool = True) -> ParsedCommand:
        """What a message asks for. Raises UserError for a command that cannot be read."""
        channel = event["channel"]
        if asked:
            return await self.words.message(words_of(event), beside(event), channel, look=look)
        return "chat", {"text": await self.words.prose(text_of(event), channel, look=look)}

    async def stopped(self, event: SlackMessage) -> Request:
        """Slack's own Stop button."""
        channel, thread, user = event["channel"], event.get("thread_ts", ""), event["user"]
        person, where = await asyncio.gather(
            self.directory.person(user, rights=True), self.directory.place_name(channel)
        )
        act = Act(f"stop:{channel}:{event['event_ts']}", order_of(event["event_ts"]))
        target = SlackReplyTarget(channel, thread, self.team)
        return Request(act, self.place(channel, thread, where), person, "stop", private=True, reply_target=target)

    async def joined(self, event: SlackMessage) -> Request:
        """The bot joined a channel."""
        channel, at = event["channel"], event.get("event_ts", "0")
        inviter = event.get("inviter") or self.me
        person, where = await asyncio.gather(self.directory.person(inviter), self.directory.place_name(channel))
        act = Act(f"join:{channel}:{at}", order_of(at))
        target = SlackReplyTarget(channel, team=self.team)
        return Request(act, self.place(channel, "", where), person, "welcome", reply_target=target)

    def place(self, channel: str, thread: str, where: str = "") -> Place:
        """Where something is said. Direct messages are one place, unless each of their threads is a session."""
        direct = is_direct(channel)
        return Place("slack", self.team, channel, "" if direct and not self.rest.is_agent else thread, direct, where)


def thread_of(event: SlackMessage) -> str:
    """The thread that a message was written in; "" for one that is in none, though it may begin one."""
    thread = event.get("thread_ts", "")
    return "" if thread == event.get("ts") else thread


def is_direct(channel: str) -> bool:
    """Whether a channel is a person's direct messages with the bot."""
    return channel.startswith("D")
