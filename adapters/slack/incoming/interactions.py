"""Requests from slash commands, buttons, menus, shortcuts and forms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from adapters.shared.command_line import written_command
from adapters.slack import shortcuts
from adapters.slack.incoming.attachments import attachments
from adapters.slack.incoming.message_text import text_of
from adapters.slack.incoming.messages import SlackMessageReader
from adapters.slack.outgoing import modals
from adapters.slack.outgoing.markdown import harmless
from adapters.slack.payloads import Control, Envelope
from adapters.slack.reply_target import Json, SlackReplyTarget, order_of, read_action
from bot.interfaces.command import Command
from bot.interfaces.messages import Act, Attachment, Person, Request

LONGEST_QUESTION = 2_000


@dataclass(frozen=True, slots=True)
class InteractionReader:
    """A reader of Slack's interactions. Each has a trigger id, which identifies the act and opens a form."""

    reader: SlackMessageReader

    async def slash(self, payload: Envelope, now: float) -> Request:
        """Return the request of a slash command. Raises UserError."""
        channel, user = payload["channel_id"], payload["user_id"]
        team, url = payload.get("team_id") or self.reader.team, payload.get("response_url", "")
        read = partial(self.reader.command_text.slash, payload["command"], payload.get("text", ""), channel)
        path, arguments = await read(look=False)
        target = SlackReplyTarget(channel, team=team, response_url=url, since=now)
        act = Act(payload["trigger_id"], _order(now))

        async def resolve() -> Mapping[str, str]:
            return (await read())[1]

        return await self._request(act, user, path, arguments, target, resolve)

    async def press(self, payload: Envelope, now: float) -> Request | None:
        """Return the request of a pressed button or a picked entry; None for those of other apps."""
        action = next(iter(payload.get("actions", ())), Control())
        path, arguments = read_action(action)
        target, user = self.origin(payload, now), user_of(payload)
        if path not in self.reader.command_text.paths or not target.channel:
            return None
        if target.thread in ("", target.pressed) and not target.hidden:
            below = self.reader.manner(self.reader.place(target.channel, ""), user).answers_in != "place"
            target = replace(target, thread=target.pressed if below else "")
        act = Act(payload["trigger_id"], order_of(action.get("action_ts") or f"{now:.6f}"))
        return await self._request(act, user, path, arguments, target)

    async def pointed(self, payload: Envelope, now: float) -> Request | None:
        """Return the request of a shortcut, with an answer in the message's thread; None for those of other apps."""
        path, message, user = payload.get("callback_id", ""), payload.get("message", {}), user_of(payload)
        target, ts = self._below(payload, now), message.get("ts", "")
        if path not in self.reader.command_text.paths or not target.channel:
            return None
        act = Act(payload["trigger_id"], order_of(payload.get("action_ts") or f"{now:.6f}"))

        files: tuple[Attachment, ...] = ()

        async def resolve() -> Mapping[str, str]:
            nonlocal files
            prose = self.reader.command_text.prose(text_of(message), target.channel)
            text, (files,) = await asyncio.gather(prose, attachments(self.reader.rest, [message]))
            return {"text": text}

        request = await self._request(act, user, path, {}, target, resolve)
        return replace(request, replies_to=ts, attachments=files)

    async def sent(self, payload: Envelope, now: float) -> Request | None:
        """Return the request of a sent form; None for those of other apps."""
        path, arguments, target = modals.read_modal(payload.get("view", {}))
        message = ""
        if path == shortcuts.MORE:
            path, arguments, message = shortcuts.read_form(arguments)
        if path not in self.reader.command_text.paths:
            return None
        act = Act(payload["trigger_id"], _order(now))
        return replace(await self._request(act, user_of(payload), path, arguments, target), replies_to=message)

    async def more(self, payload: Envelope, now: float) -> Json:
        """Return the form with the tasks that are not in a message's menu."""
        message, target = payload.get("message", {}), self._below(payload, now)
        text = await self.reader.command_text.prose(text_of(message), target.channel)
        return modals.modal_view(shortcuts.form(list(self.reader.command_text.paths.values()), message, text), target)

    def _below(self, payload: Envelope, now: float) -> SlackReplyTarget:
        """Return the target of a shortcut's answer: the message's thread, unless answers stay in the channel."""
        target, ts = self.origin(payload, now), payload.get("message", {}).get("ts", "")
        below = self.reader.manner(self.reader.place(target.channel, ""), user_of(payload)).answers_in != "place"
        return replace(target, thread=target.thread or (ts if below else ""))

    def origin(self, payload: Envelope, now: float) -> SlackReplyTarget:
        """Return the target of a press, or the one that a sent form holds."""
        view, container = payload.get("view", {}), payload.get("container", {})
        if payload.get("type") == "view_submission":
            return modals.read_modal(view)[2]
        return SlackReplyTarget(
            payload.get("channel", {}).get("id") or view.get("private_metadata", ""),
            container.get("thread_ts") or payload.get("message", {}).get("thread_ts", ""),
            payload.get("user", {}).get("team_id") or self.reader.team,
            response_url=payload.get("response_url", ""),
            since=now,
            hidden=container.get("is_ephemeral", False),
            pressed=container.get("message_ts", ""),
            home=bool(view),
        )

    async def _request(
        self,
        act: Act,
        user: str,
        path: str,
        arguments: Mapping[str, str],
        target: SlackReplyTarget,
        resolve: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
    ) -> Request:
        """Return the request. `resolve` returns its arguments with names, which only a permitted request looks up."""
        command = self.reader.command_text.paths[path]
        person, where = await asyncio.gather(
            self.reader.directory.person(user, rights=not command.converses),
            self.reader.directory.place_name(target.channel),
        )
        place = self.reader.place(target.channel, target.thread, where)
        private = command.quiet or "private" in arguments or target.hidden
        if resolve and await self.reader.wants(Request(act, place, person, path, arguments, private=private)):
            arguments = await resolve()
        if not (target.thread or target.pressed or target.home):
            below = self.reader.manner(place, user).answers_in != "place"
            target = replace(target, opening=_question(person, path, command, arguments), below=below)
        return Request(act, place, person, path, arguments, private=private, reply_target=target)


def user_of(payload: Envelope) -> str:
    """Return the id of the person who pressed or sent something."""
    return payload["user"]["id"]


def _question(person: Person, path: str, command: Command, arguments: Mapping[str, str]) -> str:
    """Return the message above the answer to a slash command: it shows the asker and the question to everybody."""
    text = arguments.get("text", "") if command.converses else written_command(path, command, arguments)
    if len(text) > LONGEST_QUESTION:
        text = f"{text[:LONGEST_QUESTION]}…"
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    return harmless(f"**{person.name}** asked:\n{quoted}")


def _order(now: float) -> int:
    return int(now * 1_000_000)
