"""Slack's events as requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.directory import Directory
from adapters.slack.handle import Handle, Json, order_of, read_button
from adapters.slack.rest import listed
from adapters.slack.text import harmless, is_to_others, mentioned, readable
from bot.types import Act, Attachment, Command, Option, Person, Place, Request

SAID = ("", "file_share", "thread_broadcast")
"""Subtypes of messages that people write."""

LONGEST_QUOTE = 2_000

_COMMAND = re.compile(r"/([a-z0-9-]{1,32})(?:\s+(.*))?", re.DOTALL)
_OPTION = re.compile(r"(?:--|[—–])(?P<long>[\w-]+)(?:[=:\s]+(?P<a>[^\s-]\S*))?|(?P<short>[\w-]+)[:=](?P<b>\S*)")
"""`--model NAME`, `--model=NAME` or `model:NAME`; people's keyboards make a dash of the two hyphens."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads events as the bot `me` of workspace `team`; `commands` by name, `ask` is the slash command for that one."""

    me: str
    team: str
    commands: Mapping[str, Command]
    directory: Directory
    ask: str

    def wants(self, event: Json) -> bool:
        """Whether a message is, or may be, for the bot. Needs nothing that must be looked up."""
        if event.get("bot_id") or event.get("subtype", "") not in SAID or not event.get("user") or event.get("hidden"):
            return False
        if event["user"] == self.me:
            return False
        if self._addressed(event):
            return True
        return _thread(event) not in ("", event.get("ts")) and not is_to_others(str(event.get("text", "")), self.me)

    async def message(self, event: Json) -> Request | None:
        """A message that is wanted; None when a bot wrote it."""
        channel, ts, user = str(event["channel"]), str(event["ts"]), str(event["user"])
        said, direct = str(event.get("text", "")), _is_direct(channel)
        names, person, where = await asyncio.gather(
            self.directory.names([key for key in mentioned(said) if key != self.me]),
            self.directory.person(user),
            self.directory.place_name(channel),
        )
        text, addressed = readable(said, names, self.me), self._addressed(event)
        command, arguments = self._command(text) if addressed else ("chat", {"text": text})
        if command != "chat":
            person = await self.directory.person(user, rights=True)
        hidden = (self.commands[command].quiet or "private" in arguments) and not direct
        thread = _thread(event) or ts
        team = str(event.get("user_team") or event.get("team") or self.team)
        return (
            None
            if person.bot
            else Request(
                act=Act(f"{channel}:{ts}", order_of(ts)),
                place=self._place(channel, thread, where),
                person=person,
                command=command,
                arguments=arguments,
                attachments=tuple(_attachment(file) for file in listed(event.get("files"))),
                message=ts,
                addressed=addressed,
                private=hidden,
                handle=Handle(channel, thread, team, hidden=hidden).dump(),
            )
        )

    async def slash(self, payload: Json, now: float) -> Request | str:
        """A slash command; instead of a request, what to tell the person at once."""
        words = readable(str(payload.get("text", "")), {}, self.me)
        name, rest = ("ask", words) if payload["command"] == self.ask else _first_word(words or "help")
        command = self.commands.get(name.removeprefix("/"))
        if command is None or command.hidden:
            return self._usage(str(payload["command"]), name)
        arguments = parse(command, rest)
        missing = next((option for option in command.options if option.required and option.name not in arguments), None)
        if missing is not None:
            return f"Write it after the command: `{payload['command']}` … {_hints(command)}"
        channel, user = str(payload["channel_id"]), str(payload["user_id"])
        person, where = await asyncio.gather(
            self.directory.person(user, rights=not command.converses), self.directory.place_name(channel)
        )
        private = command.quiet or "private" in arguments
        handle = Handle(
            channel,
            team=str(payload.get("team_id") or self.team),
            opening="" if private else _opening(person, command, arguments),
            response_url=str(payload.get("response_url", "")),
            since=now,
            hidden=private,
        )
        act, place = Act(str(payload["trigger_id"]), int(now * 1_000_000)), self._place(channel, "", where)
        return Request(act, place, person, command.name, arguments, private=private, handle=handle.dump())

    async def press(self, payload: Json, now: float) -> Request | None:
        """A pressed button; None for what is none of ours."""
        action = next(iter(listed(payload.get("actions"))), {})
        name, arguments = read_button(str(action.get("value", "")))
        channel, container, user = (_object(payload, key) for key in ("channel", "container", "user"))
        command = self.commands.get(name)
        if command is None or not channel.get("id"):
            return None
        key, message = str(channel["id"]), str(container.get("message_ts", ""))
        thread = str(container.get("thread_ts") or _object(payload, "message").get("thread_ts") or message)
        person, where = await asyncio.gather(
            self.directory.person(str(user["id"]), rights=True), self.directory.place_name(key)
        )
        hidden = command.quiet or container.get("is_ephemeral") is True
        handle = Handle(
            key,
            thread,
            str(user.get("team_id") or self.team),
            response_url=str(payload.get("response_url", "")),
            since=now,
            hidden=hidden,
            pressed="" if hidden else message,
        )
        act = Act(str(payload["trigger_id"]), order_of(str(action.get("action_ts") or f"{now:.6f}")))
        place = self._place(key, thread, where)
        return Request(act, place, person, name, arguments, private=hidden, handle=handle.dump())

    async def stopped(self, event: Json) -> Request:
        """Slack's own Stop button."""
        channel, thread, user = str(event["channel"]), str(event.get("thread_ts", "")), str(event["user"])
        person, where = await asyncio.gather(
            self.directory.person(user, rights=True), self.directory.place_name(channel)
        )
        act = Act(f"stop:{channel}:{event['event_ts']}", order_of(str(event["event_ts"])))
        handle = Handle(channel, thread, self.team, hidden=True)
        return Request(act, self._place(channel, thread, where), person, "stop", private=True, handle=handle.dump())

    async def joined(self, event: Json) -> Request:
        """The bot joined a channel."""
        channel, at = str(event["channel"]), str(event.get("event_ts", "0"))
        inviter = str(event.get("inviter") or self.me)
        person, where = await asyncio.gather(self.directory.person(inviter), self.directory.place_name(channel))
        act = Act(f"join:{channel}:{at}", order_of(at))
        handle = Handle(channel, team=self.team)
        return Request(act, self._place(channel, "", where), person, "welcome", handle=handle.dump())

    def _addressed(self, event: Json) -> bool:
        return _is_direct(str(event["channel"])) or self.me in mentioned(str(event.get("text", "")))

    def _place(self, channel: str, thread: str, where: str) -> Place:
        """A direct message is one place, whatever threads it has."""
        direct = _is_direct(channel)
        return Place("slack", self.team, channel, "" if direct else thread, direct, where)

    def _command(self, text: str) -> tuple[str, Mapping[str, str]]:
        """`/name rest` as that command; anything else is talk."""
        found = _COMMAND.fullmatch(text)
        command = self.commands.get(found[1]) if found else None
        if found is None or command is None or command.hidden:
            return "chat", {"text": text}
        return command.name, parse(command, found[2] or "")

    def _usage(self, slash: str, typed: str) -> str:
        offered = "\n".join(
            f"• `{slash} {name}` {command.summary}" for name, command in self.commands.items() if not command.hidden
        )
        return f"I do not know “{typed[:40]}”. What I can do:\n{offered}"


