"""Requests from messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import discord

from adapters.discord.incoming.message_content import files, payload_of, text_of
from adapters.discord.outgoing.markdown import readable, with_subjects
from adapters.discord.people.people import (
    Author,
    first_writable,
    may_open_threads,
    may_read_back,
    names_in,
    person_of,
    place_of,
)
from adapters.discord.reply_target import DiscordReplyTarget
from adapters.shared.command_line import find_command, parse_arguments
from bot.interfaces.command import Command
from bot.interfaces.messages import Act, Manner, Person, Place, Request

TEXT_TYPES = (discord.MessageType.default, discord.MessageType.reply)
LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A person's message. `for_bot`: it may be for the bot; `kept`: the place keeps messages between people."""

    request: Request
    for_bot: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class DiscordMessageReader:
    """A reader of messages for the bot `me`. `content`: Discord shows it every message."""

    me: int
    commands: Sequence[Command]
    content: bool
    manner: Callable[[Place, str], Manner]

    def is_hidden(self, message: discord.Message) -> bool:
        """Return whether Discord hid a message's content, because the message-content intent is missing."""
        return not (self.content or message.guild is None or self._mentioned_as(message))

    def is_missed(self, message: discord.Message) -> bool:
        """Return whether a message may be for the bot, but has hidden content."""
        if message.author.bot or message.type not in TEXT_TYPES or not self.is_hidden(message):
            return False
        manner = self.manner(place_of(message.channel, message.guild), str(message.author.id))
        reads_all = manner.speaks == "everything" or manner.keeps
        return reads_all or isinstance(message.channel, discord.Thread) or _replied_to(message) == self.me

    def readable(self, message: discord.Message) -> bool:
        """Return whether a person wrote the message and Discord shows it."""
        return not (
            message.author.bot or message.webhook_id or message.type not in TEXT_TYPES or self.is_hidden(message)
        )

    def text(self, message: discord.Message) -> str:
        """Return a message's text for people and models."""
        return text_of(payload_of(message), names_in(message), self._mentioned_as(message))

    def message(
        self, message: discord.Message, place: Place | None = None, author: Author | None = None
    ) -> IncomingMessage | None:
        """Return a person's message as a request; None for other messages.

        `place` and `author` replace less exact values of the message. Raises UserError for a wrong command.
        """
        if not self.readable(message):
            return None
        place, author = place or place_of(message.channel, message.guild), author or message.author
        manner = self.manner(place, str(author.id))
        is_for_bot = place.direct or bool(self._mentioned_as(message)) or _replied_to(message) == self.me
        to_others = self._is_to_others(message)
        addressed = is_for_bot or (manner.speaks == "everything" and not to_others)
        follows = manner.speaks == "threads" and bool(place.thread) and not to_others
        command, arguments = self._command(message) if addressed else ("chat", {"text": self.text(message)})
        replied = _reply(message)
        request = Request(
            act=Act(str(message.id), message.id),
            place=place,
            person=person_of(author, guild=message.guild is not None),
            command=command,
            arguments=arguments,
            attachments=files(payload_of(message)),
            message=str(message.id),
            replies_to=str(replied.message_id or "") if replied else "",
            addressed=addressed,
            private="private" in arguments,
            reply_target=DiscordReplyTarget(
                str(message.channel.id), reply=str(message.id), reads=may_read_back(author, message.guild, place)
            ),
        )
        if addressed and manner.answers_in == "thread" and message.guild and may_open_threads(place, message.guild):
            request = _in_thread(request)
        return IncomingMessage(request, addressed or follows, manner.keeps and not addressed)

    def joined(self, guild: discord.Guild) -> Request | None:
        """Return the request for a welcome in a new guild; None where the bot may write nowhere."""
        channel = first_writable(guild)
        if channel is None:
            return None
        since = guild.me.joined_at or discord.utils.utcnow()
        act = Act(f"join:{guild.id}:{since.isoformat()}", discord.utils.time_snowflake(since))
        person = Person(str(guild.owner_id or guild.id), guild.name)
        return Request(
            act, place_of(channel, guild), person, "welcome", reply_target=DiscordReplyTarget(str(channel.id))
        )

    def _command(self, message: discord.Message) -> tuple[str, Mapping[str, str]]:
        """Return the command of a `/name text`, else `chat`; a command in a forwarded message does not count."""
        text = readable(message.content, names_in(message), self._mentioned_as(message))
        found = find_command(text, self.commands) if text.startswith("/") else None
        if found is None:
            return "chat", {"text": self.text(message)}
        path, command, rest = found
        if any(option.kind in ("who", "channel") for option in command.options):
            typed = with_subjects(message.content, names_in(message), self._mentioned_as(message))
            path, command, rest = find_command(typed, self.commands) or found
        return path, parse_arguments(path, command, rest)

    def _mentioned_as(self, message: discord.Message) -> Collection[str]:
        """Return the ids in a message that mean the bot: its own, and the role that Discord made for it.

        Without the message-content intent, Discord shows messages that mention the bot; its documents do not name the
        role.
        """
        users = [user.id for user in message.mentions if user.id == self.me]
        roles = [role.id for role in message.role_mentions if role.tags and role.tags.bot_id == self.me]
        return {str(key) for key in (*users, *roles)}

    def _is_to_others(self, message: discord.Message) -> bool:
        """Return whether a message is clearly for other people."""
        others = [user for user in message.mentions if user.id not in (self.me, message.author.id)]
        replied = _replied_to(message)
        to_other = replied is not None and replied not in (self.me, message.author.id)
        return bool(others or message.role_mentions or message.mention_everyone or to_other)


def _in_thread(request: Request) -> Request:
    """Return the request with an answer in a new thread, which begins at the message and has its id."""
    place, target = request.place, DiscordReplyTarget.of(request)
    first, _, _ = request.text.strip().partition("\n")
    title = first[:LONGEST_TITLE].strip() or f"{request.person.name} and the bot"
    target = replace(target, channel=request.message, parent=place.channel, title=title)
    return replace(request, place=replace(place, thread=request.message), reply_target=target)


def _reply(message: discord.Message) -> discord.MessageReference | None:
    """Return the reference of a reply; a forward and a message of another channel are not replies."""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.default:
        return None
    return reference if reference.channel_id == message.channel.id else None


def _replied_to(message: discord.Message) -> int | None:
    """Return the author of the message replied to, where Discord sends it."""
    replied = _reply(message)
    target = replied.resolved if replied else None
    return target.author.id if isinstance(target, discord.Message) else None
