"""What people typed: which command it asks for and with what, or talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.shared.command_line import find_command, nearest_command, options_sentence, parse_arguments
from adapters.slack.incoming.message_text import joined
from adapters.slack.outgoing.mrkdwn import mentioned_ids, readable
from adapters.slack.people.directory import Directory
from bot.interfaces.command import Command, by_path
from bot.interfaces.errors import UserError

ParsedCommand = tuple[str, Mapping[str, str]]
"""The path of a command, and its arguments."""


class CommandText:
    """Reads what was said to the bot `me`; `ask` is the slash command for that one alone."""

    def __init__(self, me: str, commands: Sequence[Command], directory: Directory, ask: str) -> None:
        self.paths = by_path(commands)
        self._me = me
        self._commands = commands
        self._directory = directory
        self._ask = ask

    async def prose(self, said: str, here: str, *, look: bool = True, subjects: bool = False) -> str:
        """As people see it in the channel `here`; with `subjects`, mentions are values of options.

        Without `look`, only names that are known already are there.
        """
        others = [key for key in mentioned_ids(said) if key != self._me]
        names = await self._directory.names(others, here, look=look)
        return readable(said, names, self._me, subjects=subjects)

    async def message(self, said: str, beside: str, here: str, *, look: bool = True) -> ParsedCommand:
        """A message to the bot: `/name rest` is that command, anything else talk. Raises UserError.

        What came `beside` the words, such as a message that was shared, belongs to the text and never to the options.
        """
        text, further = await self.prose(said, here, look=look), await self.prose(beside, here, look=look)
        if text.startswith("/"):
            if found := await self._find(text, said, here, look=look):
                return self._whole(*self._with(found, further), "/")
            if near := nearest_command(text, self._commands):
                raise UserError(f"There is no command {text.split()[0]}. Did you mean /{near}?")
        return "chat", {"text": joined(text, further)}

    async def slash(self, slash: str, said: str, here: str, *, look: bool = True) -> ParsedCommand:
        """What was written after a slash command. Raises UserError."""
        name = "ask " if slash == self._ask else ""
        text = await self.prose(f"{name}{said}", here, look=look) or "help"
        found = await self._find(text, f"{name}{said}", here, look=look)
        if found is None:
            raise UserError(self._usage(slash, text))
        return self._whole(*found, "" if slash == self._ask else f"{slash} ")

    async def _find(self, text: str, said: str, here: str, *, look: bool) -> ParsedCommand | None:
        """Whom and what a mention means matters where the command has options for that."""
        found = find_command(text, self._commands)
        if found and any(option.kind in ("who", "channel") for option in found[1].options):
            found = find_command(await self.prose(said, here, look=look, subjects=True), self._commands)
        return (found[0], parse_arguments(*found)) if found else None

    def _with(self, asked: ParsedCommand, further: str) -> ParsedCommand:
        """The same with further text, where the command takes one."""
        path, given = asked
        if not further or all(option.name != "text" for option in self.paths[path].options):
            return asked
        return path, {**given, "text": joined(given.get("text", ""), further)}

    def _whole(self, path: str, given: Mapping[str, str], before: str) -> ParsedCommand:
        """Raises UserError where something is missing."""
        command = self.paths[path]
        missing = next((option for option in command.options if option.required and option.name not in given), None)
        if missing is None:
            return path, given
        typed = f"{before}{path}" if before else self._ask
        raise UserError(f"{missing.summary}? Write it after the command: `{typed} …`{options_sentence(command)}")

    def _usage(self, slash: str, typed: str) -> str:
        near = nearest_command(typed, self._commands)
        meant = f" Did you mean `{slash} {near}`?" if near else ""
        offered = "\n".join(
            f"• `{slash} {command.name}{_below(command)}` {command.summary}"
            for command in self._commands
            if not command.hidden
        )
        return f"I do not know “{typed.split()[0][:40]}”.{meant} What I can do:\n{offered}"


def _below(command: Command) -> str:
    return f" {' | '.join(below.name for below in command.subcommands)}" if command.subcommands else ""
