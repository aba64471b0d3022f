"""What people do on Slack other than speaking, as requests: slash commands, buttons, menus, forms."""

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

LONGEST_QUOTE = 2_000


@dataclass(frozen=True, slots=True)
class InteractionReader:
    """Reads what Slack calls interactions. Each has a trigger, which makes it one act and lets a form be opened."""

    reader: SlackMessageReader

    async def slash(self, payload: Envelope, now: float) -> Request:
        """A slash command. Raises UserError."""
        channel, user = payload["channel_id"], payload["user_id"]
        team, url = payload.get("team_id") or self.reader.team, payload.get("response_url", "")
        read = partial(self.reader.words.slash, payload["command"], payload.get("text", ""), channel)
        path, arguments = await read(look=False)
        target = SlackReplyTarget(channel, team=team, response_url=url, since=now)
        act = Act(payload["trigger_id"], _order(now))

        async def named() -> Mapping[str, str]:
            return (await read())[1]

        return await self._request(act, user, path, arguments, target, named)

    async def press(self, payload: Envelope, now: float) -> Request | None:
        """A pressed button, or an entry picked from a menu; None for what is none of ours."""
        action = next(iter(payload.get("actions", ())), Control())
        path, arguments = read_action(action)
        target, user = self.origin(payload, now), user_of(payload)
        if path not in self.reader.words.paths or not target.channel:
            return None
        if target.thread in ("", target.pressed) and not target.hidden:
            below = self.reader.manner(self.reader.place(target.channel, ""), user).answers_in != "place"
            target = replace(target, thread=target.pressed if below else "")
        act = Act(payload["trigger_id"], order_of(action.get("action_ts") or f"{now:.6f}"))
        return await self._request(act, user, path, arguments, target)

    async def pointed(self, payload: Envelope, now: float) -> Request | None:
        """A shortcut chosen for a message, in whose thread the answer stands; None for what is none of ours."""
        path, message, user = payload.get("callback_id", ""), payload.get("message", {}), user_of(payload)
        target, ts = self._below(payload, now), message.get("ts", "")
        if path not in self.reader.words.paths or not target.channel:
            return None
        act = Act(payload["trigger_id"], order_of(payload.get("action_ts") or f"{now:.6f}"))

        files: tuple[Attachment, ...] = ()

        async def named() -> Mapping[str, str]:
            nonlocal files
            prose = self.reader.words.prose(text_of(message), target.channel)
            text, (files,) = await asyncio.gather(prose, attachments(self.reader.rest, [message]))
            return {"text": text}

        request = await self._request(act, user, path, {}, target, named)
        return replace(request, replies_to=ts, attachments=files)

    async def sent(self, payload: Envelope, now: float) -> Request | None:
        """A form that was sent; None for what is none of ours."""
        path, arguments, target = modals.read_modal(payload.get("view", {}))
        message = ""
        if path == shortcuts.MORE:
            path, arguments, message = shortcuts.chosen(arguments)
        if path not in self.reader.words.paths:
            return None
        act = Act(payload["trigger_id"], _order(now))
        return replace(await self._request(act, user_of(payload), path, arguments, target), replies_to=message)

    async def more(self, payload: Envelope, now: float) -> Json:
        """The form with the tasks that a message's menu has no room for."""
        message, target = payload.get("message", {}), self._below(payload, now)
        words = await self.reader.words.prose(text_of(message), target.channel)
        return modals.modal_view(shortcuts.form(list(self.reader.words.paths.values()), message, words), target)

    def _below(self, payload: Envelope, now: float) -> SlackReplyTarget:
        """Where the answer to a shortcut goes: into the thread of its message, unless answers stand in the place."""
        target, ts = self.origin(payload, now), payload.get("message", {}).get("ts", "")
        below = self.reader.manner(self.reader.place(target.channel, ""), user_of(payload)).answers_in != "place"
        return replace(target, thread=target.thread or (ts if below else ""))

    def origin(self, payload: Envelope, now: float) -> SlackReplyTarget:
        """Where something was pressed, or where the form was asked for that was sent."""
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
        named: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
    ) -> Request:
        """The request; `named` gives its arguments with names that are looked up only for who may ask."""
        command = self.reader.words.paths[path]
        person, where = await asyncio.gather(
            self.reader.directory.person(user, rights=not command.converses),
            self.reader.directory.place_name(target.channel),
        )
        place = self.reader.place(target.channel, target.thread, where)
        private = command.quiet or "private" in arguments or target.hidden
        if named and await self.reader.wants(Request(act, place, person, path, arguments, private=private)):
            arguments = await named()
        if not (target.thread or target.pressed or target.home):
            below = self.reader.manner(place, user).answers_in != "place"
            target = replace(target, opening=_opening(person, path, command, arguments), below=below)
        return Request(act, place, person, path, arguments, private=private, reply_target=target)


def user_of(payload: Envelope) -> str:
    """Who pressed or sent something."""
    return payload["user"]["id"]


def _opening(person: Person, path: str, command: Command, arguments: Mapping[str, str]) -> str:
    """The message whose thread holds the answer to a slash command: everybody sees who asked what."""
    words = arguments.get("text", "") if command.converses else written_command(path, command, arguments)
    if len(words) > LONGEST_QUOTE:
        words = f"{words[:LONGEST_QUOTE]}…"
    quoted = "\n".join(f"> {line}" for line in words.splitlines())
    return harmless(f"**{person.name}** asked:\n{quoted}")


def _order(now: float) -> int:
    return int(now * 1_000_000)
