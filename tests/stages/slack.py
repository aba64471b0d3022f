"""Slack: the real slack-bolt against the strict server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fakes.slack import FakeSlack, Message
from tests.stages.base import Hook, Said, Shown, TeamStage

MAIN = {"ask": "text", "model": "name"}
"""The options that are written without their name."""


class SlackStage(TeamStage):
    """One channel; people go on in threads, where commands are written as mentions."""

    platform = "slack"

    async def open_platform(self) -> None:
        self.slack = await self.resources.enter_async_context(FakeSlack())
        self.users = {
            name: self.slack.add_user(name.capitalize(), admin=name == "root") for name in ("ann", "ben", "root")
        }
        self.names = {user: name for name, user in self.users.items()}
        self.channel = self.slack.add_channel("general", *self.users.values())

    @property
    def violations(self) -> list[str]:
        return self.slack.violations

    def tables(self) -> str:
        return f'[slack]\napi_url = "{self.slack.api_url}"\n'

    def secrets(self) -> Mapping[str, str]:
        return {"SLACK_BOT_TOKEN": self.slack.bot_token, "SLACK_APP_TOKEN": self.slack.app_token}

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
        given = dict(arguments or {})
        last = given.pop(MAIN.get(name, ""), "")
        options = [f"--{key}" if value == "yes" else f"--{key} {value}" for key, value in given.items()]
        words = " ".join(filter(None, [*options, last]))
        if said is not None and not said.channel.startswith("D"):
            return self._in_thread(said.channel, said.thread, self.slack.mention(f"/{name} {words}"), who)
        slash, text = ("/ask", words) if name == "ask" else ("/shoulders", f"{name} {words}")
        channel = said.channel if said else self.channel
        return Said(self.slack.command(channel, self.users[who], slash, text.strip()).trigger, who, channel)

    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        """A stream has no buttons before its end: Slack's own Stop button ends it."""
        found = await self.slack.wait(lambda: next((m for m in self._answers(said) if _offers(m, label)), None))
        if found.stream is not None and not found.stream.stopped:
            ts = self.slack.stop_session(said.channel, found.thread, self.users[who])
            return Said(f"stop:{said.channel}:{ts}", who, said.channel, found.thread)
        act = self.slack.press(said.channel, found.ts, label, self.users[who])
        return Said(act.trigger, who, said.channel, found.thread)

    async def sees(self, said: Said, words: str) -> None:
        await self.slack.wait(lambda: any(words in message.shown for message in self._answers(said)))

    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        found = [self._message(said, message) for message in messages]
        found = [message for message in found if not message.deleted]
        if not found:
            return Shown((), ())
        only_for = self.names.get(found[0].only_for, "")
        return Shown([message.shown for message in found], list(found[-1].buttons), only_for)

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

    def _in_thread(self, channel: str, thread: str, text: str, who: str) -> Said:
        ts = self.slack.post(channel, self.users[who], text, thread)
        return Said(f"{channel}:{ts}", who, channel, thread, ts)


def _offers(message: Message, label: str) -> bool:
    streaming = message.stream is not None and not message.stream.stopped
    return label in message.buttons or (label == "Stop" and streaming)