def parse(command: Command, words: str) -> Mapping[str, str]:
    """A command's arguments as people write them: options first, then the text."""
    options = {option.name: option for option in command.options}
    main = next((option.name for option in command.options if option.kind == "text"), "")
    arguments: dict[str, str] = {}
    rest = words.strip()
    while found := _OPTION.match(rest):
        option = options.get(found["long"] or found["short"])
        value = found["a"] or found["b"] or ""
        if option is None or option.name == main or (option.kind == "text" and not value):
            break
        flag = option.kind == "flag"
        arguments[option.name] = "yes" if flag else value
        rest = rest[found.end("long") if flag and found["long"] else found.end() :].lstrip()
    return arguments | ({main: rest} if main and rest else {})


def _hints(command: Command) -> str:
    optional = [option for option in command.options if not option.required]
    return "Before it you may write " + ", ".join(f"`{_written(option)}`" for option in optional) if optional else ""


def _written(option: Option) -> str:
    return f"--{option.name}" if option.kind == "flag" else f"--{option.name} NAME"


def _opening(person: Person, command: Command, arguments: Mapping[str, str]) -> str:
    """The message whose thread holds the answer to a slash command: everybody sees who asked what."""
    words = arguments.get("text") or " ".join([command.name, *arguments.values()])
    if len(words) > LONGEST_QUOTE:
        words = f"{words[:LONGEST_QUOTE]}…"
    quoted = "\n".join(f"> {line}" for line in words.splitlines())
    return harmless(f"**{person.name}** asked:\n{quoted}")


def _first_word(words: str) -> tuple[str, str]:
    first, *rest = words.split(maxsplit=1)
    return first.lower(), "".join(rest)


def _thread(event: Json) -> str:
    return str(event.get("thread_ts") or "")


def _is_direct(channel: str) -> bool:
    return channel.startswith("D")


def _object(payload: Json, key: str) -> Json:
    found = payload.get(key)
    return found if isinstance(found, dict) else {}


def _attachment(file: Json) -> Attachment:
    size = file.get("size")
    return Attachment(
        str(file.get("name") or file.get("title") or "a file"),
        str(file.get("mimetype") or ""),
        size if isinstance(size, int) else 0,
        str(file.get("url_private") or ""),
    )
