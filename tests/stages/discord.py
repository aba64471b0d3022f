"""Discord: the real discord.py against the strict server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from adapters.discord.timeouts import DiscordTimeouts
from bot.interfaces.adapter import Adapter
from bot.interfaces.messages import Subject
from tests.adapters.discord.town import hurry
from tests.fakes.discord import FakeDiscord, Interaction, Message
from tests.fakes.discord.people import ENTITIES
from tests.fakes.discord.world import DIRECT, PRIVATE_THREAD, READ_HISTORY, VIEW
from tests.stages.base import HIDEOUT, Hook, Said, Shown, TeamStage

FLAG = 5


class DiscordStage(TeamStage):
    """One guild with one channel; people continue by replies."""

    platform = "discord"
    cannot = {  # noqa: RUF012 -- declared on Stage
        "guests": "Discord does not have guests: everybody on a server is a member."
    }

    async def open_platform(self) -> None:
        self.discord = await self.resources.enter_async_context(FakeDiscord(self.tls, self.host))
        self.discord.rates.on = self.rates
        guild = self.discord.add_guild("Team")
        self.channel = self.discord.add_channel(guild, "general")
        self.manages = self.discord.add_role(guild, "Managers", manages=True)
        self.users = {name: self.discord.add_user(name.capitalize()) for name in ("ann", "ben", "root")}
        for name, user in self.users.items():
            self.discord.add_member(guild, user, *([self.manages] if name == "root" else []))
        self.names = {user: name for name, user in self.users.items()}
        self.guild = guild

    def wrap(self, adapter: Adapter) -> Adapter:
        hurry(adapter, DiscordTimeouts(identify=0.0))
        return adapter

    @property
    def violations(self) -> list[str]:
        return self.discord.violations

    def tables(self) -> str:
        addresses = f'api_url = "{self.discord.api_url}"\ngateway_url = "{self.discord.gateway_url}"\n'
        return f"[discord]\n{addresses}edits_per_second = {4.5 if self.rates else 1000.0}\n"

    def secrets(self) -> Mapping[str, str]:
        return {"DISCORD_TOKEN": self.discord.token}

    async def mention(
        self, text: str, who: str = "ann", *, files: Sequence[str] = (), said: Said | None = None
    ) -> Said:
        return self._post(said.channel if said else self.channel, self.discord.mention(text), who, files=files)

    async def thread(self, *lines: str) -> Said:
        made = self.discord.add_thread(self.channel, "Deploying", self.users["ben"])
        return [self._post(made, line, "ben") for line in lines][-1]

    async def speak(self, said: Said, text: str, who: str = "ben", to: str = "") -> Said:
        return self._post(said.channel, f"<@{self.users[to]}> {text}" if to else text, who)

    async def hideouts(self, *who: str) -> Sequence[Said]:
        """Return a hidden channel, a channel without its history for others, and a private thread."""
        others = [user for name, user in self.users.items() if name not in who]
        channels = []
        for name, right in ((HIDEOUT, VIEW), ("new", READ_HISTORY)):
            channels.append(self.discord.add_channel(self.guild, name))
            self.discord.world.channels[channels[-1]].forbidden = dict.fromkeys(others, right)
        people = [self.users[name] for name in who]
        thread = self.discord.add_thread(self.channel, "A secret", people[0], people=people)
        return [Said("", who[0], channel) for channel in (*channels, thread)]

    async def reply(self, message: str, text: str, who: str) -> Said | None:
        """Reply to any message: a person may name its id, and Discord reports the message to the bot."""
        if message not in self.discord.world.messages:
            return None
        return self._post(self.channel, self.discord.mention(text), who, reply_to=message)

    def below(self, said: Said) -> Said:
        if said.message not in self.discord.world.channels:
            self.discord.add_thread(said.channel, "About it", self.users["ben"], said.message)
        return Said("", said.who, said.message)

    def visible(self, who: str) -> Sequence[str]:
        seen = [one for one in self.discord.world.messages.values() if not one.deleted and self._sees(who, one)]
        files = [content.decode(errors="replace") for one in seen for content in one.files.values()]
        return [*(one.content for one in seen), *files]

    def _sees(self, who: str, message: Message) -> bool:
        user, channels = self.users[who], self.discord.world.channels
        channel = channels[message.channel]
        if channel.type in (DIRECT, PRIVATE_THREAD) and user not in channel.people:
            return False
        parent = channels.get(channel.parent, channel)
        return message.only_for in ("", user) and not parent.forbidden.get(user, 0) & VIEW

    async def join(self) -> Said:
        guild = self.discord.add_guild("Another team")
        self.discord.add_channel(guild, "lobby")
        return Said(await self.ledger.accepted(lambda: self.discord.join(guild)), "", "")

    async def direct(self, text: str, who: str = "ann") -> Said:
        return self._post(self.discord.add_direct(self.users[who]), text, who)

    async def follow(self, said: Said, text: str, who: str = "ann") -> Said:
        request = await self.ledger.end(said.act)
        answer = self._message(min(self.ledger.messages[request].items())[1])
        return self._post(answer.channel, text, who, reply_to=answer.id)

    async def command(
        self, name: str, arguments: Mapping[str, str] | None = None, who: str = "ann", said: Said | None = None
    ) -> Said:
        channel = said.channel if said else self.channel
        return self._acted(self._slash(channel, name, arguments or {}, who))

    async def hand_in(
        self, name: str, file: tuple[str, bytes], arguments: Mapping[str, str] | None = None, who: str = "ann"
    ) -> Said:
        self.discord.held[file[0]] = file[1]
        return await self.command(name, {**(arguments or {}), "file": file[0]}, who)

    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        message = await self._answer_with(said, lambda one: label in one.buttons)
        return self._acted(self.discord.press(message, label, self.users[who]))

    async def pick(self, said: Said, label: str, value: str, who: str = "ann") -> Said:
        message = await self._answer_with(said, lambda one: label in one.menus)
        return self._acted(self.discord.pick(message, label, value, self.users[who]))

    async def fill(
        self,
        said: Said | None,
        command: str,
        arguments: Mapping[str, str],
        values: Mapping[str, str],
        who: str = "ann",
    ) -> Said:
        opened = self._slash(said.channel if said else self.channel, command, arguments, who)
        return await self._send_form(opened, values)

    async def fill_pressed(self, said: Said, label: str, values: Mapping[str, str], who: str = "ann") -> Said:
        message = await self._answer_with(said, lambda one: label in one.buttons)
        return await self._send_form(self.discord.press(message, label, self.users[who]), values)

    async def point(self, said: Said, label: str, who: str = "ann") -> Said:
        return self._acted(self.discord.shortcut(said.message, label, self.users[who]))

    async def fill_picked(
        self, said: Said, label: str, value: str, values: Mapping[str, str], who: str = "ann"
    ) -> Said:
        message = await self._answer_with(said, lambda one: label in one.menus)
        return await self._send_form(self.discord.pick(message, label, value, self.users[who]), values)

    async def post(self, text: str, who: str = "ann") -> Said:
        return self._post(self.channel, text, who)

    async def announced(self, words: str) -> None:
        await self.discord.wait(lambda: any(words in one.content for one in self.discord.messages(self.channel)))

    def answered_in_thread(self, said: Said) -> bool:
        (first, *_) = self.ledger.messages[self.ledger.requests[said.act]].values()
        return self._message(first).channel == said.message

    async def edit(self, said: Said, text: str) -> None:
        mentioned = self.discord.message(said.message).content.startswith(self.discord.mention())
        self.discord.edit(said.message, self.discord.mention(text) if mentioned else text)

    async def delete(self, said: Said) -> None:
        self.discord.delete(said.message)

    async def delete_channel(self) -> None:
        self.discord.delete_channel(self.channel)

    async def uninstall(self) -> None:
        self.discord.leave(self.guild)

    async def promote(self, who: str) -> None:
        self._roles(who).append(self.manages)

    async def complete(self, command: str, option: str, who: str) -> Sequence[str]:
        return await self.discord.complete(self.channel, self.users[who], command, option, "")

    async def demote(self, who: str, *, heard: bool = True) -> None:
        self._roles(who).remove(self.manages)

    async def give_role(self, who: str, role: str) -> str:
        made = self.discord.add_role(self.guild, role)
        self._roles(who).append(made)
        return str(Subject("role", made, role))

    async def sees(self, said: Said, words: str) -> None:
        await self.discord.wait(lambda: any(words in message.content for message in self._answers(said)))

    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        found = [self._message(message) for message in dict.fromkeys(messages)]
        found = [message for message in found if not message.deleted]
        if not found:
            return Shown((), ())
        last, people = found[-1], self.discord.world.channels[found[0].channel].people
        alone = found[0].only_for or (people[0] if people and found[0].channel != said.channel else "")
        files = [(str(one["filename"]), last.files[str(one["id"])]) for one in last.attachments]
        texts = [message.content for message in found]
        return Shown(texts, list(last.buttons), self.names.get(alone, ""), files, list(last.menus))

    def from_bot(self) -> Sequence[str]:
        return [one.id for one in self.discord.messages(self.channel) if one.author == self.discord.bot]

    async def connected(self) -> None:
        await self.discord.connected()

    def watch(self, hook: Hook) -> None:
        self.discord.on_request = hook

    def time_passes(self, seconds: float) -> None:
        self.discord.clock.ahead += seconds

    def _answers(self, said: Said) -> list[Message]:
        """Return the answer so far: under the question, in its thread, or private."""
        asked = self.discord.world.interactions.get(said.act, said.message)
        direct = self.discord.add_direct(self.users[said.who]) if said.who else said.channel
        beside = [self.discord.messages(channel) for channel in {said.message, direct} - {said.channel}]
        mine = [one for messages in beside for one in messages if one.author == self.discord.bot]
        return [*self.discord.answers_to(asked), *(one for one in mine if int(one.id) > int(said.act))]

    async def _answer_with(self, said: Said, wanted: Callable[[Message], bool]) -> str:
        return await self.discord.wait(lambda: next((one.id for one in self._answers(said) if wanted(one)), None))

    async def _send_form(self, opened: Interaction, values: Mapping[str, str]) -> Said:
        await self.discord.wait(lambda: opened.callback)
        assert opened.modal, "no form was opened"
        return self._acted(self.discord.submit(opened, values))

    def _slash(self, channel: str, name: str, arguments: Mapping[str, str], who: str) -> Interaction:
        """Return the options as Discord's own client fills them in: with ids, and with set flags."""
        kinds = {str(option["name"]): option["type"] for option in self.discord.options(name)}
        options = {key: self._value(kinds.get(key), value) for key, value in arguments.items()}
        return self.discord.slash(channel, self.users[who], name, options)

    def _value(self, kind: object, value: str) -> str | bool:
        if kind == FLAG:
            return value == "yes"
        subject = Subject.read(value) if kind in ENTITIES else None
        return (subject.id or self.guild) if subject else value

    def _message(self, name: str) -> Message:
        """Return a message by its id, or by "channel/id" in direct messages."""
        return self.discord.message(name.rpartition("/")[2])

    def _roles(self, who: str) -> list[str]:
        return self.discord.world.guilds[self.guild].members[self.users[who]]

    def _post(self, channel: str, text: str, who: str, **more: object) -> Said:
        message = self.discord.post(channel, self.users[who], text, **more)  # type: ignore[arg-type]  # its keywords
        return Said(message, who, channel, message=message)

    def _acted(self, interaction: Interaction) -> Said:
        return Said(interaction.id, self.names[interaction.user], interaction.channel)
