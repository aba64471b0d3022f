"""Slack: the real slack-bolt against the strict server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.slack.shortcuts import MORE, arranged
from bot.interfaces.messages import Subject
from tests.fakes.slack import FakeSlack, Message
from tests.stages.base import HIDEOUT, Hook, Said, Shown, TeamStage


class SlackStage(TeamStage):
    """One channel; people continue in threads, where they write commands as mentions."""

    platform = "slack"

    async def open_platform(self) -> None:
        self.slack = await self.resources.enter_async_context(FakeSlack(self.tls, self.host))
        self.slack.rates.on = self.rates
        self.users = {
            name: self.slack.add_user(name.capitalize(), admin=name == "root", guest=name == "gil")
            for name in ("ann", "ben", "root", "gil")
        }
        self.names = {user: name for name, user in self.users.items()}
        self.channel = self.slack.add_channel("general", *self.users.values())

    @property
    def violations(self) -> list[str]:
        return self.slack.violations

    def tables(self) -> str:
        return f'[slack]\napi_url = "{self.slack.api_url}"\npace = {1.0 if self.rates else 1000.0}\n'

    def secrets(self) -> Mapping[str, str]:
        return {"SLACK_BOT_TOKEN": self.slack.bot_token, "SLACK_APP_TOKEN": self.slack.app_token}

    async def answer(self, said: Said) -> Shown:
        """A command that never reached the core has an immediate answer, only for the person."""
        act = self.slack.world.acts.get(said.act)
        if act is not None:
            await self.slack.wait(lambda: act.acknowledged)
            if said.act not in self.ledger.requests:
                hidden = [one.shown for one in self.slack.only_seen_by(act.user) if one.source == said.act]
                return Shown([*filter(None, [act.told]), *hidden], (), said.who)
        return await super().answer(said)

    async def mention(
        self, text: str, who: str = "ann", *, files: Sequence[str] = (), said: Said | None = None
    ) -> Said:
        if said is not None:
            return self._in_thread(said.channel, said.thread, self.slack.mention(text), who)
        ts = self.slack.post(self.channel, self.users[who], self.slack.mention(text), files=files)
        return Said(f"{self.channel}:{ts}", who, self.channel, ts, ts)

    async def thread(self, *lines: str) -> Said:
        root = self.slack.post(self.channel, self.users["ben"], lines[0])
        said = Said(f"{self.channel}:{root}", "ben", self.channel, root, root)
        return [said, *(self._in_thread(self.channel, root, line, "ben") for line in lines[1:])][-1]

    async def speak(self, said: Said, text: str, who: str = "ben", to: str = "") -> Said:
        return self._in_thread(said.channel, said.thread, f"<@{self.users[to]}> {text}" if to else text, who)

    async def hideouts(self, *who: str) -> Sequence[Said]:
        people = [self.users[name] for name in who]
        channels = [self.slack.add_channel(HIDEOUT, *people, kind=kind) for kind in ("group", "mpim")]
        return [Said("", who[0], channel) for channel in channels]

    async def reply(self, message: str, text: str, who: str) -> Said | None:
        """Continue in the message's thread."""
        known = self.slack.world.messages.get((self.channel, message))
        return self._in_thread(self.channel, known.thread or message, self.slack.mention(text), who) if known else None

    def below(self, said: Said) -> Said:
        return Said("", said.who, said.channel, said.thread or said.message)

    def visible(self, who: str) -> Sequence[str]:
        user = self.users[who]
        open_to = {one.id for one in self.slack.world.channels.values() if one.kind == "channel" or user in one.members}
        seen = [one for one in self.slack.world.messages.values() if one.channel in open_to and not one.deleted]
        files = [content.decode(errors="replace") for one in seen for _, content in self.slack.contents(one)]
        return [*(one.shown for one in [*seen, *self.slack.only_seen_by(user)]), *files]

    async def join(self) -> Said:
        channel = self.slack.add_channel("lobby", self.users["ben"], joined=False)
        return Said(await self.ledger.accepted(lambda: self.slack.join(channel)), "", channel)

    async def direct(self, text: str, who: str = "ann") -> Said:
        channel = self.slack.add_direct(self.users[who])
        ts = self.slack.post(channel, self.users[who], text)
        return Said(f"{channel}:{ts}", who, channel, ts, ts)

    async def follow(self, said: Said, text: str, who: str = "ann") -> Said:
        request = await self.ledger.end(said.act)
        thread = said.thread or self.ledger.messages[request][-1]
        return self._in_thread(said.channel, thread, text, who)

    async def command(
        self, name: str, arguments: Mapping[str, str] | None = None, who: str = "ann", said: Said | None = None
    ) -> Said:
        words = self.written(name, arguments or {})
        if said is not None and not said.channel.startswith("D"):
            return self._in_thread(said.channel, said.thread, self.slack.mention(f"/{name} {words}"), who)
        slash, text = ("/ask", words) if name == "ask" else ("/shoulders", f"{name} {words}")
        channel = said.channel if said else self.channel
        return Said(self.slack.command(channel, self.users[who], slash, text.strip()).trigger, who, channel)

    async def hand_in(
        self, name: str, file: tuple[str, bytes], arguments: Mapping[str, str] | None = None, who: str = "ann"
    ) -> Said:
        """Use a mention: slash commands cannot have files."""
        self.slack.held[file[0]] = file[1]
        return await self.mention(f"/{name} {self.written(name, arguments or {})}".strip(), who, files=[file[0]])

    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        """Use Slack's own button Stop for a stream, which has no buttons before its end."""
        found = await self.slack.wait(lambda: next((m for m in self._seen(said, who) if _offers(m, label)), None))
        if found.stream is not None and not found.stream.stopped:
            ts = self.slack.stop_session(said.channel, found.thread, self.users[who])
            return Said(f"stop:{said.channel}:{ts}", who, said.channel, found.thread)
        act = self.slack.press(said.channel, found.ts, label, self.users[who])
        return Said(act.trigger, who, said.channel, found.thread)

    async def pick(self, said: Said, label: str, value: str, who: str = "ann") -> Said:
        found = await self.slack.wait(lambda: next((m for m in self._seen(said, who) if label in m.menus), None))
        act = self.slack.pick(said.channel, found.ts, label, value, self.users[who])
        return Said(act.trigger, who, said.channel, found.thread)

    async def fill(
        self,
        said: Said | None,
        command: str,
        arguments: Mapping[str, str],
        values: Mapping[str, str],
        who: str = "ann",
    ) -> Said:
        """Use a slash command, which opens the form; threads do not have any."""
        return await self._fill(await self.command(command, arguments, who), values)

    async def fill_pressed(self, said: Said, label: str, values: Mapping[str, str], who: str = "ann") -> Said:
        found = await self.slack.wait(lambda: next((m for m in self._seen(said, who) if label in m.buttons), None))
        act = self.slack.press(said.channel, found.ts, label, self.users[who])
        return await self._fill(Said(act.trigger, who, said.channel, found.thread), values)

    async def point(self, said: Said, label: str, who: str = "ann") -> Said:
        """Use the form of the menu's last entry for shortcuts without room in the menu."""
        user, (direct, rest) = self.users[who], arranged(self.app.services.commands)
        names = {command.shortcut: command.name for command in (*direct, *rest)}
        shown = label in [command.shortcut for command in direct]
        act = self.slack.shortcut(said.channel, said.message, names[label] if shown else MORE, user)
        if not shown:
            await self.slack.wait(lambda: self.slack.modal(user))
            act = self.slack.send(user, {"task": names[label]})
        return Said(act.trigger, who, said.channel, said.thread or said.message)

    async def fill_picked(
        self, said: Said, label: str, value: str, values: Mapping[str, str], who: str = "ann"
    ) -> Said:
        return await self._fill(await self.pick(said, label, value, who), values)

    async def post(self, text: str, who: str = "ann") -> Said:
        ts = self.slack.post(self.channel, self.users[who], text)
        return Said(f"{self.channel}:{ts}", who, self.channel, ts, ts)

    async def announced(self, words: str) -> None:
        await self.slack.wait(lambda: any(words in message.shown for message in self.slack.answers(self.channel)))

    def answered_in_thread(self, said: Said) -> bool:
        (first, *_) = self.ledger.messages[self.ledger.requests[said.act]].values()
        return self._message(said, first).thread == said.message

    async def edit(self, said: Said, text: str) -> None:
        mention = "" if said.channel.startswith("D") else self.slack.mention() + " "
        self.slack.edit(said.channel, said.message, mention + text)
        await self.slack.settled()

    async def delete(self, said: Said) -> None:
        self.slack.delete(said.channel, said.message)
        await self.slack.settled()

    async def delete_channel(self) -> None:
        self.slack.delete_channel(self.channel)
        await self.slack.settled()

    async def uninstall(self) -> None:
        self.slack.uninstall()
        await self.slack.settled()

    async def promote(self, who: str) -> None:
        self.slack.change(self.users[who], admin=True)
        await self.slack.settled()

    async def demote(self, who: str, *, heard: bool = True) -> None:
        if not heard:
            self.slack.world.users[self.users[who]].admin = False
            return
        self.slack.change(self.users[who], admin=False)
        await self.slack.settled()

    async def page(self, who: str) -> str:
        user = self.users[who]
        self.slack.world.homes.pop(user, None)
        self.slack.open_home(user, self.slack.add_direct(user))
        return await self.slack.wait(lambda: self.slack.home(user))

    async def give_role(self, who: str, role: str) -> str:
        group = self.slack.group(role, self.users[who])
        await self.slack.settled()
        return str(Subject("role", group, role))

    async def sees(self, said: Said, words: str) -> None:
        await self.slack.wait(lambda: any(words in message.shown for message in self._answers(said)))

    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        texts = [self._message(said, message) for message in messages if not _is_file(message)]
        texts = [message for message in texts if not message.deleted]
        keys = [key for message in messages if _is_file(message) for key in message.rpartition("/")[2].split(",")]
        uploads = [self.slack.world.uploads[key] for key in keys]
        files = [(upload.name, upload.content or b"") for upload in uploads if upload.shared]
        if not texts:
            return Shown((), (), files=files)
        last, only_for = texts[-1], self.names.get(texts[0].only_for, "")
        return Shown([message.shown for message in texts], list(last.buttons), only_for, files, list(last.menus))

    def from_bot(self) -> Sequence[str]:
        return [message.ts for message in self.slack.answers(self.channel)]

    async def connected(self) -> None:
        await self.slack.wait(lambda: self.slack.socket.sockets)

    def watch(self, hook: Hook) -> None:
        self.slack.on_request = hook

    def time_passes(self, seconds: float) -> None:
        self.slack.clock.ahead += seconds

    def _message(self, said: Said, message: str) -> Message:
        if not message.startswith("~"):
            channel, _, ts = message.rpartition("/")
            return self.slack.find(channel or said.channel, ts)
        hidden = self.slack.only_seen_by(self.users[said.who])
        return next((one for one in hidden if one.source == said.act), hidden[-1])

    def _answers(self, said: Said) -> list[Message]:
        if said.thread:
            return self.slack.answers(said.channel, said.thread)
        opened = (m for m in self.slack.answers(said.channel, "") if m.metadata and said.act in str(m.metadata))
        return [answer for opening in opened for answer in self.slack.answers(said.channel, opening.ts)]

    def _seen(self, said: Said, who: str) -> list[Message]:
        """Return the public answers and those only for this person."""
        return [*self._answers(said), *reversed(self.slack.only_seen_by(self.users[who]))]

    async def _fill(self, opened: Said, values: Mapping[str, str]) -> Said:
        """Send the form, if it is open."""
        user, act = self.users[opened.who], self.slack.world.acts[opened.act]
        await self.slack.wait(lambda: act.acknowledged)
        if not self.slack.modal(user):
            return opened
        return Said(self.slack.send(user, values).trigger, opened.who, opened.channel, opened.thread)

    def _in_thread(self, channel: str, thread: str, text: str, who: str) -> Said:
        ts = self.slack.post(channel, self.users[who], text, thread)
        return Said(f"{channel}:{ts}", who, channel, thread, ts)


def _is_file(message: str) -> bool:
    return message.rpartition("/")[2].startswith("F")


def _offers(message: Message, label: str) -> bool:
    streaming = message.stream is not None and not message.stream.stopped
    return label in message.buttons or (label == "Stop" and streaming)
