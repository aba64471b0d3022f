"""Discord: the real discord.py against the strict server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fakes.discord import FakeDiscord, Interaction, Message
from tests.stages.base import Hook, Said, Shown, TeamStage


class DiscordStage(TeamStage):
    """One guild with one channel; people go on by replying."""

    platform = "discord"

    async def open_platform(self) -> None:
        self.discord = await self.resources.enter_async_context(FakeDiscord())
        guild = self.discord.add_guild("Team")
        self.channel = self.discord.add_channel(guild, "general")
        manages = self.discord.add_role(guild, "Managers", manages=True)
        self.users = {name: self.discord.add_user(name.capitalize()) for name in ("ann", "ben", "root")}
        for name, user in self.users.items():
            self.discord.add_member(guild, user, *([manages] if name == "root" else []))
        self.names = {user: name for name, user in self.users.items()}
        self.guild = guild

    @property
    def violations(self) -> list[str]:
        return self.discord.violations

    def tables(self) -> str:
        addresses = f'api_url = "{self.discord.api_url}"\ngateway_url = "{self.discord.gateway_url}"\n'
        return f"[discord]\n{addresses}edits_per_second = 4.5\n"

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

    async def join(self) -> Said:
        guild = self.discord.add_guild("Another team")
        self.discord.add_channel(guild, "lobby")
        return Said(await self.ledger.accepted(lambda: self.discord.join(guild)), "", "")

    async def direct(self, text: str, who: str = "ann") -> Said:
        return self._post(self.discord.add_direct(self.users[who]), text, who)

    async def follow(self, said: Said, text: str, who: str = "ann") -> Said:
        request = await self.ledger.end(said.act)
        return self._post(said.channel, text, who, reply_to=self.ledger.messages[request][0])

    async def command(
        self, name: str, arguments: Mapping[str, str] | None = None, who: str = "ann", said: Said | None = None
    ) -> Said:
        options: dict[str, str | bool] = {
            key: True if value == "yes" else value for key, value in (arguments or {}).items()
        }
        channel = said.channel if said else self.channel
        return self._acted(self.discord.slash(channel, self.users[who], name, options), who)

    async def press(self, said: Said, label: str, who: str = "ann") -> Said:
        message = await self.discord.wait(
            lambda: next((one.id for one in self._answers(said) if label in one.buttons), None)
        )
        return self._acted(self.discord.press(message, label, self.users[who]), who)

    async def sees(self, said: Said, words: str) -> None:
        await self.discord.wait(lambda: any(words in message.content for message in self._answers(said)))

    async def show(self, said: Said, messages: Sequence[str]) -> Shown:
        found = [self.discord.message(message) for message in messages]
        found = [message for message in found if not message.deleted]
        if not found:
            return Shown((), ())
        return Shown(
            [message.content for message in found], list(found[-1].buttons), self.names.get(found[0].only_for, "")
        )

    def from_bot(self) -> Sequence[str]:
        return [one.id for one in self.discord.messages(self.channel) if one.author == self.discord.bot]

    async def connected(self) -> None:
        await self.discord.connected()

    def watch(self, hook: Hook) -> None:
        self.discord.on_request = hook

    def time_passes(self, seconds: float) -> None:
        self.discord.clock.ahead += seconds

    def _answers(self, said: Said) -> list[Message]:
        asked = self.discord.world.interactions.get(said.act, said.message)
        return self.discord.answers_to(asked)

    def _post(self, channel: str, text: str, who: str, **more: object) -> Said:
        message = self.discord.post(channel, self.users[who], text, **more)  # type: ignore[arg-type]  # its keywords
        return Said(message, who, channel, message=message)

    def _acted(self, interaction: Interaction, who: str) -> Said:
        return Said(interaction.id, who, interaction.channel)
